//! Figures over time: what the overview, the monitoring page and reports are drawn from.

use crate::model::Usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to sum up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeterQuery {
    pub since_ms: i64,
    pub until_ms: i64,
    /// Seconds of a slot of the series: 60, 3600 or 86400; 0 = what fits the range.
    #[serde(default)]
    pub slot_s: u32,
    #[serde(default)]
    pub by: MeterGroup,
    #[serde(default)]
    pub app: Option<String>,
    #[serde(default)]
    pub provider: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
}

/// What to group by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeterGroup {
    #[default]
    Provider,
    App,
    Model,
}

/// The figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeterReport {
    pub since_ms: i64,
    pub until_ms: i64,
    pub slot_s: u32,
    pub total: Meter,
    /// The same for the range of equal length before.
    pub before: Meter,
    /// By name; `""` = no provider was reached.
    pub groups: BTreeMap<String, Meter>,
    /// Over all groups, every slot of the range, empty ones too.
    pub series: Vec<MeterSlot>,
    /// The same by group; the ten with the most calls, of providers a hundred.
    pub series_by_group: BTreeMap<String, Vec<MeterSlot>>,
}

/// One slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeterSlot {
    pub start_ms: i64,
    pub calls: u64,
    pub failed: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub latency_p50_us: Option<u64>,
    pub latency_p95_us: Option<u64>,
    pub overhead_p95_us: Option<u64>,
}

/// Sums and percentiles of a set of calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Meter {
    pub calls: u64,
    pub failed: u64,
    pub streams: u64,
    pub attempts: u64,
    pub usage: Usage,
    /// Calls without any token count; the sums are too small by theirs.
    pub unmeasured: u64,
    pub estimated: u64,
    /// Billionths, by currency.
    pub cost_nano: BTreeMap<String, i64>,
    pub unpriced: u64,
    pub failures: BTreeMap<String, u64>,
    pub latency: Percentiles,
    pub first_token: Percentiles,
    /// What was ours of each call's time.
    pub overhead: Percentiles,
}

/// Microseconds; absent = no call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Percentiles {
    pub p50_us: Option<u64>,
    pub p95_us: Option<u64>,
    pub p99_us: Option<u64>,
}
