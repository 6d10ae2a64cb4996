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
pub(crate) struct Shown(Option<(Failure, Option<Upstream>, usize)>);

impl Shown {
    /// Keeps the failure of candidate `at` if it says more than the one there is.
    pub(crate) fn offer(&mut self, failure: Failure, upstream: Option<Upstream>, at: usize) {
        let better = self.0.as_ref().is_none_or(|(kept, ..)| says(&failure) > says(kept));
        if better {
            self.0 = Some((failure, upstream, at));
        }
    }

    /// The failure to show.
    pub(crate) fn take(&self) -> Option<(Failure, Option<Upstream>, usize)> {
        self.0.clone()
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
