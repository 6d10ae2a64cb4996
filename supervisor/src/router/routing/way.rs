//! The candidates behind one public name: those a rule chooses among, then those that take over.

use super::candidate::{Candidate, Route};
use protocol::ipc::configure::Rule;
use std::sync::Arc;

/// See the module. Immutable, shared by all calls.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) route: Route,
    /// A share for each of the first candidates, which the rule chooses among.
    pub(crate) weights: Arc<[u32]>,
    /// Of the name itself; an app may have another.
    pub(crate) rule: Rule,
    /// Some candidate has a sunset.
    pub(crate) ages: bool,
}

impl Way {
    pub(super) fn new(heads: Vec<(Candidate, u32)>, tail: Vec<Candidate>, rule: Rule) -> Self {
        let mut route: Vec<Candidate> = Vec::with_capacity(heads.len() + tail.len());
        let mut weights = Vec::with_capacity(heads.len());
        for (candidate, weight) in heads {
            if !route.contains(&candidate) {
                route.push(candidate);
                weights.push(weight);
            }
        }
        for candidate in tail {
            if !route.contains(&candidate) {
                route.push(candidate);
            }
        }
        let ages = route.iter().any(|c| c.entry.as_ref().is_some_and(|e| e.sunset_ms.is_some()));
        Self { route: route.into(), weights: weights.into(), rule, ages }
    }

    /// The candidates that the rule chooses among, with their weights.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (&Candidate, u32)> {
        self.route.iter().zip(self.weights.iter().copied())
    }

    /// The candidates that take over.
    pub(crate) fn tail(&self) -> &[Candidate] {
        self.route.get(self.weights.len()..).unwrap_or_default()
    }
}
