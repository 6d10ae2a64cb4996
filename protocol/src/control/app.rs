//! Apps: the named clients of LLM Link, their limits and their keys.

use super::SecretText;
use super::record::Source;
use super::route::RouteSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator says about an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    pub name: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Refuse what cannot be translated without loss.
    #[serde(default)]
    pub strict: bool,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub limits: AppLimits,
    /// Names and patterns (`gpt-*`) it may ask for; empty = all.
    #[serde(default)]
    pub models: Vec<String>,
}

/// Bounds of an app's traffic; `None` = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppLimits {
    pub requests_per_second: Option<u32>,
    pub requests_per_minute: Option<u32>,
    pub tokens_per_minute: Option<u64>,
    pub concurrent: Option<u32>,
    /// Calls that may wait for a place, and how long.
    pub queue: Option<u32>,
    pub queue_wait_ms: Option<u64>,
    pub tokens_per_day: Option<u64>,
    pub tokens_per_month: Option<u64>,
    /// Billionths of the currency unit of the prices.
    pub cost_per_day_nano: Option<u64>,
    pub cost_per_month_nano: Option<u64>,
}

/// A key to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppKeySpec {
    #[serde(default)]
    pub label: String,
    #[serde(default)]
    pub expires_ms: Option<i64>,
}

/// An app as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppView {
    pub spec: AppSpec,
    pub source: Source,
    /// 0 = it is in the file.
    pub version: i64,
    pub route: Option<RouteSpec>,
    /// 0 = it has none, or it is in the file.
    pub route_version: i64,
    pub keys: Vec<AppKeyView>,
    /// How full its limits are now, as the router counts; empty = it has none, or the router does not answer.
    pub levels: Vec<LimitLevel>,
    pub created_ms: Option<i64>,
    pub updated_ms: Option<i64>,
}

/// A key without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppKeyView {
    /// 0 = it is in the file.
    pub id: i64,
    pub label: String,
    /// Its first characters.
    pub prefix: String,
    pub created_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
    pub last_used_ms: Option<i64>,
}

/// A key just made: the only time it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppKeyMade {
    pub app: String,
    pub view: AppKeyView,
    pub key: SecretText,
}

/// One limit and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitLevel {
    /// A field of the limits: `tokens_per_minute`.
    pub limit: String,
    pub used: u64,
    pub of: u64,
    /// When it is empty again.
    pub resets_in_ms: u64,
}

fn yes() -> bool {
    true
}
