//! `providers`: upstream accounts and their keys.

use super::FieldFlags;
use super::secret::{KeyFlags, named_source, source};
use crate::cli::deed::{Deed, Edited, KeyFrom, ProviderKeyAct, SecretFrom};
use crate::cli::patch::{Patch, pair, size};
use clap::{Args, Subcommand};
use protocol::control::ControlRequest;

#[derive(Default, Subcommand)]
pub(in crate::cli) enum Task {
    /// The configured providers, one a line.
    #[default]
    List,
    /// Everything about one provider: where its calls go, its keys, models and processes.
    Show { name: String },
    /// Add a provider. Its key is asked for on a terminal; see `llm-link presets` for presets.
    Add(AddFlags),
    /// Change fields of a provider. Key, endpoint or sandbox changes start a new process, then drain the old one.
    Edit(EditFlags),
    /// Remove a provider with its keys, models and prices.
    Remove { name: String },
    /// Contact the upstream through the provider's own process.
    Test {
        name: String,
        /// Also make a call of one token to this model.
        #[arg(long)]
        model: Option<String>,
    },
    /// Start its process and send it calls.
    Enable { name: String },
    /// Keep it configured, but without a process.
    Disable { name: String },
    /// Ask the upstream for its models and add those that are not known.
    Discover { name: String },
    /// Keys of a provider; several take turns.
    #[command(subcommand)]
    Keys(KeyTask),
}

#[derive(Subcommand)]
pub(in crate::cli) enum KeyTask {
    /// Add a key. Without a flag it is asked for.
    Add {
        provider: String,
        /// What people call it.
        #[arg(long, default_value = "")]
        label: String,
        #[command(flatten)]
        key: KeyFlags,
    },
    /// Change a key's label, or put another key in its place.
    Edit {
        provider: String,
        /// Its number or label, as `providers show` says.
        key: String,
        /// What people call it.
        #[arg(long)]
        label: Option<String>,
        /// Ask for another key to put in its place.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        from: KeyFlags,
    },
    /// Use a key again.
    Enable { provider: String, key: String },
    /// Keep a key, but do not use it.
    Disable { provider: String, key: String },
    /// Remove a key.
    Remove { provider: String, key: String },
}

#[derive(Args)]
pub(in crate::cli) struct AddFlags {
    /// a-z, 0-9, `.`, `_` and `-`.
    name: String,
    /// Add it without a key.
    #[arg(long, conflicts_with_all = ["key_stdin", "key_file", "key_env"])]
    no_key: bool,
    #[command(flatten)]
    key: KeyFlags,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Args)]
pub(in crate::cli) struct EditFlags {
    name: String,
    #[command(flatten)]
    fields: Fields,
}

/// What is said about a provider.
#[derive(Args)]
struct Fields {
    /// A vendor's row of data [default when adding: its name, if that is a preset].
    #[arg(long)]
    preset: Option<String>,
    /// The dialect it speaks, where the preset does not say.
    #[arg(long)]
    dialect: Option<String>,
    /// One address for every dialect it speaks.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The address of one dialect. Can be repeated.
    #[arg(long, value_name = "DIALECT=URL", value_parser = pair)]
    endpoint: Vec<(String, String)>,
    /// Lower serves first.
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i32>,
    /// Providers that take over, in order.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    fallback: Option<Vec<String>>,
    /// best-effort, required or off.
    #[arg(long)]
    sandbox: Option<String>,
    /// direct, environment, or the address of a proxy.
    #[arg(long)]
    proxy: Option<String>,
    /// What the proxy is told, `user:password`, by where it is: ask, stdin, file:PATH or env:NAME.
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    proxy_login: Option<KeyFrom>,
    /// A header that carries a credential, by where that is: ask, stdin, file:PATH or env:NAME. Can be repeated.
    #[arg(long, value_name = "NAME=SOURCE", value_parser = named_source)]
    secret_header: Vec<(String, KeyFrom)>,
    /// Sent with every request. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    header: Vec<(String, String)>,
    /// Calls at once.
    #[arg(long, value_name = "NUMBER")]
    max_concurrent: Option<u32>,
    /// The most memory of its process, such as 1GiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    #[command(flatten)]
    others: FieldFlags,
}

