//! `/presets`, `/providers`: providers, what is done with them, and their keys.

use super::route::{Gives, Route, schema};
use protocol::control::ControlRequest;
use protocol::control::provider::{KeyValue, PresetView, ProviderSpec, ProviderView, TestReport};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProviderBody {
    spec: Box<ProviderSpec>,
    /// Its first key.
    #[serde(default)]
    key: Option<KeyValue>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProviderSpecBody {
    spec: Box<ProviderSpec>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TestBody {
    /// Make a call of one token to this model too.
    model: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct DrainBody {
    /// Milliseconds until what is left is cut; the configured drain timeout when absent.
    within_ms: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    label: String,
    value: KeyValue,
}

/// Absent = as it was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeyChangeBody {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    value: Option<KeyValue>,
}

const SPEC: &str = r#"{"spec": {"name": "deepseek", "preset": "deepseek"}}"#;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/presets", "listPresets", "The vendors that are known by name", Gives::List(schema::<PresetView>()))
        .asks(|_| Ok(ControlRequest::Presets)),
    Route::get("/providers", "listProviders", "All providers with their processes", Gives::List(schema::<ProviderView>()))
        .asks(|_| Ok(ControlRequest::Providers)),
    Route::post("/providers", "createProvider", "A new provider, and its first key", Gives::Created)
        .body::<ProviderBody>(SPEC)
        .asks(|i| {
            let ProviderBody { spec, key } = i.body()?;
            Ok(ControlRequest::CreateProvider { spec, key })
        }),
    Route::get("/providers/{provider}", "getProvider", "One provider", Gives::One(schema::<ProviderView>()))
        .asks(|i| Ok(ControlRequest::Provider { provider: i.part("provider") })),
    Route::put(
        "/providers/{provider}",
        "updateProvider",
        "Replaces what is said about a provider; its worker is replaced without cutting calls where that is needed",
        Gives::Changed,
    )
    .body::<ProviderSpecBody>(SPEC)
    .versioned()
    .asks(|i| {
        let ProviderSpecBody { spec } = i.body()?;
        Ok(ControlRequest::UpdateProvider { provider: i.part("provider"), spec, version: i.version })
    }),
    Route::delete(
        "/providers/{provider}",
        "deleteProvider",
        "Removes a provider that nothing names, with its keys and models",
        Gives::Changed,
    )
    .versioned()
    .asks(|i| Ok(ControlRequest::DeleteProvider { provider: i.part("provider"), version: i.version })),
    Route::post(
        "/providers/{provider}/test",
        "testProvider",
        "Contacts the real upstream through the provider's own worker",
        Gives::One(schema::<TestReport>()),
    )
    .maybe_body::<TestBody>("{}")
    .asks(|i| {
        let TestBody { model } = i.body_or_default()?;
        Ok(ControlRequest::TestProvider { provider: i.part("provider"), model })
    }),
    Route::post("/providers/{provider}/restart", "restartProvider", "A new worker; the old one finishes its calls", Gives::Done)
        .asks(|i| Ok(ControlRequest::Restart { provider: i.part("provider") })),
    Route::post(
        "/providers/{provider}/drain",
        "drainProvider",
        "Takes a provider out of routing and lets its calls finish",
        Gives::Done,
    )
    .maybe_body::<DrainBody>("{}")
    .asks(|i| {
        let DrainBody { within_ms } = i.body_or_default()?;
        Ok(ControlRequest::Drain { provider: i.part("provider"), within_ms })
    }),
    Route::post("/providers/{provider}/resume", "resumeProvider", "Undoes a drain", Gives::Done)
        .asks(|i| Ok(ControlRequest::Resume { provider: i.part("provider") })),
    Route::post("/providers/{provider}/enable", "enableProvider", "Starts its worker", Gives::Changed)
        .asks(|i| Ok(ControlRequest::Enable { provider: i.part("provider"), enabled: true })),
    Route::post("/providers/{provider}/disable", "disableProvider", "Keeps it configured only", Gives::Changed)
        .asks(|i| Ok(ControlRequest::Enable { provider: i.part("provider"), enabled: false })),
    Route::post(
        "/providers/{provider}/discover",
        "discoverModels",
        "Asks the upstream for its models and adds those that are not known",
        Gives::Changed,
    )
    .asks(|i| Ok(ControlRequest::DiscoverModels { provider: i.part("provider") })),
    Route::get("/providers/{provider}/why", "whyProvider", "Why it is in its state, in sentences", Gives::Done)
        .asks(|i| Ok(ControlRequest::Why { provider: i.part("provider") })),
    Route::post("/providers/{provider}/keys", "addProviderKey", "One more key", Gives::Created)
        .body::<KeyBody>(r#"{"label": "second", "value": {"env": "DEEPSEEK_API_KEY"}}"#)
        .asks(|i| {
            let KeyBody { label, value } = i.body()?;
            Ok(ControlRequest::AddProviderKey { provider: i.part("provider"), label, value })
        }),
    Route::patch("/providers/{provider}/keys/{key}", "updateProviderKey", "Changes a key", Gives::Changed)
        .body::<KeyChangeBody>(r#"{"enabled": false}"#)
        .versioned()
        .asks(|i| {
            let KeyChangeBody { label, enabled, value } = i.body()?;
            let (provider, key, version) = (i.part("provider"), i.number("key")?, i.version);
            Ok(ControlRequest::UpdateProviderKey { provider, key, label, enabled, value, version })
        }),
    Route::delete("/providers/{provider}/keys/{key}", "deleteProviderKey", "Removes a key", Gives::Changed)
        .versioned()
        .asks(|i| {
            let (provider, key, version) = (i.part("provider"), i.number("key")?, i.version);
            Ok(ControlRequest::DeleteProviderKey { provider, key, version })
        }),
];
