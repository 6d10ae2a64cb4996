//! Where a secret comes from. None is ever an argument: everybody on the machine could read it there.

use crate::cli::deed::{KeyFrom, SecretFrom};
use clap::Args;
use std::path::PathBuf;

/// Where a provider's key is.
#[derive(Args)]
#[group(multiple = false)]
pub(in crate::cli) struct KeyFlags {
    /// Read the key from standard input; it is sealed in the store.
    #[arg(long)]
    key_stdin: bool,
    /// Store only a reference: a file that the supervisor reads at each start of the worker.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Store only a reference: a variable of the supervisor's environment.
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
}

/// Where something else that is secret comes from: `ask`, `stdin`, `file:PATH`, `env:NAME`.
pub(super) fn source(text: &str) -> Result<KeyFrom, String> {
    Ok(match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => KeyFrom::File(path.into()),
        Some(("env", name)) if !name.is_empty() => KeyFrom::Env(name.to_owned()),
        None if text == "stdin" => KeyFrom::Text(SecretFrom::Stdin),
        None if text == "ask" => KeyFrom::Text(SecretFrom::Prompt),
        // A mistake here would be shown with what was typed.
        _ => KeyFrom::NoPlace,
    })
}

/// `NAME=SOURCE`
pub(super) fn named_source(text: &str) -> Result<(String, KeyFrom), String> {
    let Some((name, from)) = text.split_once('=') else { return Ok((String::new(), KeyFrom::NoPlace)) };
    Ok((name.trim().to_ascii_lowercase(), source(from.trim())?))
}

/// Where a password comes from.
#[derive(Args)]
pub(in crate::cli) struct PasswordFlags {
    /// Read the password from standard input instead of asking for it.
    #[arg(long)]
    password_stdin: bool,
}

impl KeyFlags {
    /// What was said, if anything.
    pub(super) fn said(self) -> Option<KeyFrom> {
        if self.key_stdin {
            return Some(KeyFrom::Text(SecretFrom::Stdin));
        }
        self.key_file.map(KeyFrom::File).or(self.key_env.map(KeyFrom::Env))
    }
}

impl PasswordFlags {
    pub(super) fn from(self) -> SecretFrom {
        if self.password_stdin { SecretFrom::Stdin } else { SecretFrom::Prompt }
    }
}
