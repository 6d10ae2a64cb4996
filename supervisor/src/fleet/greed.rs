//! Whether a worker takes more of the processors than its calls explain. Pure.
//!
//! A loop that does not end, or a leak that fills memory, takes a whole processor and lets every other process wait for
//! the end of its turns. A worker with much to do may take as much; but then the router, through which all of it goes,
//! has much to do as well.

use std::time::{Duration, Instant};

/// Processor time after which a modest worker is looked at again.
pub(super) const STEP: Duration = Duration::from_millis(4);

/// After so long a greedy one is.
pub(super) const REST: Duration = Duration::from_millis(100);

/// Of a processor, in hundredths, from which on a worker may be greedy.
const MUCH: u32 = 60;

/// Below which it is modest again.
const LITTLE: u32 = 30;

/// How many times what the router spends its calls explain. Translating takes a worker some three times as long as
/// passing on takes the router.
const EXPLAINED: u32 = 6;

/// Processor time spent until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) at: Instant,
    pub(super) worker: Duration,
    pub(super) router: Duration,
}

/// What is known of one worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Greed {
    since: Reading,
    greedy: bool,
}

impl Greed {
    /// One that has begun to work; it is modest until it shows otherwise.
    pub(super) fn new(now: Reading) -> Self {
        Self { since: now, greedy: false }
    }

    pub(super) fn is_greedy(&self) -> bool {
        self.greedy
    }

    /// Judges it by what it has spent since the last judgement; false: that is not enough to tell.
    pub(super) fn look(&mut self, now: Reading) -> bool {
        let passed = now.at.saturating_duration_since(self.since.at);
        let spent = now.worker.saturating_sub(self.since.worker);
        let enough = if self.greedy { passed >= REST } else { spent >= STEP };
        if !enough {
            return false;
        }
        // A router that is another one by now has spent nothing yet.
        let router = now.router.saturating_sub(self.since.router);
        let unexplained = spent > router * EXPLAINED;
        let share = if self.greedy { LITTLE } else { MUCH };
        self.greedy = unexplained && spent * 100 >= passed * share;
        self.since = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock {
        began: Instant,
        now: Reading,
    }

    impl Clock {
        fn new() -> (Self, Greed) {
            let began = Instant::now();
            let now = Reading { at: began, worker: Duration::ZERO, router: Duration::ZERO };
            (Self { began, now }, Greed::new(now))
        }

        /// So many milliseconds later they have spent so many.
        fn pass(&mut self, passed: u64, worker: u64, router: u64) -> Reading {
            self.now.at += Duration::from_millis(passed);
            self.now.worker += Duration::from_millis(worker);
            self.now.router += Duration::from_millis(router);
            self.now
        }
    }

    #[test]
    fn a_loop_is_greedy_after_its_first_step_and_for_as_long_as_it_lasts() {
        let (mut clock, mut greed) = Clock::new();
        greed.look(clock.pass(5, 4, 0));
        assert!(greed.is_greedy());
        for _ in 0..20 {
            greed.look(clock.pass(100, 95, 1));
            assert!(greed.is_greedy(), "after {:?}", clock.now.at - clock.began);
        }
        // What it gets while others want the processor is no longer much; it is still less than it wants.
        greed.look(clock.pass(100, 40, 1));
        assert!(greed.is_greedy());
        greed.look(clock.pass(100, 20, 1));
        assert!(!greed.is_greedy());
    }

    #[test]
    fn whoever_rested_is_judged_by_what_it_does_now() {
        let (mut clock, mut greed) = Clock::new();
        greed.look(clock.pass(60_000, 4, 0));
        assert!(!greed.is_greedy());
        greed.look(clock.pass(4, 4, 0));
        assert!(greed.is_greedy());
    }

    #[test]
    fn much_work_is_no_greed() {
        let (mut clock, mut greed) = Clock::new();
        for _ in 0..100 {
            greed.look(clock.pass(5, 4, 2));
            assert!(!greed.is_greedy());
        }
        // It was greedy, and now its calls explain what it spends.
        greed.look(clock.pass(5, 4, 0));
        assert!(greed.is_greedy());
        greed.look(clock.pass(100, 90, 40));
        assert!(!greed.is_greedy());
    }

    #[test]
    fn too_little_tells_nothing() {
        let (mut clock, mut greed) = Clock::new();
        greed.look(clock.pass(1, 1, 0));
        assert!(!greed.is_greedy());
        greed.look(clock.pass(3, 3, 0));
        assert!(greed.is_greedy(), "what it spent before the first look counts");
        greed.look(clock.pass(50, 0, 0));
        assert!(greed.is_greedy(), "half a rest is none");
    }

    #[test]
    fn another_router_has_spent_less_than_the_one_before() {
        let (mut clock, mut greed) = Clock::new();
        clock.pass(0, 0, 500);
        greed.look(clock.pass(5, 4, 0));
        clock.now.router = Duration::from_millis(1);
        greed.look(clock.pass(100, 90, 0));
        assert!(greed.is_greedy());
    }
}
