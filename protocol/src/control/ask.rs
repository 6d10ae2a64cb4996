//! A question: who asks it, and the closed set of what can be asked.

use super::app::{AppKeySpec, AppSpec};
use super::document::Document;
use super::model::{AliasSpec, ModelSpec, PriceSpec};
use super::people::{UserSpec, UserText};
use super::provider::{KeyValue, ProviderSpec};
use super::record::{AuditFilter, CallFilter, EventFilter, LogFilter, Page};
use super::route::{DryRun, RouteSpec};
use super::{SecretText, meter::MeterQuery};
use serde::{Deserialize, Serialize};

/// One question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub caller: Caller,
    pub request: ControlRequest,
    /// Of a change: a repeated question with the same key gets the first one's answer and does nothing.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// Who asks. The supervisor trusts the socket for `Local` and the router's own pipe for `Router`, and verifies everything else itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "who")]
pub enum Caller {
    /// The command line, over the control socket (the peer's uid was checked). Refused from the router.
    Local { uid: u32 },
    /// The router for itself, over its own control conversation: how the processes are and what happened to them,
    /// nothing else. It has no user's rights. Refused from the socket.
    Router,
    /// A person or script with an access token. The supervisor checks signature, expiry, session and permission.
    Token { token: SecretText, origin: Origin },
    /// Nobody yet: setup, login, refresh.
    Anonymous { origin: Origin },
}

/// Where a question came from, for the audit log and for throttling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's IP address.
    pub address: String,
    pub user_agent: String,
    pub request_id: String,
}

