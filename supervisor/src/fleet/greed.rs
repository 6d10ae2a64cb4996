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

/// What a worker is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing is known of it until then, unless it shows greed before: what one that is started again and again does
    /// would otherwise be seen too late each time.
    New {
        until: Instant,
    },
    Modest,
    Greedy,
}

/// What is known of one worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Greed {
    since: Reading,
    standing: Standing,
}

impl Greed {
    /// One that has begun to work.
    pub(super) fn new(now: Reading) -> Self {
        Self { since: now, standing: Standing::New { until: now.at + REST } }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// Judges it by what it has spent since the last judgement; false: that is not enough to tell.
    pub(super) fn look(&mut self, now: Reading) -> bool {
        let passed = now.at.saturating_duration_since(self.since.at);
        let spent = now.worker.saturating_sub(self.since.worker);
        let enough = match self.standing {
            Standing::New { until } => spent >= STEP || now.at >= until,
            Standing::Modest => spent >= STEP,
            Standing::Greedy => passed >= REST,
        };
        if !enough {
            return false;
        }
        // A router that is another one by now has spent nothing yet.
        let router = now.router.saturating_sub(self.since.router);
        let unexplained = spent > router * EXPLAINED;
        let share = if self.standing == Standing::Greedy { LITTLE } else { MUCH };
        let greedy = unexplained && spent * 100 >= passed * share;
        self.standing = match self.standing {
            _ if greedy => Standing::Greedy,
            Standing::New { until } if now.at < until => self.standing,
            Standing::New { .. } | Standing::Modest | Standing::Greedy => Standing::Modest,
        };
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

    fn is_greedy(greed: &Greed) -> bool {
        greed.standing() == Standing::Greedy
    }

    #[test]
    fn a_new_one_is_known_after_a_while_or_by_its_greed() {
        let (mut clock, mut greed) = Clock::new();
        let until = clock.began + REST;
        assert!(!greed.look(clock.pass(50, 3, 0)));
        // A little of its time: it may still be anything.
        assert!(greed.look(clock.pass(40, 3, 0)));
        assert_eq!(greed.standing(), Standing::New { until });
        let mut hasty = greed;
        assert!(hasty.look(Clock { ..clock }.pass(5, 5, 0)));
        assert_eq!(hasty.standing(), Standing::Greedy);
        assert!(greed.look(clock.pass(10, 0, 0)));
        assert_eq!(greed.standing(), Standing::Modest);
        assert!(!greed.look(clock.pass(1000, 3, 0)), "an idle one is not judged again");
    }

    #[test]
    fn a_loop_is_greedy_after_its_first_step_and_for_as_long_as_it_lasts() {
        let (mut clock, mut greed) = Clock::new();
        greed.look(clock.pass(5, 4, 0));
        assert!(is_greedy(&greed));
        for _ in 0..20 {
            greed.look(clock.pass(100, 95, 1));
            assert!(is_greedy(&greed), "after {:?}", clock.now.at - clock.began);
        }
        // What it gets while others want the processor is no longer much; it is still less than it wants.
        greed.look(clock.pass(100, 40, 1));
        assert!(is_greedy(&greed));
        greed.look(clock.pass(100, 20, 1));
        assert!(!is_greedy(&greed));
    }

    #[test]
    fn whoever_rested_is_judged_by_what_it_does_now() {
        let (mut clock, mut greed) = Clock::new();
        greed.look(clock.pass(60_000, 4, 0));
        assert!(!is_greedy(&greed));
        greed.look(clock.pass(4, 4, 0));
        assert!(is_greedy(&greed));
    }

    #[test]
    fn much_work_is_no_greed() {
        let (mut clock, mut greed) = Clock::new();
        for _ in 0..100 {
            greed.look(clock.pass(5, 4, 2));
            assert!(!is_greedy(&greed));
        }
        // It was greedy, and now its calls explain what it spends.
        greed.look(clock.pass(5, 4, 0));
        assert!(is_greedy(&greed));
        greed.look(clock.pass(100, 90, 40));
        assert!(!is_greedy(&greed));
    }

    #[test]
    fn too_little_tells_nothing() {
        let (mut clock, mut greed) = Clock::new();
        greed.look(clock.pass(1, 1, 0));
        assert!(!is_greedy(&greed));
        greed.look(clock.pass(3, 3, 0));
        assert!(is_greedy(&greed), "what it spent before the first look counts");
        greed.look(clock.pass(50, 0, 0));
        assert!(is_greedy(&greed), "half a rest is none");
    }

    #[test]
    fn another_router_has_spent_less_than_the_one_before() {
        let (mut clock, mut greed) = Clock::new();
        clock.pass(0, 0, 500);
        greed.look(clock.pass(5, 4, 0));
        clock.now.router = Duration::from_millis(1);
        greed.look(clock.pass(100, 90, 0));
        assert!(is_greedy(&greed));
    }
}
