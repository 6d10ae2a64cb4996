//! What a command wants of a running instance, with nothing left to interpret but secrets: they are read when it
//! is done, never from the arguments.

use super::patch::Patch;
use protocol::control::ControlRequest;
use protocol::control::app::AppKeySpec;
use protocol::control::people::UserText;
use protocol::control::record::{EventFilter, LogFilter};
use std::path::PathBuf;

/// See the module.
#[derive(Debug, PartialEq)]
pub(crate) enum Deed {
    /// One question.
    Ask(Box<ControlRequest>),
    /// One question in JSON, answered in JSON; `None` = it comes on standard input.
    AskJson(Option<String>),
    /// The status again and again.
    WatchStatus,
    AddProvider {
        name: String,
        fields: Patch,
        key: Option<KeyFrom>,
    },
    AddProviderKey {
        provider: String,
        label: String,
        from: KeyFrom,
    },
    ProviderKey {
        provider: String,
        /// Its number or label.
        key: String,
        act: ProviderKeyAct,
    },
    AddApp {
        name: String,
        fields: Patch,
        /// The key to make with it.
        key: Option<AppKeySpec>,
    },
    AppKey {
        app: String,
        /// Its number, label or first characters.
        key: String,
        act: AppKeyAct,
    },
    /// Read it, change these fields, write it back unless somebody else was faster.
    Edit {
        what: Edited,
        fields: Patch,
    },
    AddUser {
        name: UserText,
        fields: Patch,
        password: SecretFrom,
    },
    SetPassword {
        user: UserText,
        password: SecretFrom,
    },
    /// The last lines; with `follow`, and those to come.
    Logs {
        filter: LogFilter,
        last: u32,
        follow: bool,
    },
    Events {
        filter: EventFilter,
        last: u32,
        follow: bool,
    },
    /// Values in force, of this path and below it.
    Config {
        under: Option<String>,
    },
    Apply {
        file: PathBuf,
        prune: bool,
        dry_run: bool,
        epoch: Option<u64>,
    },
    Import {
        files: Vec<PathBuf>,
        dry_run: bool,
        replace: bool,
        output: Option<PathBuf>,
    },
    Export {
        to: Option<PathBuf>,
    },
    /// A drain or restart, watched to its end.
    Await {
        request: Box<ControlRequest>,
        process: String,
    },
}

/// What is read, changed and written back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Edited {
    Provider(String),
    App(String),
    Route(String),
    Model { provider: String, model: String },
    Alias(String),
    User(UserText),
}

/// What is done to a key of a provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProviderKeyAct {
    Edit { label: Option<String>, enabled: Option<bool>, from: Option<KeyFrom> },
    Remove,
}

/// What is done to a key of an app.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AppKeyAct {
    Rotate { overlap_s: u64 },
    Revoke,
}

/// Where a provider's key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyFrom {
    /// Read now, sealed in the store.
    Text(SecretFrom),
    /// Only the reference is stored: a file that the supervisor reads.
    File(PathBuf),
    /// Only the reference is stored: a variable of the supervisor's environment.
    Env(String),
    /// Asked for if somebody is there to answer, who may answer nothing.
    Offered,
    /// What was typed is no place; it may be the secret itself, so nobody repeats it.
    NoPlace,
}

/// Where a secret is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretFrom {
    /// The terminal, without being shown.
    Prompt,
    /// The first line of standard input.
    Stdin,
}
