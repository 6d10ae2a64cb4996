//! One attempt's stay at a provider: its place among the calls there, and what its outcome says of the pair.
//! Dropped without an outcome, the attempt says nothing but that its first content took at least so long.

use super::gate::Permit;
use crate::router::notices::Notices;
use crate::router::routing::{Candidate, Entry, Vitals};
use protocol::model::{Failure, Usage};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// See the module.
pub(crate) struct Trial {
    vitals: Arc<Vitals>,
    notices: Notices,
    began: Instant,
    /// The first content came.
    answered: bool,
    /// Counted at the provider.
    tokens: u64,
    /// Gone when the outcome is known.
    entry: Option<Entry>,
    _place: Permit,
}

impl Trial {
    /// Enters with a place at the provider; `force` = the call has nowhere else to go. `None` = the breaker has
    /// let somebody else in just now.
    pub(crate) fn enter(
        candidate: &Candidate,
        place: Permit,
        force: bool,
        tokens: u64,
        notices: &Notices,
    ) -> Option<Self> {
        let began = Instant::now();
        let entry = candidate.vitals.enter(began, force, notices)?;
        candidate.vitals.account.took(tokens, notices);
        let (vitals, notices) = (Arc::clone(&candidate.vitals), notices.clone());
        let (answered, entry) = (false, Some(entry));
        Some(Self { vitals, notices, began, answered, tokens, entry, _place: place })
    }

    /// See [`Vitals::p95`].
    pub(crate) fn p95(&self) -> Option<Duration> {
        self.vitals.p95()
    }

    /// Calls at this pair now, this one included.
    pub(crate) fn in_flight(&self) -> u32 {
        self.vitals.in_flight()
    }

    /// The first content is there.
    pub(crate) fn committed(&mut self) {
        self.answered = true;
        let now = Instant::now();
        self.vitals.began(now.saturating_duration_since(self.began), now);
        // A long stream need not end before the next probe may begin.
        if let Some(entry) = &mut self.entry {
            self.vitals.proved(entry, now, &self.notices);
        }
    }

    /// The answer is complete, and took so many tokens.
    pub(crate) fn went_well(mut self, usage: &Usage) {
        if !usage.is_empty() {
            let actual = usage.input_total().unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
            self.vitals.account.settled(self.tokens, actual);
        }
        if let Some(entry) = self.entry.take() {
            self.vitals.went_well(entry, Instant::now(), &self.notices);
        }
    }

    /// The attempt failed, or its answer broke off.
    pub(crate) fn failed(mut self, failure: &Failure, random: f64) {
        if let Some(entry) = self.entry.take() {
            self.vitals.failed(entry, failure, (Instant::now(), random), &self.notices);
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.vitals.released(entry);
            if !self.answered {
                let now = Instant::now();
                self.vitals.waited(now.saturating_duration_since(self.began), now);
            }
        }
        self.vitals.left();
    }
}
