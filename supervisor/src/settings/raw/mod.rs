//! The configuration as it was typed: shapes checked, nothing interpreted, every value with its place.
//!
//! Owns the list of all keys and an example line for each ([`keys`]). The command line builds the same types
//! ([`Raw`]) from flags. Meaning is given by [`super::resolve`].

mod app;
pub(crate) mod keys;
mod limits;
mod model;
mod provider;
mod route;
mod server;
mod usual;

pub(crate) use app::{RawApp, RawAppKey, RawHedge, RawHold, RawRetry};
pub(crate) use limits::{RawBudgets, RawLimits, RawRates};
pub(crate) use model::{RawModel, RawPrice};
pub(crate) use provider::{KeySource, RawBase, RawKey, RawProvider, RawProviderKey, RawTimeouts};
pub(crate) use route::{RawAlias, RawConditions, RawStep, RawTarget};
pub(crate) use server::{RawLog, RawServer};
pub(crate) use usual::{RawDefaults, RawRetention, Usual};

use super::cursor::{Cursor, Key};
use super::mistake::{Findings, Mistakes};
use super::place::{Place, Typed};
use toml::de::DeTable;

/// A whole configuration.
#[derive(Clone, Default)]
pub(crate) struct Raw {
    pub(crate) server: RawServer,
    pub(crate) providers: Vec<RawProvider>,
    pub(crate) apps: Vec<RawApp>,
    pub(crate) aliases: Vec<RawAlias>,
    pub(crate) log: RawLog,
    pub(crate) defaults: RawDefaults,
    pub(crate) retention: RawRetention,
    /// Only in documents for `llm-link apply`.
    pub(crate) settings: Vec<(Typed<String>, serde_json::Value)>,
}

impl Raw {
    /// Reads a TOML text that messages call `source`. What has a wrong shape is in `findings`. A text that is
    /// no TOML fails with its syntax errors alone: what follows from a broken line is noise.
    pub(crate) fn read(source: &str, text: &str, findings: &mut Findings) -> Result<Raw, Mistakes> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut syntax = Findings::default();
        for error in errors {
            let place = error.span().map_or(Place::Whole, |span| Place::Byte(span.start));
            syntax.mistake(&place, format!("not valid TOML: {}", error.message()), r#"name = "value""#);
        }
        syntax.into_warnings(source, text)?;
        let mut cursor = Cursor::new(table.get_ref(), "the file", Place::Whole, findings);
        let raw = read_sections(&mut cursor);
        cursor.finish();
        Ok(raw)
    }

    /// Where a value of `[defaults]` or `[retention]` is typed.
    pub(crate) fn usual(&self, name: &str) -> Option<Place> {
        let (section, key) = name.split_once('.')?;
        match section {
            "defaults" => self.defaults.clone().slot(key)?.place(),
            "retention" => self.retention.clone().slot(key)?.place(),
            _ => None,
        }
    }
}

fn read_sections(file: &mut Cursor<'_, '_>) -> Raw {
    let server = file.table(keys::SERVER, "[server]", server::read).unwrap_or_default();
    let log = file.table(keys::LOG, "[log]", server::read_log).unwrap_or_default();
    Raw {
        server,
        providers: each(file, keys::PROVIDERS, "[[providers]]", provider::read),
        apps: each(file, keys::APPS, "[[apps]]", app::read),
        aliases: each(file, keys::ALIASES, "[[aliases]]", route::read_alias),
        log,
        defaults: file.table(keys::DEFAULTS, "[defaults]", usual::read_defaults).unwrap_or_default(),
        retention: file.table(keys::RETENTION, "[retention]", usual::read_retention).unwrap_or_default(),
        settings: read_settings(file),
    }
}

/// Absent = none, as anywhere else; it is no key of the configuration file.
fn read_settings(file: &mut Cursor<'_, '_>) -> Vec<(Typed<String>, serde_json::Value)> {
    const SETTINGS: Key = Key { name: keys::SETTINGS_SECTION, example: "[settings]" };
    let read = |table: &mut Cursor<'_, '_>| {
        let entries = table.free_keys();
        let read = |(name, value)| Some((name, provider::json(value, table.findings())?));
        entries.into_iter().filter_map(read).collect()
    };
    file.table(SETTINGS, "[settings]", read).unwrap_or_default()
}

fn each<'t, T>(
    file: &mut Cursor<'t, '_>,
    key: Key,
    title: &'static str,
    read: impl Fn(&mut Cursor<'t, '_>) -> T,
) -> Vec<T> {
    let items = file.list(key).unwrap_or_default();
    items.iter().filter_map(|item| file.table_of(item, key, title, &read)).collect()
}
