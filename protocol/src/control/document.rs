//! The stored configuration as one declarative value: exported, compared, applied. Applying the same document
//! twice changes nothing the second time. It never holds a sealed secret on the way out.

use super::app::AppSpec;
use super::model::{AliasSpec, ModelSpec, PriceSpec};
use super::provider::{KeyValue, ProviderSpec};
use super::record::Source;
use super::route::RouteSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// See the module. Things are matched by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    pub settings: BTreeMap<String, Value>,
    pub providers: Vec<ProviderEntry>,
    pub aliases: Vec<AliasSpec>,
    pub apps: Vec<AppEntry>,
}

/// A provider with what belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    pub spec: ProviderSpec,
    /// Matched by label.
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
    #[serde(default)]
    pub models: Vec<ModelEntry>,
}

/// A key. Without a value an existing key of that label stays as it is, and a missing one is a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    pub label: String,
    #[serde(default)]
    pub value: Option<KeyValue>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A model with its prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    pub spec: ModelSpec,
    #[serde(default)]
    pub prices: Vec<PriceSpec>,
}

/// An app with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppEntry {
    pub spec: AppSpec,
    #[serde(default)]
    pub route: Option<RouteSpec>,
    #[serde(default)]
    pub keys: Vec<AppKeyEntry>,
}

/// An app's key by its SHA-256: what is known of it. The key itself is with its app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppKeyEntry {
    pub label: String,
    /// Hex. Refused on the way in unless it is 64 hex digits.
    pub sha256: String,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub expires_ms: Option<i64>,
}

/// One thing that differs, or that a change did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `create`, `update`, `delete`.
    pub verb: String,
    /// `provider`, `provider_key`, `model`, `price`, `alias`, `app`, `app_key`, `route`, `setting`.
    pub object: String,
    pub name: String,
    /// Fields that differ: path, before, after. Empty for whole things made or removed.
    pub fields: Vec<(String, Value, Value)>,
}

/// A value in force and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveValue {
    /// `server.listen`, `providers.deepseek.base_url`.
    pub path: String,
    pub value: Value,
    pub source: Source,
    /// What the file hides: the value of the store that would be in force without it.
    pub hidden: Option<Value>,
}

fn yes() -> bool {
    true
}
