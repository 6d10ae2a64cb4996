//! A client of LLM Link as the router sees it: its keys, its way over the candidates, its bounds.

use super::limits::{Budgets, Limits};
pub use crate::control::route::{Hedge, Hold, Rule};
use crate::dialect::Dialect;
use serde::{Deserialize, Serialize};

/// A named client of LLM Link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub name: String,
    pub keys: Vec<AppKey>,
    /// Refuse what cannot be translated without loss.
    pub strict: bool,
    /// Names it may ask for, as patterns (`gpt-*`); empty = all.
    pub models: Vec<String>,
    pub route: AppRoute,
    pub retry: Retry,
    pub limits: Limits,
    pub budgets: Budgets,
    /// What is held back of a stream beyond its first content, up to the first bound that is reached.
    pub hold: Hold,
    /// A plain text stream that broke off may be continued once by another provider.
    pub continuation: bool,
    /// A call whose first token is late may be sent to a second candidate as well.
    pub hedge: Hedge,
}

impl App {
    /// An app without keys that may do anything, as calls without a key are served.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            keys: Vec::new(),
            strict: false,
            models: Vec::new(),
            route: AppRoute::default(),
            retry: Retry::default(),
            limits: Limits::default(),
            budgets: Budgets::default(),
            hold: Hold::default(),
            continuation: false,
            hedge: Hedge::default(),
        }
    }
}

/// A key of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppKey {
    /// Names the key among those of its app.
    pub label: String,
    /// SHA-256 of the key, hex.
    pub hash: String,
    /// It counts as unknown from then on; milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// Bounds of this key, within those of its app.
    pub limits: Limits,
}

/// How an app's calls find their candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRoute {
    /// Chooses among the candidates; absent = the rule of the alias, else by priority.
    pub rule: Option<Rule>,
    /// Empty = those of the model that was asked for. Otherwise the app's calls go nowhere else, but to its
    /// fallback.
    pub candidates: Vec<RouteStep>,
    /// Tried in order after the candidates.
    pub fallback: Vec<RouteStep>,
    /// Calls with the same value of this request header begin at the same candidate; lower case.
    pub sticky: Option<String>,
}

/// One place an app's calls may go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStep {
    pub provider: String,
    /// Absent = the model the client asked for.
    pub model: Option<String>,
    /// Share under the rules that weigh; 1 or more.
    pub weight: u32,
    /// Which calls it takes.
    pub when: Conditions,
}

/// What a call must be like. Everything that is said must hold; nothing said = any call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// The model asked for, as patterns (`claude-*`); one must match.
    pub models: Vec<String>,
    /// The client's dialect is one of these.
    pub dialects: Vec<Dialect>,
    /// The call has tools, or has none.
    pub tools: Option<bool>,
    /// The call has images, or has none.
    pub vision: Option<bool>,
    /// Input tokens, estimated from the size of the request: at least, at most.
    pub min_context: Option<u64>,
    pub max_context: Option<u64>,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub max_attempts: u8,
    pub attempts_per_provider: u8,
    /// The first wait before the same candidate is tried again; doubled each time, jittered.
    pub backoff_ms: u64,
    /// The whole call including retries, before the commit point; 0 = none.
    pub deadline_ms: u64,
    /// Try elsewhere after a timeout, at the risk that both tries are charged.
    pub after_timeout: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            attempts_per_provider: 2,
            backoff_ms: 100,
            deadline_ms: 0,
            after_timeout: true,
        }
    }
}

impl AppKey {
    /// A key without bounds of its own.
    pub fn new(label: impl Into<String>, hash: impl Into<String>) -> Self {
        Self { label: label.into(), hash: hash.into(), expires_ms: None, limits: Limits::default() }
    }
}
