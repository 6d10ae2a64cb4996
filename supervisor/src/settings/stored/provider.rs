//! A stored provider as it would stand in the file.

use super::{Standing, StoredProvider};
use crate::settings::place::{SpotKind, Typed};
use crate::settings::raw::{
    KeySource, RawBase, RawKey, RawModel, RawPrice, RawProvider, RawRates, RawTimeouts,
};
use crate::settings::secret::Secrets;
use protocol::control::model::{ModelSpec, PriceSpec};
use protocol::control::provider::{ProviderSpec, ProviderTimeouts, ProxyRule};
use protocol::ipc::configure::SandboxMode;
use protocol::preset::{self, KeyNeed, Preset};

/// A provider that needs a key and has none, or has a secret that cannot be opened, is configured, but not started: the key comes next.
pub(super) fn raw(stored: &StoredProvider, secrets: &dyn Secrets) -> RawProvider {
    let spec = &stored.spec;
    let at = Standing { kind: SpotKind::Provider, name: spec.name.clone() };
    let preset = preset::find(&spec.preset);
    let enabled =
        spec.enabled && !lacks_secret(stored) && (stored.key.is_some() || !lacks_key(preset, secrets));
    let limits = &spec.limits;
    RawProvider {
        name: Some(at.typed(spec.name.clone(), "name")),
        preset: Some(at.typed(spec.preset.clone(), "preset")),
        dialect: spec.dialect.map(|dialect| at.typed(dialect.name().to_owned(), "dialect")),
        base_url: base(spec, &at),
        key: stored.key.clone().map(|source| RawKey { place: at.place("key"), source }),
        models: models(stored, preset, &at),
        priority: Some(at.typed(i64::from(spec.priority), "priority")),
        fallback: spec.fallback.iter().map(|name| at.typed(name.clone(), "fallback")).collect(),
        enabled: Some(at.typed(enabled, "enabled")),
        sandbox: spec.sandbox.map(|mode| at.typed(sandbox(mode).to_owned(), "sandbox")),
        memory_limit: at.bytes(limits.memory_bytes, "limits.memory_bytes"),
        files: at.number(limits.files, "limits.files"),
        max_concurrent: at.number(limits.max_concurrent, "limits.max_concurrent"),
        max_queue: at.number(limits.max_queue, "limits.max_queue"),
        max_wait: at.milliseconds(limits.queue_wait_ms, "limits.queue_wait_ms"),
        rates: RawRates {
            requests_per_second: at.number(limits.requests_per_second, "limits.requests_per_second"),
            requests_per_minute: at.number(limits.requests_per_minute, "limits.requests_per_minute"),
            tokens_per_minute: at.number(limits.tokens_per_minute, "limits.tokens_per_minute"),
        },
        pool_idle: at.number(limits.pool_idle, "limits.pool_idle"),
        proxy: spec.proxy.as_ref().map(|rule| at.typed(proxy(rule), "proxy")),
        proxy_login: stored
            .proxy_login
            .clone()
            .map(|source| RawKey { place: at.place("proxy_login"), source }),
        secret_headers: stored
            .secret_headers
            .iter()
            .map(|(name, source)| {
                let place = at.place(&format!("secret_headers.{name}"));
                (Typed::new(name.clone(), place.clone()), RawKey { place, source: source.clone() })
            })
            .collect(),
        headers: spec
            .headers
            .iter()
            .map(|(name, value)| {
                let field = format!("headers.{name}");
                (at.typed(name.clone(), &field), at.typed(value.clone(), &field))
            })
            .collect(),
        quirks: spec
            .quirks
            .iter()
            .map(|(dialect, value)| (at.typed(dialect.clone(), &format!("quirks.{dialect}")), value.clone()))
            .collect(),
        timeouts: timeouts(&spec.timeouts, &at),
        ..RawProvider::at(at.place("name"))
    }
}

/// One of its secrets cannot be opened: without it calls would go out as somebody else's.
fn lacks_secret(stored: &StoredProvider) -> bool {
    let headers = stored.secret_headers.iter().map(|(_, source)| source);
    stored.proxy_login.iter().chain(headers).any(|source| matches!(source, KeySource::Refused))
}

