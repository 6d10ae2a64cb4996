//! `[[apps]]` as typed.

use super::keys;
use super::limits::{RawBudgets, RawLimits, read_budgets, read_limits};
use super::provider::{KeySource, RawKey, read_key, read_key_with};
use super::route::{RawStep, read_steps};
use crate::settings::cursor::Cursor;
use crate::settings::place::{Place, Typed};
use protocol::ipc::configure::AppKey;

/// A client of LLM Link.
#[derive(Clone)]
pub(crate) struct RawApp {
    pub(crate) place: Place,
    pub(crate) name: Option<Typed<String>>,
    pub(crate) keys: Vec<RawAppKey>,
    pub(crate) enabled: Option<Typed<bool>>,
    pub(crate) note: Option<Typed<String>>,
    /// Keys of which only the hash is known.
    pub(crate) known_keys: Vec<AppKey>,
    pub(crate) strict: Option<Typed<bool>>,
    pub(crate) models: Vec<Typed<String>>,
    pub(crate) rule: Option<Typed<String>>,
    pub(crate) candidates: Vec<RawStep>,
    pub(crate) fallback: Vec<RawStep>,
    pub(crate) sticky: Option<Typed<String>>,
    pub(crate) retry: RawRetry,
    pub(crate) limits: RawLimits,
    pub(crate) budgets: RawBudgets,
    pub(crate) hold: RawHold,
    pub(crate) continuation: Option<Typed<bool>>,
    pub(crate) hedge: RawHedge,
}

/// A key of an app, and what is said about it.
#[derive(Clone)]
pub(crate) struct RawAppKey {
    pub(crate) key: RawKey,
    pub(crate) label: Option<Typed<String>>,
    /// Its first characters.
    pub(crate) prefix: Option<Typed<String>>,
    /// Milliseconds since 1970.
    pub(crate) expires: Option<Typed<u64>>,
    pub(crate) limits: RawLimits,
}

/// `retry = { ... }`
#[derive(Clone, Default)]
pub(crate) struct RawRetry {
    pub(crate) max_attempts: Option<Typed<i64>>,
    pub(crate) attempts_per_provider: Option<Typed<i64>>,
    pub(crate) backoff: Option<Typed<String>>,
    pub(crate) deadline: Option<Typed<String>>,
    pub(crate) after_timeout: Option<Typed<bool>>,
}

/// `hold = { ... }`
#[derive(Clone, Default)]
pub(crate) struct RawHold {
    pub(crate) chunks: Option<Typed<i64>>,
    pub(crate) bytes: Option<Typed<String>>,
    pub(crate) time: Option<Typed<String>>,
}

impl RawAppKey {
    /// A key of which nothing but its place is said.
    fn alone(key: RawKey) -> RawAppKey {
        RawAppKey { key, label: None, prefix: None, expires: None, limits: RawLimits::default() }
    }
}

/// `hedge = true` or `hedge = { ... }`
#[derive(Clone, Default)]
pub(crate) enum RawHedge {
    #[default]
    Unsaid,
    Flag(bool),
    After(Option<Typed<String>>),
}

impl RawApp {
    /// An app of which nothing but its name and one key is known.
    pub(crate) fn with_key(place: Place, name: Typed<String>, key: RawKey) -> RawApp {
        let key = RawAppKey::alone(key);
        RawApp { keys: vec![key], ..RawApp::named(place, name) }
    }

    /// An app of which nothing but its name is known.
    pub(crate) fn named(place: Place, name: Typed<String>) -> RawApp {
        RawApp {
            place,
            name: Some(name),
            keys: Vec::new(),
            known_keys: Vec::new(),
            enabled: None,
            note: None,
            strict: None,
            models: Vec::new(),
            rule: None,
            candidates: Vec::new(),
            fallback: Vec::new(),
            sticky: None,
            retry: RawRetry::default(),
            limits: RawLimits::default(),
            budgets: RawBudgets::default(),
            hold: RawHold::default(),
            continuation: None,
            hedge: RawHedge::default(),
        }
    }
}

pub(super) fn read(table: &mut Cursor<'_, '_>) -> RawApp {
    use keys::app as own;
    RawApp {
        place: table.place(),
        name: table.text(own::NAME),
        keys: read_keys(table),
        enabled: table.flag(own::ENABLED),
        note: table.text(own::NOTE),
        known_keys: Vec::new(),
        strict: table.flag(own::STRICT),
        models: table.texts(own::MODELS).unwrap_or_default(),
        rule: table.text(own::RULE),
        candidates: read_steps(table, own::CANDIDATES),
        fallback: read_steps(table, own::FALLBACK),
        sticky: table.text(own::STICKY),
        retry: table.table(own::RETRY, "retry", read_retry).unwrap_or_default(),
        limits: table.table(own::LIMITS, "limits", read_limits).unwrap_or_default(),
        budgets: table.table(own::BUDGETS, "budgets", read_budgets).unwrap_or_default(),
        hold: table.table(own::HOLD, "hold", read_hold).unwrap_or_default(),
        continuation: table.flag(own::CONTINUATION),
        hedge: read_hedge(table),
    }
}

fn read_keys(table: &mut Cursor<'_, '_>) -> Vec<RawAppKey> {
    use keys::app_key as own;
    let items = table.list(keys::app::KEYS).unwrap_or_default();
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        if !item.get_ref().is_table() {
            let key = read_key(table, item, keys::app::KEYS);
            found.push(RawAppKey::alone(key));
            continue;
        }
        let more = |t: &mut Cursor<'_, '_>| {
            let limits = t.table(own::LIMITS, "limits", read_limits).unwrap_or_default();
            let described = (t.text(own::LABEL), t.text(own::PREFIX), t.moment(own::EXPIRES), limits);
            (t.text(own::SHA256), described)
        };
        let (mut key, more) = read_key_with(table, item, keys::app::KEYS, more);
        let (hash, (label, prefix, expires, limits)) = more.unwrap_or_default();
        match (hash, &key.source) {
            (Some(hash), KeySource::Unsaid) => key.source = KeySource::Hash(hash.value),
            (Some(hash), _) => {
                let what = "a key has exactly one of `file`, `env` and `sha256`";
                table.findings().mistake(&hash.place, what, own::SHA256.example);
            }
            (None, _) => {}
        }
        found.push(RawAppKey { key, label, prefix, expires, limits });
    }
    found
}

fn read_retry(table: &mut Cursor<'_, '_>) -> RawRetry {
    use keys::retry as own;
    RawRetry {
        max_attempts: table.number(own::MAX_ATTEMPTS),
        attempts_per_provider: table.number(own::ATTEMPTS_PER_PROVIDER),
        backoff: table.text(own::BACKOFF),
        deadline: table.text(own::DEADLINE),
        after_timeout: table.flag(own::AFTER_TIMEOUT),
    }
}

fn read_hedge(table: &mut Cursor<'_, '_>) -> RawHedge {
    let Some(value) = table.value(keys::app::HEDGE) else { return RawHedge::Unsaid };
    if let Some(flag) = value.get_ref().as_bool() {
        return RawHedge::Flag(flag);
    }
    let after = table.table_of(value, keys::app::HEDGE, "hedge", |t| t.text(keys::hedge::AFTER));
    after.map_or(RawHedge::Unsaid, RawHedge::After)
}

fn read_hold(table: &mut Cursor<'_, '_>) -> RawHold {
    use keys::hold as own;
    RawHold { chunks: table.number(own::CHUNKS), bytes: table.text(own::BYTES), time: table.text(own::TIME) }
}
