//! The failure a client is shown after everything was tried: the most informative one of all attempts.

use crate::router::routing::Candidate;
use bytes::Bytes;
use protocol::model::{Blame, Failure, FailureKind};

/// A call that got no answer.
pub(crate) struct Refusal {
    pub(crate) failure: Failure,
    /// The upstream's own error answer, if it came in the client's dialect.
    pub(crate) upstream: Option<Upstream>,
    /// Where the failure comes from.
    pub(crate) candidate: Option<Candidate>,
    pub(crate) attempts: u8,
}

/// An upstream's own error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// The best failure so far.
#[derive(Default)]
pub(crate) struct Shown {
    kept: Option<(Failure, Option<Upstream>, usize)>,
    /// It is that there was too much to do.
    excess: bool,
}

impl Shown {
    /// Keeps the failure of candidate `at` if it says more than the one there is.
    pub(crate) fn offer(&mut self, failure: Failure, upstream: Option<Upstream>, at: usize) {
        let better = self.kept.as_ref().is_none_or(|(kept, ..)| says(&failure) > says(kept));
        if better {
            *self = Self { kept: Some((failure, upstream, at)), excess: false };
        }
    }

    /// The same of candidate `at` whose worker has too much to do.
    pub(crate) fn offer_excess(&mut self, failure: Failure, at: usize) {
        if self.kept.is_none() {
            *self = Self { kept: Some((failure, None, at)), excess: true };
        }
    }

    /// What is shown is that there was too much to do.
    pub(crate) fn is_excess(&self) -> bool {
        self.excess
    }

    /// The failure to show.
    pub(crate) fn take(&self) -> Option<(Failure, Option<Upstream>, usize)> {
        self.kept.clone()
    }
}

/// How much a failure tells its reader: what to change in the request; what the upstream said; that it said
/// nothing; that the operator has work to do; that we could not ask.
fn says(failure: &Failure) -> u8 {
    match (failure.blame, failure.kind) {
        (Blame::Client, _) => 5,
        (_, FailureKind::UpstreamAuth) => 2,
        (Blame::Upstream, _) if failure.status.is_some() => 4,
        (Blame::Upstream, _) => 3,
        (Blame::Gateway, FailureKind::Refused | FailureKind::Unavailable) => 0,
        (Blame::Gateway, _) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_to_do_is_shown_where_nobody_says_more() {
        let unavailable = || Failure::new(FailureKind::Unavailable, "");
        let mut shown = Shown::default();
        shown.offer_excess(unavailable(), 0);
        shown.offer(unavailable(), None, 1);
        assert!(shown.is_excess());
        shown.offer(Failure::new(FailureKind::Upstream, ""), None, 2);
        shown.offer_excess(unavailable(), 3);
        assert!(!shown.is_excess());
        assert_eq!(shown.take().unwrap().2, 2);
    }

    fn shown(kinds: &[(FailureKind, Option<u16>)]) -> FailureKind {
        let mut shown = Shown::default();
        for (at, (kind, status)) in kinds.iter().enumerate() {
            shown.offer(Failure { status: *status, ..Failure::new(*kind, "") }, None, at);
        }
        shown.take().unwrap().0.kind
    }

    #[test]
    fn the_most_informative_failure_wins_and_the_first_of_equals() {
        use FailureKind as K;
        assert_eq!(shown(&[(K::RateLimited, Some(429)), (K::Unavailable, None)]), K::RateLimited);
        assert_eq!(shown(&[(K::Unavailable, None), (K::Upstream, Some(500))]), K::Upstream);
        assert_eq!(shown(&[(K::UpstreamAuth, Some(401)), (K::Unreachable, None)]), K::Unreachable);
        assert_eq!(shown(&[(K::RateLimited, Some(429)), (K::Upstream, Some(500))]), K::RateLimited);
        assert_eq!(shown(&[(K::Upstream, Some(500)), (K::ContextLength, Some(400))]), K::ContextLength);
        assert_eq!(shown(&[(K::Refused, None), (K::WorkerLost, None)]), K::WorkerLost);
    }
}
