//! One attempt's stay at a provider: its place among the calls there, and what its outcome says of the pair.
//! Dropped without an outcome, the attempt says nothing.

use super::gate::Permit;
use crate::router::notices::Notices;
use crate::router::routing::{Candidate, Entry, Vitals};
use protocol::model::Failure;
use std::sync::Arc;
use std::time::Instant;

/// See the module.
pub(crate) struct Trial {
    vitals: Arc<Vitals>,
    notices: Notices,
    began: Instant,
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
        notices: &Notices,
    ) -> Option<Self> {
        let began = Instant::now();
        let entry = candidate.vitals.enter(began, force, notices)?;
        let (vitals, notices) = (Arc::clone(&candidate.vitals), notices.clone());
        Some(Self { vitals, notices, began, entry: Some(entry), _place: place })
    }

    /// The first content is there.
    pub(crate) fn committed(&mut self) {
        let now = Instant::now();
        self.vitals.began(now.saturating_duration_since(self.began), now);
        // A long stream need not end before the next probe may begin.
        if let Some(entry) = &mut self.entry {
            self.vitals.proved(entry, now, &self.notices);
        }
    }

    /// The answer is complete.
    pub(crate) fn went_well(mut self) {
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
        }
        self.vitals.left();
    }
}
