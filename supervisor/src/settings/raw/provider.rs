//! `[[providers]]` as typed.

use super::keys::{self, provider as own};
use super::limits::{RawRates, read_rates};
use super::model::{RawModel, read_models};
use crate::settings::cursor::{Cursor, Key, place_of};
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::secret::Secret;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeValue;

/// Absent keys are `None`.
#[derive(Clone)]
pub(crate) struct RawProvider {
    pub(crate) place: Place,
    pub(crate) name: Option<Typed<String>>,
    pub(crate) preset: Option<Typed<String>>,
    pub(crate) dialect: Option<Typed<String>>,
    pub(crate) base_url: Option<RawBase>,
    pub(crate) key: Option<RawKey>,
    pub(crate) keys: Vec<RawProviderKey>,
    pub(crate) models: Option<Vec<RawModel>>,
    pub(crate) priority: Option<Typed<i64>>,
    pub(crate) fallback: Vec<Typed<String>>,
    pub(crate) enabled: Option<Typed<bool>>,
    pub(crate) sandbox: Option<Typed<String>>,
    pub(crate) memory_limit: Option<Typed<String>>,
    pub(crate) files: Option<Typed<i64>>,
    pub(crate) max_concurrent: Option<Typed<i64>>,
    pub(crate) max_queue: Option<Typed<i64>>,
    pub(crate) max_wait: Option<Typed<String>>,
    pub(crate) rates: RawRates,
    pub(crate) pool_idle: Option<Typed<i64>>,
    pub(crate) proxy: Option<Typed<String>>,
    pub(crate) proxy_login: Option<RawKey>,
    pub(crate) headers: Vec<(Typed<String>, Typed<String>)>,
    pub(crate) secret_headers: Vec<(Typed<String>, RawKey)>,
    pub(crate) quirks: Vec<(Typed<String>, Json)>,
    pub(crate) timeouts: RawTimeouts,
}

/// One URL for the provider, or one for each dialect it speaks.
#[derive(Clone)]
pub(crate) enum RawBase {
    One(Typed<String>),
    PerDialect { place: Place, urls: Vec<(Typed<String>, Typed<String>)> },
}

/// A reference to a key.
#[derive(Clone)]
pub(crate) struct RawKey {
    pub(crate) place: Place,
    pub(crate) source: KeySource,
}

/// One of several keys of a provider.
#[derive(Clone)]
pub(crate) struct RawProviderKey {
    pub(crate) key: RawKey,
    pub(crate) label: Option<Typed<String>>,
    pub(crate) enabled: Option<Typed<bool>>,
}

/// Where a key is.
#[derive(Clone)]
pub(crate) enum KeySource {
    File(String),
    Env(String),
    /// On the command line of llm-link 0.7.
    Given(Secret),
    /// Only what is known of an app's key: its SHA-256 in hex.
    Hash(String),
    /// Not said. In a document: as it is stored.
    Unsaid,
    /// Wrongly written, and already reported.
    Refused,
}

/// `timeouts = { ... }`
#[derive(Clone, Default)]
pub(crate) struct RawTimeouts {
    pub(crate) connect: Option<Typed<String>>,
    pub(crate) first_token: Option<Typed<String>>,
    pub(crate) idle: Option<Typed<String>>,
    pub(crate) total: Option<Typed<String>>,
    pub(crate) total_stream: Option<Typed<String>>,
}

impl RawProvider {
    /// A provider of which nothing is known yet, typed at `place`.
    pub(crate) fn at(place: Place) -> RawProvider {
        RawProvider {
            place,
            name: None,
            preset: None,
            dialect: None,
            base_url: None,
            key: None,
            keys: Vec::new(),
            models: None,
            priority: None,
            fallback: Vec::new(),
            enabled: None,
            sandbox: None,
            memory_limit: None,
            files: None,
            max_concurrent: None,
            max_queue: None,
            max_wait: None,
            rates: RawRates::default(),
            pool_idle: None,
            proxy: None,
            proxy_login: None,
            headers: Vec::new(),
            secret_headers: Vec::new(),
            quirks: Vec::new(),
            timeouts: RawTimeouts::default(),
        }
    }
}

