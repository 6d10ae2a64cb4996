//! Models and the names clients know them by.

use super::ModelFacts;
use super::app::Rule;
use serde::{Deserialize, Serialize};

/// A model of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelEntry {
    /// The provider's own.
    pub id: String,
    pub facts: ModelFacts,
    /// The provider's name of this version (`2025-10-24`).
    pub version: Option<String>,
    /// Works, but its callers are warned.
    pub deprecated: bool,
    /// From then on calls move to an alternative; milliseconds since 1970.
    pub sunset_ms: Option<u64>,
    /// What to use instead, in order: a public name or `provider/model`.
    pub alternatives: Vec<String>,
    /// Newest last.
    pub prices: Vec<Price>,
}

/// What a model costs since a moment. Amounts in millionths of the currency's unit per million tokens ($0.25 =
/// 250 000). Absent = not charged apart: cached input then costs as fresh input does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Milliseconds since 1970.
    pub since_ms: u64,
    /// ISO 4217, upper case.
    pub currency: String,
    pub input_fresh: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// Reasoning included.
    pub output: Option<u64>,
}

/// A public name and the candidates behind it, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub name: String,
    pub rule: Rule,
    pub candidates: Vec<Candidate>,
}

/// A (provider, model) pair that may serve a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidate {
    pub provider: String,
    pub model: String,
    /// Share under the rules that weigh; 1 or more.
    pub weight: u32,
}

impl ModelEntry {
    /// A model of which only the id and some facts are known.
    pub fn new(id: impl Into<String>, facts: ModelFacts) -> Self {
        Self { id: id.into(), facts, ..Self::default() }
    }
}