impl Fields {
    fn patch(self) -> Patch {
        let mut patch = Patch::default();
        patch.set_some(&["preset"], self.preset);
        patch.set_some(&["dialect"], self.dialect);
        patch.set_some(&["base_url"], self.base_url);
        for (dialect, url) in self.endpoint {
            patch.set(&["endpoints", &dialect], url);
        }
        patch.set_some(&["priority"], self.priority);
        patch.set_some(&["fallback"], self.fallback);
        patch.set_some(&["sandbox"], self.sandbox);
        patch.set_some(&["proxy"], self.proxy.map(proxy));
        if let Some(from) = self.proxy_login {
            patch.set_secret(&["proxy_login"], from);
        }
        for (name, from) in self.secret_header {
            patch.set_secret(&["secret_headers", &name], from);
        }
        for (name, value) in self.header {
            patch.set(&["headers", &name], value);
        }
        patch.set_some(&["limits", "max_concurrent"], self.max_concurrent);
        patch.set_some(&["limits", "memory_bytes"], self.memory);
        self.others.into(&mut patch);
        patch
    }
}

fn proxy(text: String) -> serde_json::Value {
    match text.as_str() {
        "direct" | "environment" => text.into(),
        _ => serde_json::json!({ "url": text }),
    }
}

impl AddFlags {
    fn deed(self) -> Deed {
        let key = if self.no_key { None } else { Some(self.key.said().unwrap_or(KeyFrom::Offered)) };
        let mut fields = Patch::default();
        if self.fields.preset.is_none() {
            let own = protocol::preset::find(&self.name).map(|preset| preset.id.as_str());
            fields.set(&["preset"], own.unwrap_or(protocol::preset::GENERIC));
        }
        fields.append(self.fields.patch());
        Deed::AddProvider { name: self.name, fields, key }
    }
}

impl Task {
    pub(super) fn deed(self) -> Deed {
        use ControlRequest as R;
        let request = match self {
            Task::List => R::Providers,
            Task::Show { name } => R::Provider { provider: name },
            Task::Add(add) => return add.deed(),
            Task::Edit(edit) => {
                return Deed::Edit { what: Edited::Provider(edit.name), fields: edit.fields.patch() };
            }
            Task::Remove { name } => R::DeleteProvider { provider: name, version: None },
            Task::Test { name, model } => R::TestProvider { provider: name, model },
            Task::Enable { name } => R::Enable { provider: name, enabled: true },
            Task::Disable { name } => R::Enable { provider: name, enabled: false },
            Task::Discover { name } => R::DiscoverModels { provider: name },
            Task::Keys(task) => return task.deed(),
        };
        Deed::Ask(Box::new(request))
    }
}

impl KeyTask {
    fn deed(self) -> Deed {
        let asked = KeyFrom::Text(SecretFrom::Prompt);
        let (provider, key, act) = match self {
            KeyTask::Add { provider, label, key } => {
                return Deed::AddProviderKey { provider, label, from: key.said().unwrap_or(asked) };
            }
            KeyTask::Edit { provider, key, label, replace, from } => {
                let from = from.said().or(replace.then_some(asked));
                (provider, key, ProviderKeyAct::Edit { label, enabled: None, from })
            }
            KeyTask::Enable { provider, key } => (provider, key, switched(true)),
            KeyTask::Disable { provider, key } => (provider, key, switched(false)),
            KeyTask::Remove { provider, key } => (provider, key, ProviderKeyAct::Remove),
        };
        Deed::ProviderKey { provider, key, act }
    }
}

fn switched(enabled: bool) -> ProviderKeyAct {
    ProviderKeyAct::Edit { label: None, enabled: Some(enabled), from: None }
}