pub(super) fn read(table: &mut Cursor<'_, '_>) -> RawProvider {
    RawProvider {
        place: table.place(),
        name: table.text(own::NAME),
        preset: table.text(own::PRESET),
        dialect: table.text(own::DIALECT),
        base_url: read_base(table),
        key: table.value(own::KEY).map(|value| read_key(table, value, own::KEY)),
        keys: read_keys(table),
        models: read_models(table, own::MODELS),
        priority: table.number(own::PRIORITY),
        fallback: table.texts(own::FALLBACK).unwrap_or_default(),
        enabled: table.flag(own::ENABLED),
        sandbox: table.text(own::SANDBOX),
        memory_limit: table.text(own::MEMORY_LIMIT),
        files: table.number(own::FILES),
        max_concurrent: table.number(own::MAX_CONCURRENT),
        max_queue: table.number(own::MAX_QUEUE),
        max_wait: table.text(own::MAX_WAIT),
        rates: table.table(own::RATES, "rates", read_rates).unwrap_or_default(),
        pool_idle: table.number(own::POOL_IDLE),
        proxy: table.text(own::PROXY),
        proxy_login: table.value(own::PROXY_LOGIN).map(|value| read_secret(table, value, own::PROXY_LOGIN)),
        headers: table.table(own::HEADERS, "headers", |t| t.entries(own::HEADERS)).unwrap_or_default(),
        secret_headers: table
            .table(own::SECRET_HEADERS, "secret_headers", read_secret_headers)
            .unwrap_or_default(),
        quirks: table.table(own::QUIRKS, "quirks", read_quirks).unwrap_or_default(),
        timeouts: table.table(own::TIMEOUTS, "timeouts", read_timeouts).unwrap_or_default(),
    }
}

fn read_base(table: &mut Cursor<'_, '_>) -> Option<RawBase> {
    let value = table.value(own::BASE_URL)?;
    if value.get_ref().is_table() {
        const PER_DIALECT: Key = Key::new(
            "base_url",
            r#"base_url = { openai-chat = "https://api.example.com/v1", anthropic = "https://api.example.com/anthropic" }"#,
        );
        let place = place_of(value);
        let urls = table.table_of(value, own::BASE_URL, "base_url", |t| t.entries(PER_DIALECT))?;
        return Some(RawBase::PerDialect { place, urls });
    }
    table.text(own::BASE_URL).map(RawBase::One)
}

/// A key reference; anything else is refused without repeating it, as it may be the key.
pub(super) fn read_key<'t>(table: &mut Cursor<'t, '_>, value: &'t Spanned<DeValue<'t>>, key: Key) -> RawKey {
    read_key_with(table, value, key, |_| ()).0
}

/// A key reference, and what else `more` reads from its table.
pub(super) fn read_key_with<'t, T>(
    table: &mut Cursor<'t, '_>,
    value: &'t Spanned<DeValue<'t>>,
    key: Key,
    more: impl FnOnce(&mut Cursor<'t, '_>) -> T,
) -> (RawKey, Option<T>) {
    let place = place_of(value);
    if value.get_ref().is_str() {
        let what = format!(
            "`{}` holds a key itself; keys never stand in this file: name the file or the environment variable it is in",
            key.name
        );
        table.findings().mistake(&place, what, key.example);
        return (RawKey { place, source: KeySource::Refused }, None);
    }
    let found = table.table_of(value, key, "a key reference", |t| {
        ((t.text(keys::key::FILE), t.text(keys::key::ENV)), more(t))
    });
    let (source, more) = found.unzip();
    let source = match source {
        Some((Some(file), None)) => KeySource::File(file.value),
        Some((None, Some(env))) => KeySource::Env(env.value),
        Some((None, None)) if is_only_described(value.get_ref()) => KeySource::Unsaid,
        // What else stands in the table has been reported.
        Some((None, None)) if value.get_ref().as_table().is_some_and(|table| !table.is_empty()) => {
            KeySource::Refused
        }
        Some((Some(_), Some(_)) | (None, None)) => {
            let what = format!("`{}` needs exactly one of `file` and `env`", key.name);
            table.findings().mistake(&place, what, key.example);
            KeySource::Refused
        }
        None => KeySource::Refused,
    };
    (RawKey { place, source }, more)
}

