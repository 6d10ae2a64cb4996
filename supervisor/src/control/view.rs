//! Things as operators see them: rows of the store and resolved settings as the vocabulary's views.

use super::providers::{kept, model_row, price_views};
use super::{Picture, now, rows};
use crate::settings::{Enabled, Provider, SpotKind};
use crate::store::models::ModelSource;
use crate::store::provider_keys::{KeyState, ProviderKey};
use crate::store::providers::Provider as Row;
use protocol::control::ProviderStatus;
use protocol::control::model::{ModelSpec, ModelView, PriceSpec, PriceView};
use protocol::control::provider::{
    KeyView, ProviderLimits, ProviderSpec, ProviderTimeouts, ProviderView, ProxyRule, SecretValue,
};
use protocol::control::record::Source;
use protocol::dialect::Dialect;
use protocol::ipc::configure::{App, HttpUpstream, ModelEntry, Price, Proxy, Upstream};
use std::collections::BTreeMap;

/// A provider.
pub(super) fn provider_view(
    picture: &Picture,
    (spec, source): (ProviderSpec, Source),
    (row, used): (Option<&Row>, Option<&Provider>),
    keys: &[&ProviderKey],
    mut status: Option<ProviderStatus>,
) -> ProviderView {
    let mistakes = picture.check.left_out().iter();
    let wrong = mistakes.filter(|m| m.spot.kind == SpotKind::Provider && m.spot.name == spec.name);
    let wrong: Vec<&str> = wrong.map(|mistake| mistake.what.as_str()).collect();
    if let Some(status) = &mut status {
        if !wrong.is_empty() {
            status.change = Some(wrong.join("; "));
        } else if spec.enabled && used.is_some_and(|used| used.enabled == Enabled::No) {
            status.reason = "it needs a key and has none".to_owned();
        }
    }
    ProviderView {
        version: row.map_or(0, |row| row.version),
        source,
        endpoints: used.map(endpoints).unwrap_or_default(),
        keys: match used {
            Some(used) if row.is_none() && used.key.is_some() => vec![key_of_file()],
            _ => keys.iter().map(|key| key_view(key)).collect(),
        },
        models: used.map(|used| models(picture, used)).unwrap_or_default(),
        status,
        created_ms: row.map(|row| row.created_at.0),
        updated_ms: row.map(|row| row.updated_at.0),
        spec,
    }
}

fn endpoints(provider: &Provider) -> Vec<(Dialect, String)> {
    match &provider.upstream {
        Upstream::Demo => Vec::new(),
        Upstream::Http(http) => {
            http.endpoints.iter().map(|endpoint| (endpoint.dialect, endpoint.base_url.clone())).collect()
        }
    }
}

fn key_of_file() -> KeyView {
    KeyView {
        id: 0,
        label: "main".to_owned(),
        tail: String::new(),
        kept: "by reference".to_owned(),
        enabled: true,
        state: KeyState::Unproven.name().to_owned(),
        cooldown_until_ms: None,
        failures: 0,
        last_used_ms: None,
        version: 0,
    }
}

fn key_view(key: &ProviderKey) -> KeyView {
    KeyView {
        id: key.id.0,
        label: key.spec.label.clone(),
        tail: key.spec.tail.clone(),
        kept: kept(key),
        enabled: key.spec.enabled,
        state: key.state.name().to_owned(),
        cooldown_until_ms: key.cooldown_until.map(|at| at.0),
        failures: key.failures,
        last_used_ms: key.last_used_at.map(|at| at.0),
        version: key.version,
    }
}

/// The models of a provider: those in force, then those that are stored but switched off.
pub(super) fn models(picture: &Picture, provider: &Provider) -> Vec<ModelView> {
    let mut views: Vec<ModelView> =
        provider.models.iter().map(|entry| model_view(picture, provider, entry)).collect();
    let id = picture.snapshot.providers.iter().find(|row| row.spec.name == provider.name).map(|row| row.id);
    let off = picture.snapshot.models.iter().filter(|row| Some(row.provider_id) == id && !row.spec.enabled);
    views.extend(off.map(|row| {
        let spec = rows::model_spec(row);
        let prices = price_views(picture, row.id);
        let used_by = used_by(picture, &provider.name, &spec.name);
        let (source, version, provider) = (Source::Store, row.version, provider.name.clone());
        ModelView { provider, spec, source, version, price: in_force(&prices), prices, used_by }
    }));
    views
}

