//! From what was typed to what is meant. A pure function: the machine is behind [`Secrets`].
//!
//! Every resolver reports what is wrong and goes on with something harmless, so that one run finds all
//! mistakes; a configuration with any mistake is never used.

mod alias;
mod app;
mod key;
mod limits;
mod log;
mod model;
mod price;
mod provider;
mod retention;
mod route;
mod server;
mod upstream;
mod value;

pub(crate) use app::is_sha256;
pub(crate) use log::check_filter;

use super::host::Account;
use super::mistake::Findings;
use super::place::{Place, Typed};
use super::raw::{Raw, RawAlias, RawProvider, RawServer, keys};
use super::resolved::{Directories, Settings};
use super::secret::Secrets;
use super::suggest::did_you_mean;
use protocol::ipc::configure::Alias;
use std::path::{Path, PathBuf};

/// What a configuration is resolved against.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    pub(crate) secrets: &'c dyn Secrets,
    pub(crate) account: Account,
    /// Relative paths start here: the directory of the configuration file.
    pub(crate) base: Option<&'c Path>,
    /// Stored providers that cannot be used now. The file may name them all the same.
    pub(crate) unusable: &'c [String],
}

/// The names of all providers.
struct Names<'c> {
    usable: Vec<String>,
    unusable: &'c [String],
}

impl Names<'_> {
    /// A reference that is typed there may name it.
    fn has(&self, typed: &Typed<String>) -> bool {
        let stored = matches!(typed.place, Place::Stored(_));
        self.usable.contains(&typed.value) || (!stored && self.unusable.contains(&typed.value))
    }

    /// What may be said of a name that is none.
    fn hint(&self, typed: &str) -> String {
        did_you_mean(typed, self.usable.iter().map(String::as_str))
    }
}

/// A configuration and the files its keys came from.
pub(crate) struct Resolution {
    /// Without warnings yet: they are in the findings.
    pub(crate) settings: Settings,
    /// Every key file that is referred to, found or not.
    pub(crate) key_files: Vec<PathBuf>,
}

/// Resolves everything; what is wrong is in `findings`.
pub(crate) fn resolve(mut raw: Raw, context: Context<'_>, findings: &mut Findings) -> Resolution {
    let mut keys = key::Keys::new(context);
    let defaults = std::mem::take(&mut raw.defaults);
    raw.providers.iter_mut().for_each(|provider| defaults.fill(provider));
    let defaults = provider::usual(defaults, findings);
    // Before the disabled ones go: disabling the last app with a key must open nothing.
    let guard = app::guard(&raw.apps);
    raw.apps.retain(|app| is_enabled(&app.enabled));
    raw.aliases.retain(|alias| is_enabled(&alias.enabled));
    if let Some((name, _)) = raw.settings.first() {
        let what = "[settings] belongs to `llm-link apply`; in the configuration file settings have sections of their own";
        findings.mistake(&name.place, what, "[server]");
    }
    let server = server::server(raw.server, guard, context, findings);
    let usable = provider_names(&raw.providers, findings);
    let names = Names { usable, unusable: context.unusable };
    let of_apps = app::Resolving { providers: &names, listeners: &server.listeners, retry: server.retry };
    let apps = app::apps(raw.apps, &of_apps, &mut keys, findings);
    app::missing(&apps, &server.listeners, findings);
    let resolving = provider::Resolving { names: &names, listeners: &server.listeners, context };
    let resolved: Vec<_> = raw
        .providers
        .into_iter()
        .map(|raw| provider::provider(raw, &resolving, &mut keys, findings))
        .collect();
    let aliases = aliases(raw.aliases, &names, findings);
    let settings = Settings {
        apps: app::with_default(apps, &server.listeners, server.retry),
        server,
        providers: resolved,
        aliases,
        defaults,
        log: log::log(raw.log, findings),
        retention: retention::retention(raw.retention, findings),
        warnings: Vec::new(),
    };
    Resolution { settings, key_files: keys.into_files() }
}

/// Only where things are kept: enough to find a running instance, without any key.
pub(crate) fn directories(raw: &RawServer, context: Context<'_>, findings: &mut Findings) -> Directories {
    server::directories(raw, context, findings)
}

fn aliases(raw: Vec<RawAlias>, providers: &Names<'_>, findings: &mut Findings) -> Vec<Alias> {
    let mut aliases = Vec::with_capacity(raw.len());
    for raw in raw {
        aliases.extend(alias::alias(raw, providers, &aliases, findings));
    }
    aliases
}

/// The usable names of all providers; missing, malformed and repeated ones are mistakes.
fn provider_names(raw: &[RawProvider], findings: &mut Findings) -> Vec<String> {
    use keys::provider::NAME;
    let mut names: Vec<String> = Vec::with_capacity(raw.len());
    for provider in raw {
        let Some(name) = value::name(&provider.name, &provider.place, "provider", NAME, findings) else {
            continue;
        };
        if names.contains(&name.value) {
            let what = format!("provider `{}` is configured twice", name.value);
            findings.mistake(&name.place, what, r#"name = "a-name-of-its-own""#);
            continue;
        }
        names.push(name.value.clone());
    }
    names
}

/// Nothing said means yes.
fn is_enabled(typed: &Option<Typed<bool>>) -> bool {
    typed.as_ref().is_none_or(|typed| typed.value)
}

/// The value of an optional key, or a default typed nowhere.
fn or_default<T>(typed: Option<Typed<T>>, default: T) -> T {
    typed.map_or(default, |typed| typed.value)
}
