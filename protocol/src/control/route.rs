//! How an app's calls find their way: rule, candidates, fallback, retries, and what a dry run says of it.

use crate::dialect::Dialect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one of several candidates is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// In order.
    #[default]
    Priority,
    RoundRobin,
    /// Smooth weighted round robin.
    Weighted,
    LeastConnections,
    /// The better of two by peak-EWMA of the time to the first token.
    Latency,
}

/// An app's route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteSpec {
    pub rule: Rule,
    /// At least one.
    pub candidates: Vec<Step>,
    /// After the candidates, in order.
    pub fallback: Vec<Step>,
    pub retry: RetryRule,
    /// Calls with the same value of this request header stay on one candidate while it is fit.
    pub sticky_header: Option<String>,
    pub hedge: Hedge,
    /// Let another candidate finish prose that broke off, once and marked.
    pub continuation: bool,
    pub hold: Hold,
}

/// One place a call may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub provider: String,
    /// `None` = the model the client asked for.
    #[serde(default)]
    pub model: Option<String>,
    /// Share under the `weighted` rule, 1 or more.
    #[serde(default = "one")]
    pub weight: u32,
    #[serde(default)]
    pub when: Condition,
}

/// Which calls a step is for; all that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Condition {
    /// A pattern of the model asked for: `claude-*`.
    pub model: Option<String>,
    pub dialect: Option<Dialect>,
    pub needs_tools: Option<bool>,
    pub needs_vision: Option<bool>,
    /// Estimated input tokens.
    pub min_context: Option<u64>,
    pub max_context: Option<u64>,
}

/// When to try again; `None` = the program's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRule {
    pub max_attempts: Option<u8>,
    pub attempts_per_provider: Option<u8>,
    pub backoff_ms: Option<u64>,
    pub deadline_ms: Option<u64>,
    /// Try again after a timeout too, although the provider may have charged for it.
    pub on_timeout: Option<bool>,
}

/// A second candidate when the first is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hedge {
    pub enabled: bool,
    /// Instead of the 95th percentile of the time to the first token.
    pub after_ms: Option<u64>,
}

/// How much of an answer is held back so that a break can still be mended; 0 = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hold {
    pub chunks: u32,
    pub bytes: u32,
    pub ms: u32,
}

/// A call that is not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DryRun {
    pub app: String,
    pub model: String,
    #[serde(default)]
    pub dialect: Option<Dialect>,
    #[serde(default)]
    pub needs_tools: bool,
    #[serde(default)]
    pub needs_vision: bool,
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// The value of the sticky header.
    #[serde(default)]
    pub sticky: Option<String>,
}

/// Where it would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DryRunReport {
    /// One sentence: "this call would go to ... because ...".
    pub verdict: String,
    /// In the order they would be tried.
    pub plan: Vec<PlannedStep>,
    pub excluded: Vec<ExcludedStep>,
    /// What the call would be refused with, if nothing can serve it.
    pub refusal: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    pub provider: String,
    pub model: String,
    /// Same dialect, or the dialect it is translated to.
    pub dialect: Option<Dialect>,
    /// Why it stands where it stands.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExcludedStep {
    pub provider: String,
    pub model: String,
    pub reason: String,
}

impl DryRunReport {
    /// Of a call that would be refused.
    pub fn refused(message: String) -> Self {
        let verdict = format!("this call would be refused: {message}");
        Self { verdict, plan: Vec::new(), excluded: Vec::new(), refusal: Some(message) }
    }
}

fn one() -> u32 {
    1
}
