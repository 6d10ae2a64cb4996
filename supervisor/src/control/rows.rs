//! Rows of the store as the settings take them: by name, with nothing that only the store needs.

use crate::settings::{KeySource, Stored, StoredApp, StoredProvider};
use crate::store::app_keys::{AppKey, labels};
use crate::store::models::Model;
use crate::store::prices::Price;
use crate::store::providers::Provider;
use crate::store::snapshot::Snapshot;
use crate::store::words::AppId;
use protocol::control::model::{ModelSpec, PriceSpec};
use protocol::control::route::RouteSpec;
use protocol::ipc::configure as ipc;
use std::collections::BTreeMap;

/// What a provider's worker is to be given of its secrets.
#[derive(Clone, Default)]
pub(crate) struct Given {
    pub(crate) key: Option<KeySource>,
    pub(crate) proxy_login: Option<KeySource>,
    pub(crate) secret_headers: Vec<(String, KeySource)>,
}

/// Everything stored, with what each provider's worker is to be given.
pub(crate) fn stored(snapshot: &Snapshot, given: impl Fn(&Provider) -> Given) -> Stored {
    let mut keys: BTreeMap<AppId, Vec<&AppKey>> = BTreeMap::new();
    for app_key in &snapshot.app_keys {
        keys.entry(app_key.app_id).or_default().push(app_key);
    }
    let provider = |provider: &Provider| {
        let Given { key, proxy_login, secret_headers } = given(provider);
        let (spec, models) = (provider.spec.clone(), models(snapshot, provider));
        StoredProvider { spec, key, proxy_login, secret_headers, models }
    };
    let routes: BTreeMap<AppId, &RouteSpec> =
        snapshot.routes.iter().map(|route| (route.app_id, &route.spec)).collect();
    let app = |app: &crate::store::apps::App| StoredApp {
        spec: app.spec.clone(),
        route: routes.get(&app.id).map(|spec| (*spec).clone()),
        keys: app_keys(keys.get(&app.id).map(Vec::as_slice).unwrap_or_default()),
    };
    Stored {
        settings: snapshot.settings.iter().map(|s| (s.name.clone(), s.value.clone())).collect(),
        providers: snapshot.providers.iter().map(provider).collect(),
        aliases: snapshot.aliases.iter().map(|alias| alias.spec.clone()).collect(),
        apps: snapshot.apps.iter().map(app).collect(),
    }
}

fn models(snapshot: &Snapshot, provider: &Provider) -> Vec<(ModelSpec, Vec<PriceSpec>)> {
    let own = snapshot.models.iter().filter(|model| model.provider_id == provider.id);
    let prices = |model: &Model| {
        let of_model = snapshot.prices.iter().filter(|price| price.model_id == model.id);
        of_model.map(price_spec).collect()
    };
    own.map(|model| (model_spec(model), prices(model))).collect()
}

/// Each with a label of its own.
fn app_keys(keys: &[&AppKey]) -> Vec<ipc::AppKey> {
    let key = |(key, label): (&&AppKey, String)| ipc::AppKey {
        label,
        hash: hex(&key.hash),
        expires_ms: key.expires_at.map(|at| at.0.unsigned_abs()),
        limits: ipc::Limits::default(),
    };
    keys.iter().zip(labels(keys)).map(key).collect()
}

/// What is said about a model.
pub(crate) fn model_spec(model: &Model) -> ModelSpec {
    let spec = &model.spec;
    ModelSpec {
        name: spec.name.clone(),
        model_version: spec.model_version.clone(),
        enabled: spec.enabled,
        facts: spec.facts.clone(),
        deprecated: spec.deprecated,
        sunset_ms: spec.sunset.map(|at| at.0),
        alternatives: spec.alternatives.clone(),
    }
}

/// What is said about a price.
pub(crate) fn price_spec(price: &Price) -> PriceSpec {
    let spec = &price.spec;
    PriceSpec {
        since_ms: spec.since.0,
        currency: spec.currency.clone(),
        input_fresh: spec.input_fresh,
        cache_read: spec.cache_read,
        cache_write: spec.cache_write,
        output: spec.output,
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    crate::settings::hex(bytes)
}
