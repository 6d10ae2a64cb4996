//! What comes back: one variant per shape, and one way to say no.

use super::app::{AppKeyMade, AppView};
use super::document::{Difference, Document, EffectiveValue};
use super::meter::MeterReport;
use super::model::{AliasView, ModelView};
use super::people::{Grant, Person, SessionView, SetupLink, SetupState, UserView};
use super::provider::{PresetView, ProviderView, TestReport};
use super::record::{AuditEntry, CallDetail, CallSummary, EventView, LogLine};
use super::route::DryRunReport;
use super::status::SystemStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "reply", content = "with")]
pub enum ControlReply {
    /// It was done, or has begun; the text says which.
    Done(String),
    /// It was not done.
    Refused(Refusal),
    /// A change was committed.
    Changed(Box<Changed>),
    Status(Box<SystemStatus>),
    Presets(Vec<PresetView>),
    Providers(Vec<ProviderView>),
    Provider(Box<ProviderView>),
    Tested(Box<TestReport>),
    Models(Vec<ModelView>),
    Aliases(Vec<AliasView>),
    Apps(Vec<AppView>),
    App(Box<AppView>),
    DryRun(Box<DryRunReport>),
    SetupState(SetupState),
    SetupLink(SetupLink),
    /// A login or refresh succeeded.
    Granted(Box<Grant>),
    Person(Box<Person>),
    Users(Vec<UserView>),
    Sessions(Vec<SessionView>),
    Calls(Vec<CallSummary>),
    Call(Box<CallDetail>),
    Meter(Box<MeterReport>),
    Events(Vec<EventView>),
    Logs(Vec<LogLine>),
    Audit(Vec<AuditEntry>),
    Config(Vec<EffectiveValue>),
    Document(Box<Document>),
    Differences(Vec<Difference>),
}

/// A committed change and how far it is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// The configuration now stored; unchanged when everything was as asked already.
    pub epoch: u64,
    /// Processes that have not acknowledged the epoch in time; empty = in force everywhere.
    pub pending: Vec<Pending>,
    /// The thing as it is now; absent after a deletion.
    pub now: Option<Now>,
}

/// The changed thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "what", content = "is")]
pub enum Now {
    Provider(Box<ProviderView>),
    Model(Box<ModelView>),
    Alias(AliasView),
    App(Box<AppView>),
    /// Holds the new key, this once.
    AppKey(AppKeyMade),
    User(UserView),
    Differences(Vec<Difference>),
}

/// Somebody who has not taken over a change yet, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pending {
    /// A provider's name, or `router`.
    pub process: String,
    pub reason: String,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub kind: RefusalKind,
    /// For people: lower-case, names the thing, says what would be possible.
    pub message: String,
    /// The fields at fault, all of them.
    pub fields: Vec<FieldError>,
    pub retry_after_ms: Option<u64>,
}

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// A path such as `limits.tokens_per_minute` or `candidates[1].model`.
    pub field: String,
    pub message: String,
}

/// The closed set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The request makes no sense as it is.
    Invalid,
    /// No (valid) token, or wrong name or password.
    Unauthenticated,
    /// The person lacks the permission.
    Forbidden,
    NotFound,
    /// It exists already, is used by others, or the state does not allow it.
    Conflict,
    /// Defined in the configuration file: change it there.
    ReadOnly,
    /// Somebody changed it since the caller looked.
    Stale,
    /// Too many tries; `retry_after_ms` says when again.
    Throttled,
    /// The disk is full; calls go on, changes do not.
    StorageFull,
    /// The store, a worker or the router cannot answer now.
    Unavailable,
    /// A bug or a limit of ours.
    Internal,
}

impl Refusal {
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fields: Vec::new(), retry_after_ms: None }
    }
}

impl ControlReply {
    /// A refusal as a reply.
    pub fn refused(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(kind, message))
    }
}
