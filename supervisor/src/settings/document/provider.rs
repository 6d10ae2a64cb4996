//! `[[providers]]` of a document.

use super::value::{amount, moment, named, number, size, time, word, yes};
use super::{Context, plain};
use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::Typed;
use crate::settings::raw::keys::{self, provider as own};
use crate::settings::raw::{
    KeySource, RawBase, RawKey, RawModel, RawPrice, RawProvider, RawRates, RawTimeouts,
};
use protocol::control::document::{KeyEntry, ModelEntry, ProviderEntry};
use protocol::control::model::{ModelSpec, PriceSpec};
use protocol::control::provider::{
    KeyValue, ProviderLimits, ProviderSpec, ProviderTimeouts, ProxyRule, SecretValue,
};
use protocol::dialect::Dialect;
use protocol::ipc::configure::ModelFacts;
use std::collections::BTreeMap;

/// The address that counts where no dialect has one of its own.
pub(super) const EVERY_DIALECT: &str = "default";

pub(super) fn entry(
    mut raw: RawProvider,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<ProviderEntry> {
    let name = named(raw.name.take(), &raw.place, "provider", own::NAME, findings)?;
    let keys = keys(&mut raw, context, findings);
    let secrets = secrets(&mut raw, context, findings);
    let models = raw.models.take().unwrap_or_default();
    let models = models.into_iter().filter_map(|raw| model(raw, findings)).collect();
    Some(ProviderEntry {
        spec: ProviderSpec { proxy_login: secrets.0, secret_headers: secrets.1, ..spec(raw, name, findings) },
        keys,
        models,
    })
}

fn spec(raw: RawProvider, name: String, findings: &mut Findings) -> ProviderSpec {
    let generic =
        || protocol::preset::find(&name).map_or(protocol::preset::GENERIC, |preset| preset.id.as_str());
    let preset = plain(raw.preset).unwrap_or_else(|| generic().to_owned());
    let (base_url, endpoints) = addresses(raw.base_url, findings);
    let limits = ProviderLimits {
        memory_bytes: size(raw.memory_limit, own::MEMORY_LIMIT, findings),
        files: number(raw.files, own::FILES, findings),
        max_concurrent: number(raw.max_concurrent, own::MAX_CONCURRENT, findings),
        max_queue: number(raw.max_queue, own::MAX_QUEUE, findings),
        queue_wait_ms: time(raw.max_wait, own::MAX_WAIT, findings),
        pool_idle: number(raw.pool_idle, own::POOL_IDLE, findings),
        ..rates(raw.rates, findings)
    };
    ProviderSpec {
        name,
        preset,
        dialect: word(raw.dialect, own::DIALECT, findings),
        base_url,
        endpoints,
        enabled: yes(raw.enabled),
        priority: number(raw.priority, own::PRIORITY, findings).unwrap_or_default(),
        fallback: raw.fallback.into_iter().map(|typed| typed.value).collect(),
        limits,
        timeouts: timeouts(raw.timeouts, findings),
        sandbox: word(raw.sandbox, own::SANDBOX, findings),
        proxy: plain(raw.proxy).map(proxy),
        proxy_login: None,
        secret_headers: BTreeMap::new(),
        headers: raw.headers.into_iter().map(|(name, value)| (name.value, value.value)).collect(),
        quirks: raw.quirks.into_iter().map(|(name, value)| (name.value, value)).collect(),
    }
}

fn rates(raw: RawRates, findings: &mut Findings) -> ProviderLimits {
    use keys::rates as own;
    ProviderLimits {
        requests_per_second: number(raw.requests_per_second, own::REQUESTS_PER_SECOND, findings),
        requests_per_minute: number(raw.requests_per_minute, own::REQUESTS_PER_MINUTE, findings),
        tokens_per_minute: number(raw.tokens_per_minute, own::TOKENS_PER_MINUTE, findings),
        ..ProviderLimits::default()
    }
}

fn timeouts(raw: RawTimeouts, findings: &mut Findings) -> ProviderTimeouts {
    use keys::timeout as own;
    ProviderTimeouts {
        connect_ms: time(raw.connect, own::CONNECT, findings),
        first_token_ms: time(raw.first_token, own::FIRST_TOKEN, findings),
        idle_ms: time(raw.idle, own::IDLE, findings),
        total_ms: time(raw.total, own::TOTAL, findings),
        total_stream_ms: time(raw.total_stream, own::TOTAL_STREAM, findings),
    }
}

fn proxy(text: String) -> ProxyRule {
    match text.as_str() {
        "direct" => ProxyRule::Direct,
        "environment" => ProxyRule::Environment,
        _ => ProxyRule::Url(text),
    }
}

type Addresses = (Option<String>, BTreeMap<Dialect, String>);

fn addresses(raw: Option<RawBase>, findings: &mut Findings) -> Addresses {
    match raw {
        None => (None, BTreeMap::new()),
        Some(RawBase::One(typed)) => (Some(typed.value), BTreeMap::new()),
        Some(RawBase::PerDialect { urls, .. }) => {
            let (mut every, mut each) = (None, BTreeMap::new());
            for (name, url) in urls {
                if name.value == EVERY_DIALECT {
                    every = Some(url.value);
                } else if let Some(dialect) = dialect(name, own::BASE_URL, findings) {
                    each.insert(dialect, url.value);
                }
            }
            (every, each)
        }
    }
}

pub(super) fn dialect(typed: Typed<String>, key: Key, findings: &mut Findings) -> Option<Dialect> {
    let found = Dialect::from_name(&typed.value);
    if found.is_none() {
        let known = Dialect::ALL.map(Dialect::name).join(", ");
        let what = format!("there is no dialect `{}`; known are {known}", typed.value.escape_debug());
        findings.mistake(&typed.place, what, key.example);
    }
    found
}

fn keys(raw: &mut RawProvider, context: Context<'_>, findings: &mut Findings) -> Vec<KeyEntry> {
    let single = raw.key.take().map(|key| (key, None, None));
    let several = std::mem::take(&mut raw.keys).into_iter().map(|one| (one.key, one.label, one.enabled));
    let entry = |(at, (key, label, enabled)): (usize, Said)| KeyEntry {
        // The first one is called as the first key of a new provider is.
        label: plain(label)
            .unwrap_or_else(|| if at == 0 { "main".to_owned() } else { format!("key-{}", at + 1) }),
        value: key_value(key, context, findings),
        enabled: yes(enabled),
    };
    single.into_iter().chain(several).enumerate().map(entry).collect()
}

/// What is said about a key: where it is, its label, whether it is used.
type Said = (RawKey, Option<Typed<String>>, Option<Typed<bool>>);

type Secrets = (Option<SecretValue>, BTreeMap<String, SecretValue>);

/// What is secret besides the keys. Without a place it stays as it is stored.
fn secrets(raw: &mut RawProvider, context: Context<'_>, findings: &mut Findings) -> Secrets {
    let mut value = |raw: RawKey| match key_value(raw, context, findings) {
        Some(KeyValue::File(path)) => SecretValue::File(path),
        Some(KeyValue::Env(name)) => SecretValue::Env(name),
        Some(KeyValue::Text(text)) => SecretValue::Text(text),
        None => SecretValue::Kept,
    };
    let login = raw.proxy_login.take().map(&mut value);
    let headers = std::mem::take(&mut raw.secret_headers).into_iter();
    (login, headers.map(|(name, raw)| (name.value.to_ascii_lowercase(), value(raw))).collect())
}

fn key_value(raw: RawKey, context: Context<'_>, findings: &mut Findings) -> Option<KeyValue> {
    match raw.source {
        KeySource::File(path) => {
            let path = context.base.join(path);
            if !path.is_absolute() {
                let what = "the path of a key file must be absolute: the supervisor reads it";
                findings.mistake(&raw.place, what, own::KEY.example);
            }
            Some(KeyValue::File(path.to_string_lossy().into_owned()))
        }
        KeySource::Env(name) => Some(KeyValue::Env(name)),
        KeySource::Given(_) | KeySource::Hash(_) | KeySource::Unsaid | KeySource::Refused => None,
    }
}

fn model(raw: RawModel, findings: &mut Findings) -> Option<ModelEntry> {
    use keys::model as own;
    let name = named(raw.id, &raw.place, "model", own::ID, findings)?;
    let facts = ModelFacts {
        context: number(raw.context, own::CONTEXT, findings),
        max_output: number(raw.max_output, own::MAX_OUTPUT, findings),
        tools: plain(raw.tools),
        vision: plain(raw.vision),
        reasoning: plain(raw.reasoning),
        prefill: plain(raw.prefill),
    };
    let spec = ModelSpec {
        name,
        model_version: plain(raw.version),
        enabled: yes(raw.enabled),
        facts,
        deprecated: plain(raw.deprecated).unwrap_or_default(),
        sunset_ms: moment(raw.sunset),
        alternatives: raw.alternatives.into_iter().map(|typed| typed.value).collect(),
    };
    let prices = raw.prices.into_iter().map(|raw| price(raw, findings)).collect();
    Some(ModelEntry { spec, prices })
}

fn price(raw: RawPrice, findings: &mut Findings) -> PriceSpec {
    use keys::price as own;
    /// Millionths of a unit.
    const PLACES: u32 = 6;
    let currency = named(raw.currency, &raw.place, "price", own::CURRENCY, findings);
    PriceSpec {
        since_ms: moment(raw.since).unwrap_or_default(),
        currency: currency.unwrap_or_default(),
        input_fresh: amount(raw.input, PLACES, own::INPUT, findings),
        cache_read: amount(raw.cache_read, PLACES, own::CACHE_READ, findings),
        cache_write: amount(raw.cache_write, PLACES, own::CACHE_WRITE, findings),
        output: amount(raw.output, PLACES, own::OUTPUT, findings),
    }
}