fn model_view(picture: &Picture, provider: &Provider, entry: &ModelEntry) -> ModelView {
    let file = picture.check.base().defines(SpotKind::Provider, &provider.name);
    let row = model_row(picture, &provider.name, &entry.id).filter(|_| file.is_none());
    let (source, prices) = match (row, file) {
        (Some(row), _) => {
            let source = match row.spec.source {
                ModelSource::Manual => Source::Store,
                ModelSource::Preset => Source::Preset,
                ModelSource::Discovered => Source::Discovered,
            };
            (source, price_views(picture, row.id))
        }
        (None, Some(at)) => (Source::File(at), entry.prices.iter().rev().map(price_of_file).collect()),
        (None, None) => (Source::Preset, entry.prices.iter().rev().map(price_of_file).collect()),
    };
    ModelView {
        provider: provider.name.clone(),
        spec: row.map_or_else(|| entry_spec(entry), rows::model_spec),
        source,
        version: row.map_or(0, |row| row.version),
        price: in_force(&prices),
        prices,
        used_by: used_by(picture, &provider.name, &entry.id),
    }
}

fn in_force(prices: &[PriceView]) -> Option<PriceView> {
    let at = now().0;
    prices.iter().find(|price| price.spec.since_ms <= at).cloned()
}

fn price_of_file(price: &Price) -> PriceView {
    let spec = PriceSpec {
        since_ms: i64::try_from(price.since_ms).unwrap_or(i64::MAX),
        currency: price.currency.clone(),
        input_fresh: price.input_fresh,
        cache_read: price.cache_read,
        cache_write: price.cache_write,
        output: price.output,
    };
    PriceView { id: 0, spec }
}

fn entry_spec(entry: &ModelEntry) -> ModelSpec {
    ModelSpec {
        name: entry.id.clone(),
        model_version: entry.version.clone(),
        enabled: true,
        facts: entry.facts.clone(),
        deprecated: entry.deprecated,
        sunset_ms: entry.sunset_ms.and_then(|ms| i64::try_from(ms).ok()),
        alternatives: entry.alternatives.clone(),
    }
}

/// Apps whose routes lead to the model or whose allowed names are its name.
fn used_by(picture: &Picture, provider: &str, model: &str) -> Vec<String> {
    let uses = |app: &&App| {
        let mut steps = app.route.candidates.iter().chain(&app.route.fallback);
        let leads = steps.any(|step| step.provider == provider && step.model.as_deref() == Some(model));
        leads || app.models.iter().any(|name| name == model)
    };
    picture.settings.apps.iter().filter(uses).map(|app| app.name.clone()).collect()
}

/// What an operator would have to say for a provider to be as it is.
pub(super) fn spec_of(provider: &Provider) -> ProviderSpec {
    let (limits, timeouts) = (&provider.limits, &provider.timeouts);
    let http = match &provider.upstream {
        Upstream::Demo => None,
        Upstream::Http(http) => Some(http),
    };
    ProviderSpec {
        name: provider.name.clone(),
        preset: provider.preset.clone(),
        dialect: None,
        base_url: None,
        endpoints: endpoints(provider).into_iter().collect(),
        enabled: provider.enabled == Enabled::Yes,
        priority: provider.priority,
        fallback: provider.fallback.clone(),
        limits: ProviderLimits {
            memory_bytes: Some(limits.memory),
            files: Some(limits.files),
            max_concurrent: Some(limits.max_streams),
            max_queue: Some(provider.max_queue),
            queue_wait_ms: Some(provider.max_wait_ms),
            pool_idle: Some(limits.pool_idle),
            requests_per_second: provider.rates.requests_per_second,
            requests_per_minute: provider.rates.requests_per_minute,
            tokens_per_minute: provider.rates.tokens_per_minute,
        },
        timeouts: ProviderTimeouts {
            connect_ms: Some(timeouts.connect_ms),
            first_token_ms: Some(timeouts.first_token_ms),
            idle_ms: Some(timeouts.idle_ms),
            total_ms: Some(timeouts.total_ms),
            total_stream_ms: Some(timeouts.total_stream_ms),
        },
        sandbox: Some(provider.sandbox),
        proxy: http.map(|http| proxy(&http.proxy)),
        proxy_login: provider.proxy_login.as_ref().map(|_| SecretValue::Kept),
        secret_headers: {
            let names = provider.secret_headers.iter().map(|(name, _)| name.clone());
            names.map(|name| (name, SecretValue::Kept)).collect()
        },
        headers: http.map(headers).unwrap_or_default(),
        quirks: http.map(|http| http.quirks.clone()).unwrap_or_default(),
    }
}

fn headers(http: &HttpUpstream) -> BTreeMap<String, String> {
    http.headers.iter().cloned().collect()
}

fn proxy(proxy: &Proxy) -> ProxyRule {
    match proxy {
        Proxy::Direct => ProxyRule::Direct,
        Proxy::Environment { .. } => ProxyRule::Environment,
        // The login that stood in it is a secret of its own.
        Proxy::Url(url) => ProxyRule::Url(url.clone()),
    }
}
