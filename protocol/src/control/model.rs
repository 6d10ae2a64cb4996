//! What can be called: models of providers, their prices, and the public names in front of them.

use super::record::Source;
use crate::ipc::configure::ModelFacts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator says about a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The provider's own id.
    pub name: String,
    /// The provider's name of this version, if it has one (`2025-10-24`).
    #[serde(default)]
    pub model_version: Option<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub facts: ModelFacts,
    #[serde(default)]
    pub deprecated: bool,
    /// From then on calls move to an alternative.
    #[serde(default)]
    pub sunset_ms: Option<i64>,
    /// What to use instead, in order: `model` or `provider/model`.
    #[serde(default)]
    pub alternatives: Vec<String>,
}

/// A model as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelView {
    pub provider: String,
    pub spec: ModelSpec,
    pub source: Source,
    /// 0 = it has no row of its own.
    pub version: i64,
    /// In force now.
    pub price: Option<PriceView>,
    /// All of them, newest first.
    pub prices: Vec<PriceView>,
    /// Apps whose routes or allowed models name it.
    pub used_by: Vec<String>,
}

/// Millionths of the currency unit per million tokens; `None` = not charged apart or unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSpec {
    pub since_ms: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    #[serde(default)]
    pub input_fresh: Option<u64>,
    #[serde(default)]
    pub cache_read: Option<u64>,
    #[serde(default)]
    pub cache_write: Option<u64>,
    /// Reasoning included.
    #[serde(default)]
    pub output: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceView {
    /// 0 = it is in the file.
    pub id: i64,
    pub spec: PriceSpec,
}

/// A public name and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasSpec {
    /// `*` catches every name that nothing else knows.
    pub name: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub note: String,
    /// In order.
    pub candidates: Vec<AliasCandidate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasCandidate {
    pub provider: String,
    pub model: String,
    /// Share under the `weighted` rule, 1 or more.
    #[serde(default = "one")]
    pub weight: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AliasView {
    pub spec: AliasSpec,
    pub source: Source,
    /// 0 = it is in the file.
    pub version: i64,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}
