//! What the supervisor tells a child about its work: resolved meaning, no options left to interpret.
//! Carried as JSON in the body of [`super::control::ToChild::Configure`]; it holds no provider key.

mod app;
mod catalogue;
mod cost;
mod limits;

pub use app::{App, AppKey, AppRoute, Conditions, Hedge, Hold, Retry, RouteStep, Rule};
pub use catalogue::{Alias, Candidate, ModelEntry, Price};
pub use cost::price_at;
pub use limits::{Budget, Budgets, Limits, Money, Rates};

use crate::dialect::Dialect;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a worker needs, except its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerConfig {
    pub provider: String,
    pub generation: u64,
    /// 32 random bytes that a data connection must present.
    pub token: Vec<u8>,
    pub upstream: Upstream,
    pub limits: WorkerLimits,
    pub sandbox: SandboxMode,
    pub timeouts: Timeouts,
}

/// Where a provider's calls go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Upstream {
    /// Answers by itself, offline, in the OpenAI dialect.
    Demo,
    Http(HttpUpstream),
}

/// An account reached over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpUpstream {
    /// At least one; the worker prefers the client's own dialect, else the first.
    pub endpoints: Vec<Endpoint>,
    pub auth: AuthScheme,
    /// A key, or something else that is secret, will arrive as `Secret` before `Ready`.
    pub needs_key: bool,
    /// Sent with every request, lower-case names.
    pub headers: Vec<(String, String)>,
    pub proxy: Proxy,
    /// Deviations of this vendor, by dialect; see `dialect::*::Quirks`. Empty = none.
    pub quirks: BTreeMap<String, serde_json::Value>,
    /// What is known of its models, by the provider's own id.
    pub models: BTreeMap<String, ModelFacts>,
}

/// One dialect of a provider and its base URL, version prefix included, no trailing slash
/// (`https://api.example.com/v1`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub dialect: Dialect,
    pub base_url: String,
}

/// How the key is presented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthScheme {
    None,
    /// `Authorization: Bearer KEY`
    Bearer,
    /// `x-api-key: KEY`, `api-key: KEY`, `x-goog-api-key: KEY`: the header's name.
    Header(String),
    /// What each dialect's own vendor uses: `x-api-key` for anthropic, `x-goog-api-key` for gemini, else Bearer.
    ByDialect,
}

/// The way out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proxy {
    #[default]
    Direct,
    /// Values of `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy` as the supervisor found them.
    Environment {
        http: String,
        https: String,
        no: String,
    },
    Url(String),
}

/// Facts about one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelFacts {
    pub context: Option<u64>,
    pub max_output: Option<u64>,
    pub tools: Option<bool>,
    pub vision: Option<bool>,
    pub reasoning: Option<bool>,
    /// Continues an assistant's turn that the request ends with.
    pub prefill: Option<bool>,
}

/// Bounds of a worker process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// Address space (RLIMIT_AS) in bytes; 0 = unlimited.
    pub memory: u64,
    /// Open files (RLIMIT_NOFILE).
    pub files: u64,
    /// Calls at once; more are refused.
    pub max_streams: u32,
    /// Upstream connections kept open and idle.
    pub pool_idle: u32,
}

/// What to do when the kernel cannot give the whole sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Take what there is and report it.
    #[default]
    BestEffort,
    /// Exit 78 unless every layer is enforced.
    Required,
    /// Only the clean environment and the limits. For debugging.
    Off,
}

/// Milliseconds; 0 = none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    pub connect_ms: u64,
    /// From the request being sent to the first content-bearing byte.
    pub first_token_ms: u64,
    /// Between two chunks.
    pub idle_ms: u64,
    /// The whole call; for streams 0 by default.
    pub total_ms: u64,
    /// The whole call when streaming.
    pub total_stream_ms: u64,
}

/// Everything the router needs. A new one replaces the old one whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterConfig {
    pub epoch: u64,
    pub listeners: Vec<Listener>,
    pub apps: Vec<App>,
    pub providers: Vec<Provider>,
    pub aliases: Vec<Alias>,
    pub limits: RouterLimits,
    /// Where days and months of budgets begin: minutes east of UTC.
    pub utc_offset_min: i32,
    /// Read once, by the first configuration of a router process.
    pub runtime: RouterRuntime,
    /// Threads of the runtime; 0 = one per core.
    pub threads: u32,
}

/// How the router lays its work out over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouterRuntime {
    /// One runtime; any thread takes any work.
    #[default]
    Multi,
    /// A runtime for each thread; a connection stays on its thread.
    PerCore,
}

/// A listening socket, inherited at this position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Index among the inherited listener descriptors.
    pub index: u32,
    /// As configured, for messages: `127.0.0.1:8080`.
    pub address: String,
    /// Serve callers without a key, as `app`.
    pub open: bool,
    /// The app of callers without a key; absent = `default`.
    #[serde(default)]
    pub app: Option<String>,
    /// Serve the admin API and the console.
    pub admin: bool,
}

/// A provider as the router sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    pub name: String,
    pub preset: String,
    /// Lower serves first.
    pub priority: i32,
    /// The provider's own model ids it is known to serve.
    pub models: Vec<ModelEntry>,
    /// Providers that take over, in order.
    pub fallback: Vec<String>,
    /// Dialects it offers, in order of preference.
    pub dialects: Vec<Dialect>,
    pub lane: Option<Lane>,
    pub state: WorkerState,
    /// Why it is in that state, for people.
    pub reason: String,
    pub max_concurrent: u32,
    /// Calls that may wait for a place.
    pub max_queue: u32,
    /// How long they may; 0 = as long as their deadline.
    pub max_wait_ms: u64,
    pub rates: Rates,
}

/// How to reach a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    pub generation: u64,
    pub socket: String,
    pub token: Vec<u8>,
}

/// Bounds of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterLimits {
    pub body_bytes: u64,
    /// Bytes of an answer held back before the commit point.
    pub hold_bytes: u64,
    pub header_bytes: u64,
    /// A client must finish its head (and then its body, per read) in this time.
    pub read_timeout_ms: u64,
    pub connections: u32,
    /// How long a drain waits for calls in flight.
    pub drain_ms: u64,
}

/// A worker's state, decided by the supervisor's state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    Starting,
    Ready,
    Degraded,
    Draining,
    Stopped,
    Backoff,
    Failed,
}