/// A table that says something of a key, and all of it rightly, but not where it is.
fn is_only_described(value: &DeValue<'_>) -> bool {
    const DESCRIBING: [&str; 7] = ["kept", "label", "enabled", "expires", "limits", "sha256", "prefix"];
    let described =
        |table: &toml::de::DeTable<'_>| table.keys().all(|key| DESCRIBING.contains(&key.get_ref().as_ref()));
    value.as_table().is_some_and(|table| !table.is_empty() && described(table))
}

/// The same for a secret that, in a document, may stay as it is kept.
fn read_secret<'t>(table: &mut Cursor<'t, '_>, value: &'t Spanned<DeValue<'t>>, key: Key) -> RawKey {
    read_key_with(table, value, key, |t| t.flag(keys::key::KEPT)).0
}

fn read_secret_headers(table: &mut Cursor<'_, '_>) -> Vec<(Typed<String>, RawKey)> {
    let entries = table.free_keys();
    entries.into_iter().map(|(name, value)| (name, read_secret(table, value, own::SECRET_HEADERS))).collect()
}

fn read_keys(table: &mut Cursor<'_, '_>) -> Vec<RawProviderKey> {
    use keys::provider_key as of_key;
    let items = table.list(own::KEYS).unwrap_or_default();
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let more = |t: &mut Cursor<'_, '_>| (t.text(of_key::LABEL), t.flag(of_key::ENABLED));
        let (key, more) = read_key_with(table, item, own::KEYS, more);
        let (label, enabled) = more.unwrap_or_default();
        found.push(RawProviderKey { key, label, enabled });
    }
    found
}

pub(super) fn read_timeouts(table: &mut Cursor<'_, '_>) -> RawTimeouts {
    use keys::timeout as own;
    RawTimeouts {
        connect: table.text(own::CONNECT),
        first_token: table.text(own::FIRST_TOKEN),
        idle: table.text(own::IDLE),
        total: table.text(own::TOTAL),
        total_stream: table.text(own::TOTAL_STREAM),
    }
}

fn read_quirks(table: &mut Cursor<'_, '_>) -> Vec<(Typed<String>, Json)> {
    let entries = table.free_keys();
    entries.into_iter().filter_map(|(name, value)| Some((name, json(value, table.findings())?))).collect()
}

/// TOML as JSON. A date and a number without a JSON form are mistakes.
pub(super) fn json(value: &Spanned<DeValue<'_>>, findings: &mut Findings) -> Option<Json> {
    let read = match value.get_ref() {
        DeValue::String(text) => Some(Json::from(text.as_ref())),
        DeValue::Boolean(flag) => Some(Json::from(*flag)),
        DeValue::Integer(_) => crate::settings::cursor::whole_number(value.get_ref()).map(Json::from),
        DeValue::Float(float) => {
            float.as_str().parse().ok().and_then(serde_json::Number::from_f64).map(Json::Number)
        }
        DeValue::Datetime(_) => None,
        DeValue::Array(items) => {
            return items
                .iter()
                .map(|item| json(item, findings))
                .collect::<Option<Vec<_>>>()
                .map(Json::Array);
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, _)| {
                Some((key.get_ref().to_string(), json(value, findings)?))
            };
            return table.iter().map(entry).collect::<Option<_>>().map(Json::Object);
        }
    };
    if read.is_none() {
        findings.mistake(&place_of(value), "this value has no form in JSON", own::QUIRKS.example);
    }
    read
}
