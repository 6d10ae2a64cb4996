//! What happened: calls with their decision traces, events, log lines, audit. Pages go by key, never by offset.

use crate::dialect::{Dialect, Operation};
use crate::model::{FailureKind, Usage, UsageSource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a thing or a value comes from. File wins over store; both win over presets and defaults.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "from", content = "at")]
pub enum Source {
    /// Path, and line where known: `/etc/llm-link/llm-link.toml:12`. Read-only here.
    File(String),
    CommandLine,
    Environment(String),
    Store,
    Preset,
    /// The provider's own list of models.
    Discovered,
    /// The configuration that comes with the program.
    Embedded,
    Default,
}

/// Which rows of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Page {
    /// Rows older than this key (a call's id, an event's or audit row's number).
    pub before: Option<String>,
    /// Rows newer than this key, oldest first; for following.
    pub after: Option<String>,
    /// 0 = 50; at most 500.
    pub limit: u32,
    /// With `after`: wait this long for the first row; at most 30000.
    pub wait_ms: u64,
}

/// Which calls; absent = any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallFilter {
    pub app: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub failed: Option<bool>,
    pub failure: Option<FailureKind>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// One call in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallSummary {
    /// UUIDv7, also the page key.
    pub id: String,
    pub at: i64,
    pub app: String,
    pub provider: Option<String>,
    /// As the client asked for it.
    pub model: String,
    pub upstream_model: Option<String>,
    pub dialect: Dialect,
    pub operation: Operation,
    /// What the client saw.
    pub status: u16,
    pub failure: Option<FailureKind>,
    pub attempts: u8,
    pub stream: bool,
    pub request_bytes: u64,
    pub usage: Usage,
    pub usage_source: Option<UsageSource>,
    /// Billionths of `currency`.
    pub cost_nano: Option<i64>,
    pub currency: Option<String>,
    pub timings: CallTimings,
}

/// Microseconds; absent = did not happen or is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallTimings {
    pub queue_us: Option<u64>,
    /// Between router and worker, both ways.
    pub ipc_us: Option<u64>,
    pub connect_us: Option<u64>,
    pub first_byte_us: Option<u64>,
    pub first_token_us: Option<u64>,
    /// All of it that was the upstream's; the rest of `total_us` was ours.
    pub upstream_us: Option<u64>,
    pub total_us: u64,
}

/// One call whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallDetail {
    pub call: CallSummary,
    /// Absent when it was not kept.
    pub trace: Option<CallTrace>,
}

/// The decisions made for a call. Microseconds count from the call's beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallTrace {
    /// The label of the app's key that the client showed; absent = none was needed.
    pub key: Option<String>,
    pub rule: Option<String>,
    /// `provider/model`, in order.
    pub candidates: Vec<String>,
    pub excluded: Vec<TraceExclusion>,
    pub attempts: Vec<TraceAttempt>,
    /// When the client was sent the first byte of the answer that stood.
    pub committed_us: Option<u64>,
    /// What the target could not say.
    pub losses: Vec<String>,
    pub stop_reason: Option<String>,
    /// What else is worth knowing: hedged, continued, moved after a sunset, shed, ...
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceExclusion {
    pub candidate: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceAttempt {
    pub candidate: String,
    pub began_us: u64,
    pub took_us: u64,
    pub queue_us: Option<u64>,
    pub connect_us: Option<u64>,
    pub first_byte_us: Option<u64>,
    pub first_token_us: Option<u64>,
    /// Absent = it answered.
    pub failure: Option<FailureKind>,
    pub message: Option<String>,
    /// What it took besides what the call's own usage says: it was let go for a faster one. It counts against the
    /// limits of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_source: Option<UsageSource>,
}

/// Which events; absent = any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventFilter {
    pub subject: Option<String>,
    pub kind: Option<String>,
    /// `info`, `warning`, `critical`.
    pub severity: Option<String>,
    pub since_ms: Option<i64>,
}

/// Something that happened to a process, a provider or the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    pub id: i64,
    pub at: i64,
    /// `info`, `warning`, `critical`.
    pub severity: String,
    /// In one dotted word: `worker.exited`, `worker.ready`, `breaker.opened`, `config.changed`.
    pub kind: String,
    /// A provider's name, `router`, `store`, `config`.
    pub subject: String,
    pub generation: Option<i64>,
    /// One sentence: what, why, until when.
    pub message: String,
    /// Who did it; absent = the system itself.
    pub actor: Option<String>,
    pub detail: Value,
}

/// Which lines; absent = any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogFilter {
    /// `supervisor`, `router`, or a provider's name.
    pub process: Option<String>,
    /// The least severe level to show: `error`, `warn`, `info`, `debug`, `trace`.
    pub level: Option<String>,
    /// A part of the line, without regard to case.
    pub text: Option<String>,
}

/// One line of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// Its number, also the page key. A gap = lines were dropped.
    pub seq: u64,
    pub at: i64,
    pub process: String,
    pub generation: Option<u64>,
    pub level: String,
    pub text: String,
    /// The call it belongs to, if it names one.
    pub call: Option<String>,
}

/// Which rows of the audit log; absent = any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditFilter {
    pub object: Option<String>,
    pub actor: Option<String>,
    pub since_ms: Option<i64>,
}

/// Something a person did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    pub id: i64,
    pub at: i64,
    pub epoch: Option<i64>,
    pub actor_kind: String,
    pub actor: String,
    pub origin: String,
    pub verb: String,
    pub object: String,
    pub object_id: String,
    pub name: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}
