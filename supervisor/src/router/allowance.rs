//! How many calls may be hedged: each asks a second provider, which has to be paid. Pure.

/// One call in so many.
const CALLS_PER_HEDGE: u64 = 20;

/// What quiet times save up, in hedges: a provider that becomes slow late in a router's life must not be answered by a
/// storm of second calls.
const SAVED: u64 = 10;

/// What is left.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Calls there were when it was looked at last.
    seen: u64,
    /// Calls that no hedge was taken for.
    saved: u64,
}

impl Default for Allowance {
    /// The first call may be hedged.
    fn default() -> Self {
        Self { seen: 0, saved: CALLS_PER_HEDGE }
    }
}

impl Allowance {
    /// Takes one hedge, if there were few for the calls there were until now.
    pub(crate) fn take(&mut self, calls: u64) -> bool {
        let since = calls.saturating_sub(self.seen);
        self.saved = self.saved.saturating_add(since).min(CALLS_PER_HEDGE * SAVED);
        self.seen = self.seen.max(calls);
        let left = self.saved.checked_sub(CALLS_PER_HEDGE);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quiet_times_save_up_little() {
        let mut allowance = Allowance::default();
        let mut taken = |calls| (0..1000).filter(|_| allowance.take(calls)).count();
        assert_eq!(taken(0), 1);
        assert_eq!(taken(19), 0);
        assert_eq!(taken(20), 1);
        assert_eq!(taken(1_000_000), 10);
        assert_eq!(taken(1_000_019), 0);
    }

    proptest! {
        #[test]
        fn never_more_than_one_in_twenty_and_the_first(steps in prop::collection::vec(0_u64..100, 0..300)) {
            let mut allowance = Allowance::default();
            let (mut calls, mut taken) = (0, 0);
            for step in steps {
                calls += step;
                taken += u64::from(allowance.take(calls));
                prop_assert!(taken <= calls / CALLS_PER_HEDGE + 1, "{taken} of {calls}");
            }
        }
    }
}
