//! `[[apps]]`: named clients, the keys they come with and the way of their calls. Only hashes of keys leave here.

use super::Names;
use super::key::Keys;
use super::limits::{budgets, limits};
use super::route::{RULES, patterns, steps};
use super::value::{bytes, count, milliseconds, word};
use super::{or_default, value};
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::raw::keys::{self as all_keys, app as keys};
use crate::settings::raw::{KeySource, RawApp, RawAppKey, RawHedge, RawHold, RawKey, RawRetry};
use crate::settings::resolved::Listener;
use protocol::ipc::configure::{App, AppKey, AppRoute, Hedge, Hold, Retry};
use std::collections::{HashMap, HashSet};

const DAY: u64 = 24 * 3_600_000;
const LONGEST_LABEL: usize = 63;

/// What apps are resolved against.
pub(super) struct Resolving<'c> {
    /// The usable names of all providers.
    pub(super) providers: &'c Names<'c>,
    pub(super) listeners: &'c [Listener],
    /// What `[server]` says of tries.
    pub(super) retry: Retry,
}

/// The app of callers without a key.
const DEFAULT: &str = "default";

/// Whether any client can be told from any caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Some app has a key, even if it could not be read.
    Keys,
    Nothing,
}

pub(super) fn guard(raw: &[RawApp]) -> Guard {
    let has_keys = |app: &RawApp| !app.keys.is_empty() || !app.known_keys.is_empty();
    if raw.iter().any(has_keys) { Guard::Keys } else { Guard::Nothing }
}

