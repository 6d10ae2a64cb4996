//! What an attempt's failure says about whom: the model, the key, the rate, or nobody.

use protocol::model::{Failure, FailureKind};
use std::time::Duration;

/// A rate limit without a word about its end lasts this long.
const UNSAID: Duration = Duration::from_secs(1);
/// A longer one is looked at again after this.
const LONGEST: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The model does not work there: counts in its breaker.
    Broken,
    /// Too fast: nobody else now, until then.
    TooFast(Duration),
    /// The provider does not take our key, or its account is empty.
    KeyRefused,
    /// Nothing: the request is at fault, or we are.
    Nothing,
}

/// What follows from a failure. A crash of ours never counts against the provider.
pub(crate) fn of(failure: &Failure) -> Verdict {
    use FailureKind as K;
    match failure.kind {
        K::Upstream | K::Overloaded | K::Unreachable | K::Timeout | K::Interrupted | K::BadAnswer => {
            Verdict::Broken
        }
        K::RateLimited => {
            let asked = failure.retry_after_ms.map_or(UNSAID, Duration::from_millis);
            Verdict::TooFast(asked.min(LONGEST))
        }
        K::UpstreamAuth | K::QuotaExhausted => Verdict::KeyRefused,
        K::InvalidRequest | K::Unsupported | K::ContextLength | K::TooLarge | K::Unauthenticated => {
            Verdict::Nothing
        }
        K::Forbidden | K::NotFound | K::ModelNotFound | K::MethodNotAllowed => Verdict::Nothing,
        K::UnsupportedMediaType | K::RequestTimeout | K::ContentFiltered | K::Cancelled => Verdict::Nothing,
        K::WorkerLost | K::Refused | K::Unavailable | K::Internal => Verdict::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::model::Blame;

    #[test]
    fn only_what_the_provider_did_counts() {
        let verdict = |kind| of(&Failure::new(kind, ""));
        assert_eq!(verdict(FailureKind::Overloaded), Verdict::Broken);
        assert_eq!(verdict(FailureKind::UpstreamAuth), Verdict::KeyRefused);
        for kind in [FailureKind::WorkerLost, FailureKind::ContextLength, FailureKind::Cancelled] {
            assert_eq!(verdict(kind), Verdict::Nothing);
            assert_ne!(kind.blame(), Blame::Upstream);
        }
    }

    #[test]
    fn a_rate_limit_lasts_as_long_as_it_says_within_reason() {
        let lasts = |ms| of(&Failure { retry_after_ms: ms, ..Failure::new(FailureKind::RateLimited, "") });
        assert_eq!(lasts(None), Verdict::TooFast(UNSAID));
        assert_eq!(lasts(Some(7_000)), Verdict::TooFast(Duration::from_secs(7)));
        assert_eq!(lasts(Some(86_400_000)), Verdict::TooFast(LONGEST));
    }
}
