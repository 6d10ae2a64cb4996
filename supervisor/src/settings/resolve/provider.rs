//! `[[providers]]`: one upstream account each.

use super::Names;
use super::key::Keys;
use super::upstream::{self, Reach};
use super::value::{bytes, count, milliseconds, word};
use super::{Context, limits, model, or_default};
use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::raw::keys::provider as keys;
use crate::settings::raw::{RawDefaults, RawKey, RawProvider, RawProviderKey, RawTimeouts, keys as all_keys};
use crate::settings::resolved::{Defaults, Enabled, Listener, Provider};
use crate::settings::secret::Secret;
use crate::settings::suggest::did_you_mean;
use protocol::ipc::configure::{SandboxMode, Timeouts, WorkerLimits};
use protocol::preset::{self, KeyNeed, Preset};

const DAY: u64 = 24 * 3_600_000;
const MIB: u64 = 1 << 20;

/// What a provider is resolved against.
pub(super) struct Resolving<'c> {
    /// The usable names of all providers.
    pub(super) names: &'c Names<'c>,
    pub(super) listeners: &'c [Listener],
    pub(super) context: Context<'c>,
}

pub(super) fn provider(
    mut raw: RawProvider,
    resolving: &Resolving<'_>,
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> Provider {
    let name = raw.name.take().map(|typed| typed.value).unwrap_or_default();
    let preset = find_preset(&raw, &name, findings);
    let enabled = if or_default(raw.enabled.take(), true) { Enabled::Yes } else { Enabled::No };
    let given = one_key(raw.key.take(), std::mem::take(&mut raw.keys), &name, findings);
    let key = key(given, enabled, preset, (&name, &raw.place), secrets, findings);
    let models = model::models(raw.models.take(), preset, findings);
    let fallback = fallback(std::mem::take(&mut raw.fallback), &name, resolving.names, findings);
    let (login, secret_headers) =
        credentials(raw.proxy_login, raw.secret_headers, enabled, secrets, findings);
    let reach = Reach {
        place: raw.place,
        preset,
        dialect: raw.dialect,
        base_url: raw.base_url,
        headers: raw.headers,
        quirks: raw.quirks,
        proxy: raw.proxy,
        key: key.as_ref(),
        login,
        secret_headers,
        models: &models,
    };
    let (upstream, proxy_login, secret_headers) = upstream::upstream(reach, &name, resolving, findings);
    let bounds = WorkerLimits {
        memory: memory(raw.memory_limit, findings),
        files: count(raw.files, 1024, 64..=1_048_576, keys::FILES, findings),
        max_streams: concurrent(raw.max_concurrent, findings),
        pool_idle: count(raw.pool_idle, 64, 0..=100_000, keys::POOL_IDLE, findings),
    };
    if models.is_empty() && enabled == Enabled::Yes {
        findings.warn(format!("provider `{name}` lists no models: clients reach it only as `{name}/MODEL`"));
    }
    Provider {
        preset: preset.map(|p| p.id.clone()).unwrap_or_default(),
        upstream,
        key,
        proxy_login,
        secret_headers,
        models,
        priority: count(raw.priority, 0, i32::MIN..=i32::MAX, keys::PRIORITY, findings),
        fallback,
        enabled,
        sandbox: sandbox(raw.sandbox, findings),
        limits: bounds,
        max_queue: queue(raw.max_queue, findings),
        max_wait_ms: wait(raw.max_wait, findings),
        rates: limits::rates(raw.rates, findings),
        timeouts: timeouts(raw.timeouts, findings),
        name,
    }
}

/// The preset that was named, or the generic one if the provider says itself what and where it is.
fn find_preset(raw: &RawProvider, name: &str, findings: &mut Findings) -> Option<&'static Preset> {
    let Some(typed) = &raw.preset else {
        if raw.base_url.is_some() || raw.dialect.is_some() {
            return preset::find(preset::GENERIC);
        }
        let named = preset::find(name).map_or("deepseek", |row| &row.id);
        let what = "this provider has no `preset`, and no `dialect` and `base_url` instead";
        findings.mistake(&raw.place, what, format!(r#"preset = "{named}""#));
        return None;
    };
    let found = preset::find(&typed.value);
    if found.is_none() {
        let shown = typed.value.escape_debug().to_string();
        let hint = did_you_mean(&shown, preset::names());
        let hint = if hint.is_empty() { "; `llm-link presets` shows them all".to_owned() } else { hint };
        findings.mistake(&typed.place, format!("there is no preset `{shown}`{hint}"), keys::PRESET.example);
    }
    found
}

/// The key of a provider in the file; of several the first that is enabled.
fn one_key(
    single: Option<RawKey>,
    several: Vec<RawProviderKey>,
    name: &str,
    findings: &mut Findings,
) -> Option<RawKey> {
    if let (Some(_), Some(first)) = (&single, several.first()) {
        let what = format!("provider `{name}` has both `key` and `keys`");
        findings.mistake(&first.key.place, what, keys::KEYS.example);
    }
    let mut enabled = several.into_iter().filter(|one| super::is_enabled(&one.enabled)).map(|one| one.key);
    let first = single.or_else(|| enabled.next());
    if enabled.next().is_some() {
        findings.warn(format!(
            "provider `{name}`: of the keys in this file only the first is used; `llm-link providers keys add` makes several take turns"
        ));
    }
    first
}

fn key(
    raw: Option<RawKey>,
    enabled: Enabled,
    preset: Option<&Preset>,
    (name, place): (&str, &Place),
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> Option<Secret> {
    if let (Some(raw), Some(KeyNeed::None)) = (&raw, preset.map(|p| p.key)) {
        let what = format!("provider `{name}` takes no key");
        findings.mistake(&raw.place, what, keys::PRESET.example);
        return None;
    }
    match (raw, enabled) {
        // Nobody needs it until it is enabled, and then the configuration is read again.
        (Some(raw), Enabled::No) => {
            secrets.remember(&raw);
            None
        }
        (None, Enabled::No) => None,
        (Some(raw), Enabled::Yes) => secrets.follow(raw, keys::KEY, findings),
        (None, Enabled::Yes) => key_of_preset(preset?, (name, place), secrets, findings),
    }
}

/// A proxy's login, and headers that carry a credential.
type Besides = (Option<Typed<Secret>>, Vec<(Typed<String>, Secret)>);

/// What is secret besides the key. Of a provider that is not enabled only the files are remembered.
fn credentials(
    login: Option<RawKey>,
    headers: Vec<(Typed<String>, RawKey)>,
    enabled: Enabled,
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> Besides {
    let mut follow = |raw: RawKey, key: Key| match enabled {
        Enabled::Yes => {
            let place = raw.place.clone();
            secrets.follow_line(raw, key, findings).map(|secret| Typed::new(secret, place))
        }
        Enabled::No => {
            secrets.remember(&raw);
            None
        }
    };
    let login = login.and_then(|raw| follow(raw, keys::PROXY_LOGIN));
    let header = |(name, raw)| Some((name, follow(raw, keys::SECRET_HEADERS)?.value));
    (login, headers.into_iter().filter_map(header).collect())
}

/// The key in the preset's own variables; its absence is a mistake if the vendor needs one.
fn key_of_preset(
    preset: &Preset,
    (name, place): (&str, &Place),
    secrets: &Keys<'_>,
    findings: &mut Findings,
) -> Option<Secret> {
    let variable = preset.canonical_env().unwrap_or("NAME_KEY");
    let example = format!(r#"key = {{ env = "{variable}" }}"#);
    match secrets.in_first_variable(&preset.env) {
        Some(Ok(secret)) => return Some(secret),
        Some(Err(what)) => findings.mistake(place, what, example),
        None if preset.key == KeyNeed::Required => {
            let what = format!("provider `{name}` needs a key: none is given and `{variable}` is not set");
            findings.mistake(place, what, example);
        }
        None => {}
    }
    None
}

fn fallback(
    typed: Vec<Typed<String>>,
    name: &str,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<String> {
    let mut fallback: Vec<String> = Vec::with_capacity(typed.len());
    for typed in typed {
        let shown = typed.value.escape_debug().to_string();
        let what = if typed.value == name {
            format!("provider `{name}` cannot be its own fallback")
        } else if !names.has(&typed) {
            let hint = names.hint(&shown);
            let what = format!("fallback `{shown}` of provider `{name}` is not configured{hint}");
            findings.missing(&typed.place, what, keys::FALLBACK.example);
            continue;
        } else if fallback.contains(&typed.value) {
            format!("fallback `{shown}` of provider `{name}` is listed twice")
        } else {
            fallback.push(typed.value);
            continue;
        };
        findings.mistake(&typed.place, what, keys::FALLBACK.example);
    }
    fallback
}

/// 0 = unlimited; else enough for a worker to live in.
fn memory(typed: Option<Typed<String>>, findings: &mut Findings) -> u64 {
    const DEFAULT: u64 = 1024 * MIB;
    match &typed {
        Some(given) if matches!(crate::settings::quantity::bytes(&given.value), Ok(0)) => 0,
        Some(_) | None => bytes(typed, DEFAULT, 64 * MIB..=1024 * 1024 * MIB, keys::MEMORY_LIMIT, findings),
    }
}

/// What holds for providers that say nothing themselves.
pub(super) fn usual(raw: RawDefaults, findings: &mut Findings) -> Defaults {
    Defaults {
        sandbox: sandbox(raw.sandbox, findings),
        memory: memory(raw.memory_limit, findings),
        max_concurrent: concurrent(raw.max_concurrent, findings),
        max_queue: queue(raw.max_queue, findings),
        max_wait_ms: wait(raw.max_wait, findings),
        timeouts: timeouts(raw.timeouts, findings),
    }
}

fn concurrent(typed: Option<Typed<i64>>, findings: &mut Findings) -> u32 {
    count(typed, 1024, 1..=1_000_000, keys::MAX_CONCURRENT, findings)
}

fn queue(typed: Option<Typed<i64>>, findings: &mut Findings) -> u32 {
    count(typed, 1024, 0..=1_000_000, keys::MAX_QUEUE, findings)
}

fn wait(typed: Option<Typed<String>>, findings: &mut Findings) -> u64 {
    milliseconds(typed, 30_000, 0..=DAY, keys::MAX_WAIT, findings)
}

fn sandbox(typed: Option<Typed<String>>, findings: &mut Findings) -> SandboxMode {
    let modes = [
        ("best-effort", SandboxMode::BestEffort),
        ("required", SandboxMode::Required),
        ("off", SandboxMode::Off),
    ];
    word(typed, &modes, keys::SANDBOX, findings)
}

fn timeouts(raw: RawTimeouts, found: &mut Findings) -> Timeouts {
    use all_keys::timeout as own;
    Timeouts {
        connect_ms: milliseconds(raw.connect, 10_000, 0..=DAY, own::CONNECT, found),
        first_token_ms: milliseconds(raw.first_token, 120_000, 0..=DAY, own::FIRST_TOKEN, found),
        idle_ms: milliseconds(raw.idle, 120_000, 0..=DAY, own::IDLE, found),
        total_ms: milliseconds(raw.total, 600_000, 0..=DAY, own::TOTAL, found),
        total_stream_ms: milliseconds(raw.total_stream, 0, 0..=DAY, own::TOTAL_STREAM, found),
    }
}