pub(super) fn apps(
    raw: Vec<RawApp>,
    resolving: &Resolving<'_>,
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> Vec<App> {
    let mut apps: Vec<App> = Vec::with_capacity(raw.len());
    let mut names = HashSet::with_capacity(raw.len());
    let mut owners = Owners::new();
    for raw in raw {
        let Some(name) = value::name(&raw.name, &raw.place, "app", keys::NAME, findings) else { continue };
        if !names.insert(name.value.clone()) {
            let what = format!("app `{}` is configured twice", name.value);
            findings.mistake(&name.place, what, r#"name = "a-name-of-its-own""#);
            continue;
        }
        // A stored app gets its keys later.
        let is_host = resolving.listeners.iter().any(|l| l.app.as_deref() == Some(name.value.as_str()));
        let has_way_in = is_host || name.value == DEFAULT || matches!(raw.place, Place::Stored(_));
        if raw.keys.is_empty() && !has_way_in {
            let what = format!("app `{}` has no key, so nobody could be it", name.value);
            findings.mistake(&raw.place, what, keys::KEYS.example);
        }
        let name = name.value.clone();
        apps.push(app(raw, name, &mut owners, resolving, secrets, findings));
    }
    apps
}

fn app(
    raw: RawApp,
    name: String,
    owners: &mut Owners,
    resolving: &Resolving<'_>,
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> App {
    let providers = resolving.providers;
    let route = AppRoute {
        rule: raw.rule.map(|typed| word(Some(typed), &RULES, keys::RULE, findings)),
        candidates: steps(raw.candidates, keys::CANDIDATES, providers, findings),
        fallback: steps(raw.fallback, keys::FALLBACK, providers, findings),
        sticky: raw.sticky.and_then(|typed| header_name(typed, findings)),
    };
    App {
        keys: app_keys(raw.keys, raw.known_keys, (&name, &raw.place), owners, secrets, findings),
        strict: or_default(raw.strict, false),
        models: patterns(raw.models, keys::MODELS, findings),
        route,
        retry: retry(raw.retry, resolving.retry, findings),
        limits: limits(raw.limits, findings),
        budgets: budgets(raw.budgets, findings),
        hold: hold(raw.hold, findings),
        continuation: or_default(raw.continuation, false),
        hedge: hedge(raw.hedge, findings),
        name,
    }
}

fn header_name(typed: Typed<String>, findings: &mut Findings) -> Option<String> {
    if let Ok(name) = http::HeaderName::try_from(&typed.value) {
        return Some(name.as_str().to_owned());
    }
    let what = format!("`{}` is no name of a header", typed.value.escape_debug());
    findings.mistake(&typed.place, what, keys::STICKY.example);
    None
}

/// What an app says of tries, where it says anything; else what the server says.
pub(super) fn retry(raw: RawRetry, usual: Retry, findings: &mut Findings) -> Retry {
    use all_keys::retry as own;
    let max_attempts = count(raw.max_attempts, usual.max_attempts, 1..=10, own::MAX_ATTEMPTS, findings);
    let per_provider = count(
        raw.attempts_per_provider,
        usual.attempts_per_provider,
        1..=10,
        own::ATTEMPTS_PER_PROVIDER,
        findings,
    );
    Retry {
        max_attempts,
        attempts_per_provider: per_provider.min(max_attempts),
        backoff_ms: milliseconds(raw.backoff, usual.backoff_ms, 0..=60_000, own::BACKOFF, findings),
        deadline_ms: milliseconds(raw.deadline, usual.deadline_ms, 0..=DAY, own::DEADLINE, findings),
        after_timeout: or_default(raw.after_timeout, usual.after_timeout),
    }
}

fn hold(raw: RawHold, findings: &mut Findings) -> Hold {
    use all_keys::hold as own;
    Hold {
        chunks: count(raw.chunks, 0, 0..=1024, own::CHUNKS, findings),
        bytes: narrow(bytes(raw.bytes, 0, 0..=1 << 20, own::BYTES, findings)),
        ms: narrow(milliseconds(raw.time, 0, 0..=60_000, own::TIME, findings)),
    }
}

fn hedge(raw: RawHedge, findings: &mut Findings) -> Hedge {
    use all_keys::hedge as own;
    match raw {
        RawHedge::Unsaid => Hedge::default(),
        RawHedge::Flag(enabled) => Hedge { enabled, after_ms: None },
        RawHedge::After(after) => Hedge {
            enabled: true,
            after_ms: after.map(|typed| milliseconds(Some(typed), 1, 1..=DAY, own::AFTER, findings)),
        },
    }
}

/// Of a number whose range was checked.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The apps, and the default one if a listener serves callers without a key.
pub(super) fn with_default(mut apps: Vec<App>, listeners: &[Listener], usual: Retry) -> Vec<App> {
    let open = listeners.iter().any(|listener| listener.open && listener.app.is_none());
    if open && !apps.iter().any(|app| app.name == DEFAULT) {
        apps.insert(0, App { retry: usual, ..App::named(DEFAULT) });
    }
    apps
}

/// A listener's app may be a stored one, which comes and goes: until it is there nobody comes in without a key.
pub(super) fn missing(apps: &[App], listeners: &[Listener], findings: &mut Findings) {
    for listener in listeners {
        let Some(name) = &listener.app else { continue };
        if !apps.iter().any(|app| app.name == *name) {
            findings.warn(format!(
                "there is no app `{}`: callers without a key are refused at {}",
                name.escape_debug(),
                listener.address
            ));
        }
    }
}

/// Whose each key is, by its hash.
type Owners = HashMap<String, String>;

fn app_keys(
    raw: Vec<RawAppKey>,
    known: Vec<AppKey>,
    (app, place): (&str, &Place),
    owners: &mut Owners,
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> Vec<AppKey> {
    let mut found: Vec<AppKey> = Vec::with_capacity(raw.len() + known.len());
    for (at, raw) in raw.into_iter().enumerate() {
        let place = raw.key.place.clone();
        let label = label(raw.label, at, &found, findings);
        let limits = limits(raw.limits, findings);
        let expires_ms = raw.expires.map(|typed| typed.value);
        let Some(hash) = hash(raw.key, secrets, findings) else { continue };
        if is_new(&hash, (app, &place), owners, findings) {
            found.push(AppKey { label, hash, expires_ms, limits });
        }
    }
    for key in known {
        if is_new(&key.hash, (app, place), owners, findings) {
            found.push(key);
        }
    }
    found
}

/// The hash of a key, or the one that was given instead of it.
fn hash(raw: RawKey, secrets: &mut Keys<'_>, findings: &mut Findings) -> Option<String> {
    let KeySource::Hash(given) = &raw.source else {
        return secrets.follow(raw, keys::KEYS, findings).map(|key| key.hash());
    };
    let usable = is_sha256(given);
    if !usable {
        let what = "`sha256` must be 64 hexadecimal digits";
        findings.mistake(&raw.place, what, all_keys::app_key::SHA256.example);
    }
    usable.then(|| given.to_ascii_lowercase())
}

pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A key tells apps apart, so it belongs to one of them, once.
fn is_new(hash: &str, (app, place): (&str, &Place), owners: &mut Owners, findings: &mut Findings) -> bool {
    let Some(owner) = owners.get(hash) else {
        owners.insert(hash.to_owned(), app.to_owned());
        return true;
    };
    let what = match owner == app {
        true => format!("app `{app}` has the same key twice"),
        false => format!("apps `{owner}` and `{app}` have the same key"),
    };
    findings.mistake(place, what, keys::KEYS.example);
    false
}

/// How the key is called; by its place in the list if nothing is said.
fn label(typed: Option<Typed<String>>, at: usize, others: &[AppKey], findings: &mut Findings) -> String {
    let Some(typed) = typed else { return format!("key-{}", at + 1) };
    let shown = typed.value.escape_debug();
    if typed.value.chars().any(char::is_control) || !(1..=LONGEST_LABEL).contains(&typed.value.len()) {
        let what =
            format!("`{shown}` is no label: 1 to {LONGEST_LABEL} bytes without control characters are");
        findings.mistake(&typed.place, what, all_keys::app_key::LABEL.example);
    } else if others.iter().any(|other| other.label == typed.value) {
        let what = format!("two keys of an app have the label `{shown}`");
        findings.mistake(&typed.place, what, all_keys::app_key::LABEL.example);
    }
    typed.value
}