/// The vendor needs a key, and none stands in its own variables either.
pub(crate) fn lacks_key(preset: Option<&Preset>, secrets: &dyn Secrets) -> bool {
    let set = |name: &String| secrets.env(name).is_some_and(|value| !value.trim().is_empty());
    preset.is_some_and(|preset| preset.key == KeyNeed::Required && !preset.env.iter().any(set))
}

fn base(spec: &ProviderSpec, at: &Standing) -> Option<RawBase> {
    if spec.endpoints.is_empty() {
        return spec.base_url.clone().map(|url| RawBase::One(at.typed(url, "base_url")));
    }
    let url = |(dialect, url): (&protocol::dialect::Dialect, &String)| {
        let field = format!("endpoints.{dialect}");
        (at.typed(dialect.name().to_owned(), &field), at.typed(url.clone(), &field))
    };
    Some(RawBase::PerDialect { place: at.place("endpoints"), urls: spec.endpoints.iter().map(url).collect() })
}

/// The stored models, and those of the preset of which nothing is stored.
fn models(stored: &StoredProvider, preset: Option<&Preset>, at: &Standing) -> Option<Vec<RawModel>> {
    if stored.models.is_empty() {
        return None;
    }
    let known = |id: &str| stored.models.iter().any(|(spec, _)| spec.name == id);
    let of_preset = preset.iter().flat_map(|preset| &preset.models).map(|model| model.entry().id);
    let rest = of_preset.filter(|id| !known(id)).map(|id| RawModel::named(at.typed(id, "models")));
    let enabled = stored.models.iter().filter(|(spec, _)| spec.enabled);
    Some(rest.chain(enabled.map(|(spec, prices)| model(spec, prices, at))).collect())
}

fn model(spec: &ModelSpec, prices: &[PriceSpec], at: &Standing) -> RawModel {
    let field = format!("models.{}", spec.name);
    let flag = |value: Option<bool>| value.map(|value| at.typed(value, &field));
    RawModel {
        context: at.number(spec.facts.context, &field),
        max_output: at.number(spec.facts.max_output, &field),
        tools: flag(spec.facts.tools),
        vision: flag(spec.facts.vision),
        reasoning: flag(spec.facts.reasoning),
        prefill: flag(spec.facts.prefill),
        version: spec.model_version.clone().map(|version| at.typed(version, &field)),
        deprecated: Some(at.typed(spec.deprecated, &field)),
        sunset: spec.sunset_ms.map(|ms| at.typed(u64::try_from(ms).unwrap_or(0), &field)),
        alternatives: spec.alternatives.iter().map(|name| at.typed(name.clone(), &field)).collect(),
        prices: prices.iter().map(|price| raw_price(price, at, &field)).collect(),
        ..RawModel::named(at.typed(spec.name.clone(), &field))
    }
}

fn raw_price(price: &PriceSpec, at: &Standing, field: &str) -> RawPrice {
    let amount = |millionths: Option<u64>| -> Option<Typed<String>> {
        let whole = millionths?;
        Some(at.typed(format!("{}.{:06}", whole / 1_000_000, whole % 1_000_000), field))
    };
    RawPrice {
        place: at.place(field),
        since: Some(at.typed(u64::try_from(price.since_ms).unwrap_or(0), field)),
        currency: Some(at.typed(price.currency.clone(), field)),
        input: amount(price.input_fresh),
        cache_read: amount(price.cache_read),
        cache_write: amount(price.cache_write),
        output: amount(price.output),
    }
}

fn timeouts(said: &ProviderTimeouts, at: &Standing) -> RawTimeouts {
    RawTimeouts {
        connect: at.milliseconds(said.connect_ms, "timeouts.connect_ms"),
        first_token: at.milliseconds(said.first_token_ms, "timeouts.first_token_ms"),
        idle: at.milliseconds(said.idle_ms, "timeouts.idle_ms"),
        total: at.milliseconds(said.total_ms, "timeouts.total_ms"),
        total_stream: at.milliseconds(said.total_stream_ms, "timeouts.total_stream_ms"),
    }
}

fn sandbox(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::BestEffort => "best-effort",
        SandboxMode::Required => "required",
        SandboxMode::Off => "off",
    }
}

fn proxy(rule: &ProxyRule) -> String {
    match rule {
        ProxyRule::Direct => "direct".to_owned(),
        ProxyRule::Environment => "environment".to_owned(),
        ProxyRule::Url(url) => url.clone(),
    }
}
