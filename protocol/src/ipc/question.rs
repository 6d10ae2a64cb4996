//! What the supervisor asks its children, besides telling them what to do. JSON in the bodies of
//! [`super::control::ToChild::Ask`] and [`super::control::FromChild::Answer`]; no secrets.

use crate::control::app::LimitLevel;
use crate::control::provider::TestReport;
use crate::control::route::{DryRun, DryRunReport};
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
pub enum Question {
    /// To a worker: contact your provider; with `model`, by a call of one token too.
    Probe { model: Option<String> },
    /// To the router: where would this call go?
    DryRun { call: DryRun },
    /// To the router: how full are the limits of this app?
    Levels { app: String },
}

/// Its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reply", content = "with")]
pub enum Reply {
    Probed(TestReport),
    DryRun(Box<DryRunReport>),
    Levels(Vec<LimitLevel>),
    /// Not a question for this child, or it cannot be answered now.
    Unable(String),
}