/// Everything an operator can ask. `version`: the row's version the caller has seen (`If-Match`); absent = any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum ControlRequest {
    // --- processes
    /// Everything about every process.
    Status,
    /// Why a provider is in its state, in sentences.
    Why {
        provider: String,
    },
    /// Replace a provider's worker (or `router`) by a new generation, draining the old one.
    Restart {
        provider: String,
    },
    /// Take a provider out of routing and let its calls finish.
    Drain {
        provider: String,
        /// Milliseconds until what is left is cut; the configured drain timeout when absent.
        within_ms: Option<u64>,
    },
    /// Undo a drain.
    Resume {
        provider: String,
    },
    /// Configured and running, or configured only.
    Enable {
        provider: String,
        enabled: bool,
    },
    /// Read the configuration file again.
    Reload,
    /// Replace every process by the executable that now stands where ours was started from.
    Upgrade,
    /// Drain and stop everything.
    Shutdown,

    // --- providers
    Presets,
    Providers,
    Provider {
        provider: String,
    },
    CreateProvider {
        spec: Box<ProviderSpec>,
        #[serde(default)]
        key: Option<KeyValue>,
    },
    UpdateProvider {
        provider: String,
        spec: Box<ProviderSpec>,
        #[serde(default)]
        version: Option<i64>,
    },
    DeleteProvider {
        provider: String,
        #[serde(default)]
        version: Option<i64>,
    },
    /// Contact the real upstream through the provider's own worker: its models list, and with `model` a call of
    /// one token.
    TestProvider {
        provider: String,
        #[serde(default)]
        model: Option<String>,
    },
    /// Ask the upstream for its models and add those that are not known.
    DiscoverModels {
        provider: String,
    },
    AddProviderKey {
        provider: String,
        label: String,
        value: KeyValue,
    },
    /// Absent = as it was.
    UpdateProviderKey {
        provider: String,
        key: i64,
        #[serde(default)]
        label: Option<String>,
        #[serde(default)]
        enabled: Option<bool>,
        #[serde(default)]
        value: Option<KeyValue>,
        #[serde(default)]
        version: Option<i64>,
    },
    DeleteProviderKey {
        provider: String,
        key: i64,
        #[serde(default)]
        version: Option<i64>,
    },

    // --- models
    Models {
        #[serde(default)]
        provider: Option<String>,
    },
    /// Create or replace.
    SaveModel {
        provider: String,
        spec: ModelSpec,
        #[serde(default)]
        version: Option<i64>,
    },
    DeleteModel {
        provider: String,
        model: String,
        #[serde(default)]
        version: Option<i64>,
    },
    AddPrice {
        provider: String,
        model: String,
        spec: PriceSpec,
    },
    DeletePrice {
        price: i64,
    },
    Aliases,
    /// Create or replace.
    SaveAlias {
        spec: AliasSpec,
        #[serde(default)]
        version: Option<i64>,
    },
    DeleteAlias {
        alias: String,
        #[serde(default)]
        version: Option<i64>,
    },

    // --- apps
    Apps,
    App {
        app: String,
    },
    CreateApp {
        spec: AppSpec,
        #[serde(default)]
        route: Option<RouteSpec>,
    },
    UpdateApp {
        app: String,
        spec: AppSpec,
        #[serde(default)]
        version: Option<i64>,
    },
    DeleteApp {
        app: String,
        #[serde(default)]
        version: Option<i64>,
    },
    /// Create or replace; `None` = the providers by their own priority.
    SetRoute {
        app: String,
        #[serde(default)]
        route: Option<RouteSpec>,
        #[serde(default)]
        version: Option<i64>,
    },
    CreateAppKey {
        app: String,
        spec: AppKeySpec,
    },
    /// A new key; the old one goes on for `overlap_s` seconds.
    RotateAppKey {
        app: String,
        key: i64,
        overlap_s: u64,
    },
    RevokeAppKey {
        app: String,
        key: i64,
    },
    /// Where a call would go now, and why. Answered by the router.
    DryRun {
        call: DryRun,
    },

    // --- people
    /// Whether there is no user yet.
    SetupState,
    /// Makes the first user. The token is that of the setup link.
    Setup {
        token: SecretText,
        user: UserText,
        password: SecretText,
    },
    /// A new setup link (only while there is no user).
    SetupLink,
    Login {
        user: UserText,
        password: SecretText,
    },
    /// Exchanges a refresh token for the next one and a new access token.
    Refresh {
        token: SecretText,
    },
    Logout,
    Whoami,
    Users,
    CreateUser {
        spec: UserSpec,
        password: SecretText,
    },
    UpdateUser {
        user: UserText,
        spec: UserSpec,
        #[serde(default)]
        version: Option<i64>,
    },
    DeleteUser {
        user: UserText,
        #[serde(default)]
        version: Option<i64>,
    },
    /// One's own needs `current`; another's needs SystemConfig. Ends the user's other sessions.
    SetPassword {
        user: UserText,
        #[serde(default)]
        current: Option<SecretText>,
        password: SecretText,
    },
    Sessions {
        user: UserText,
    },
    RevokeSession {
        session: String,
    },

    // --- record
    Calls {
        filter: CallFilter,
        page: Page,
    },
    /// One call with its decision trace.
    Call {
        call: String,
    },
    /// Figures of a range of time, in slots and by group.
    Meter {
        query: MeterQuery,
    },
    /// Newest first; with `after`, oldest first from there, waiting up to `wait_ms` for the first.
    Events {
        filter: EventFilter,
        page: Page,
    },
    /// Lines of all processes from the supervisor's ring; with `after`, waiting up to `wait_ms` for the first.
    Logs {
        filter: LogFilter,
        page: Page,
    },
    Audit {
        filter: AuditFilter,
        page: Page,
    },

    // --- configuration
    /// The effective configuration, each value with where it comes from. No secrets.
    Config,
    /// What is stored, as a document that `Apply` takes. No secrets.
    Export,
    /// Makes what is stored equal to the document; things not in it are removed only with `prune`. With `dry_run`,
    /// says what would change and changes nothing.
    Apply {
        document: Box<Document>,
        prune: bool,
        dry_run: bool,
        /// The epoch the caller has seen; absent = any.
        #[serde(default)]
        epoch: Option<u64>,
    },
    /// `null` removes it.
    SetSetting {
        name: String,
        value: serde_json::Value,
        #[serde(default)]
        version: Option<i64>,
    },
    /// A new master key; every secret is wrapped anew.
    RotateMasterKey,
}
