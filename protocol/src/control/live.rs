//! What a live page is fed with, frame by frame: one tick a second, and events and calls as they happen.

use super::record::{CallSummary, EventView};
use crate::ipc::configure::WorkerState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One message of the live stream. `seq` counts up by one; whoever reconnects says the last one seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum LiveFrame {
    Tick(Box<LiveTick>),
    Event {
        seq: u64,
        at: i64,
        event: Box<EventView>,
    },
    /// A call is over.
    Call {
        seq: u64,
        at: i64,
        call: Box<CallSummary>,
    },
    /// What was asked for is no longer kept: read the lists again.
    Gap {
        seq: u64,
        at: i64,
    },
}

/// How everything is, now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveTick {
    pub seq: u64,
    pub at: i64,
    /// The configuration in force.
    pub epoch: u64,
    pub total: LiveMeter,
    pub providers: BTreeMap<String, LiveProvider>,
    pub router: LiveProcess,
    pub supervisor: LiveProcess,
}

/// Rates over the last ten seconds and percentiles over the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveMeter {
    pub in_flight: u32,
    pub queued: u32,
    pub calls_per_s: f64,
    pub errors_per_s: f64,
    pub tokens_per_s: f64,
    pub latency_p50_us: Option<u64>,
    pub latency_p95_us: Option<u64>,
    pub first_token_p95_us: Option<u64>,
    /// What was ours of each call's time.
    pub overhead_p95_us: Option<u64>,
}

/// A provider right now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveProvider {
    pub state: WorkerState,
    pub reason: String,
    pub since_ms: u64,
    pub meter: LiveMeter,
    pub process: LiveProcess,
    pub restarts: u64,
    /// Those that are not closed.
    pub breakers: Vec<BreakerView>,
}

/// A process right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveProcess {
    pub pid: Option<u32>,
    pub generation: u64,
    pub rss_bytes: u64,
    /// 0 = none.
    pub memory_limit_bytes: u64,
    pub cpu_percent: f64,
    pub open_files: u32,
    pub loop_lag_us: u64,
}

/// A breaker that keeps calls away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerView {
    pub model: String,
    /// `open`, `half-open`, `rate-limited`, `key-refused`.
    pub state: String,
    pub reason: String,
    pub since_ms: i64,
    pub until_ms: Option<i64>,
}
