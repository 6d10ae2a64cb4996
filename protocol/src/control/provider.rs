//! Providers as operators say and see them. What is not said is `None`: the preset's or the program's default.

use super::SecretText;
use super::model::ModelView;
use super::record::Source;
use super::status::ProviderStatus;
use crate::dialect::Dialect;
use crate::ipc::configure::SandboxMode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an operator says about a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSpec {
    /// a-z, 0-9, `.`, `_`, `-`.
    pub name: String,
    /// An id of `presets.toml`.
    pub preset: String,
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// One address for every dialect it speaks.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Addresses of single dialects, before `base_url`.
    #[serde(default)]
    pub endpoints: BTreeMap<Dialect, String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Lower serves first.
    #[serde(default)]
    pub priority: i32,
    /// Names of the providers that take over, in order.
    #[serde(default)]
    pub fallback: Vec<String>,
    #[serde(default)]
    pub limits: ProviderLimits,
    #[serde(default)]
    pub timeouts: ProviderTimeouts,
    #[serde(default)]
    pub sandbox: Option<SandboxMode>,
    #[serde(default)]
    pub proxy: Option<ProxyRule>,
    /// What the proxy is told: `user:password`. Only with a proxy's address.
    #[serde(default)]
    pub proxy_login: Option<SecretValue>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers that carry a credential besides the key; lower-case names.
    #[serde(default)]
    pub secret_headers: BTreeMap<String, SecretValue>,
    /// Deviations from the dialect, by dialect.
    #[serde(default)]
    pub quirks: BTreeMap<String, Value>,
}

/// Bounds of a provider's worker and of its traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderLimits {
    pub memory_bytes: Option<u64>,
    pub files: Option<u64>,
    pub max_concurrent: Option<u32>,
    pub max_queue: Option<u32>,
    pub queue_wait_ms: Option<u64>,
    pub pool_idle: Option<u32>,
    pub requests_per_second: Option<u64>,
    pub requests_per_minute: Option<u64>,
    pub tokens_per_minute: Option<u64>,
}

/// Milliseconds; 0 = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderTimeouts {
    pub connect_ms: Option<u64>,
    pub first_token_ms: Option<u64>,
    pub idle_ms: Option<u64>,
    pub total_ms: Option<u64>,
    pub total_stream_ms: Option<u64>,
}

/// The way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyRule {
    Direct,
    /// The supervisor's own proxy variables.
    Environment,
    /// Without user name and password.
    Url(String),
}

/// Something secret of a provider besides its keys. Its text never comes back: what is sealed is shown as `kept`,
/// and `kept` in a change leaves it as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretValue {
    Kept,
    /// To be sealed in the store.
    Text(SecretText),
    /// An absolute path, read at each start of the worker.
    File(String),
    /// A variable of the supervisor's environment.
    Env(String),
}

/// A provider's key as it is given. It never comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyValue {
    /// To be sealed in the store.
    Text(SecretText),
    /// An absolute path, read at each start of the worker.
    File(String),
    /// A variable of the supervisor's environment.
    Env(String),
}

/// A provider as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderView {
    pub spec: ProviderSpec,
    /// Of the stored row (`If-Match`); 0 = it is in the file.
    pub version: i64,
    pub source: Source,
    /// Where its calls go, resolved: dialect and address.
    pub endpoints: Vec<(Dialect, String)>,
    pub keys: Vec<KeyView>,
    pub models: Vec<ModelView>,
    /// Its processes; absent while it is being made.
    pub status: Option<ProviderStatus>,
    pub created_ms: Option<i64>,
    pub updated_ms: Option<i64>,
}

/// A key of a provider, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyView {
    /// 0 = it is in the file.
    pub id: i64,
    pub label: String,
    /// Its last characters, at most 4.
    pub tail: String,
    /// `sealed`, `file /path`, `env NAME`.
    pub kept: String,
    pub enabled: bool,
    /// `unproven`, `good`, `cooling`, `rejected`.
    pub state: String,
    pub cooldown_until_ms: Option<i64>,
    pub failures: i64,
    pub last_used_ms: Option<i64>,
    pub version: i64,
}

/// A vendor's row of data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PresetView {
    pub id: String,
    pub title: String,
    /// Dialect and address; an empty address must be given by the operator.
    pub endpoints: Vec<(Dialect, String)>,
    pub needs_key: bool,
    pub key_env: Option<String>,
    pub models: Vec<String>,
    /// Something on this machine listens where it is expected: a local model server.
    #[serde(default)]
    pub found: bool,
}

/// What contacting the upstream came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestReport {
    pub ok: bool,
    /// In order; the first that failed is the last.
    pub steps: Vec<TestStep>,
    /// Models the upstream listed.
    pub models: Vec<String>,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestStep {
    /// `worker`, `connect`, `models`, `call`.
    pub name: String,
    pub ok: bool,
    pub took_us: u64,
    /// What was found, or the upstream's real error text.
    pub detail: String,
    pub status: Option<u16>,
}

fn yes() -> bool {
    true
}
