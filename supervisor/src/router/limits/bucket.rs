//! A rate as a bucket that fills evenly: at most its capacity at once, at most that and what the time gives over
//! any span. Exact: integers only. Pure: the time is a parameter, in nanoseconds since some beginning.

use std::time::Duration;

/// See the module. What it holds is the moment at which all that was taken will have been given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    capacity: u64,
    period: Duration,
    /// That moment, times the capacity: so every unit has a whole length.
    free_at: u128,
}

/// How full a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) capacity: u64,
    pub(crate) left: u64,
    /// Until nothing of it is used.
    pub(crate) resets_in: Duration,
}

impl Bucket {
    /// `capacity` units in each `period`. A capacity of zero is one.
    pub(crate) fn new(capacity: u64, period: Duration) -> Self {
        Self { capacity: capacity.max(1), period, free_at: 0 }
    }

    /// Another capacity; what was taken stays taken.
    pub(crate) fn resize(&mut self, capacity: u64, now: u64) {
        let used = self.used(now);
        *self = Self::new(capacity, self.period);
        self.free_at = self.scaled(now) + u128::from(used) * self.period.as_nanos();
    }

    /// How long until `units` fit; zero = now. More than the capacity count as all of it.
    pub(crate) fn wait(&self, units: u64, now: u64) -> Duration {
        let wanted = u128::from(units.min(self.capacity)) * self.period.as_nanos();
        let room = self.scaled(now) + u128::from(self.capacity) * self.period.as_nanos();
        let over = (self.busy_until(now) + wanted).saturating_sub(room);
        nanos(over.div_ceil(u128::from(self.capacity)))
    }

    /// Takes units, whether they fit or not.
    pub(crate) fn take(&mut self, units: u64, now: u64) {
        self.free_at = self.busy_until(now) + u128::from(units) * self.period.as_nanos();
    }

    /// Gives units back that were taken in vain.
    pub(crate) fn give(&mut self, units: u64) {
        self.free_at = self.free_at.saturating_sub(u128::from(units) * self.period.as_nanos());
    }

    pub(crate) fn level(&self, now: u64) -> Level {
        let left = self.capacity.saturating_sub(self.used(now));
        Level { capacity: self.capacity, left, resets_in: self.resets_in(now) }
    }

    /// Until nothing of it is used.
    pub(crate) fn resets_in(&self, now: u64) -> Duration {
        let busy = self.busy_until(now) - self.scaled(now);
        nanos(busy.div_ceil(u128::from(self.capacity)))
    }

    /// Nothing of it is used before that long from now: as another process left it.
    pub(crate) fn restore(&mut self, resets_in: Duration, now: u64) {
        let end = u128::from(now) + resets_in.min(self.period * 2).as_nanos();
        self.free_at = self.free_at.max(end * u128::from(self.capacity));
    }

    /// Units taken and not given back by the time, rounded up.
    fn used(&self, now: u64) -> u64 {
        let busy = self.busy_until(now) - self.scaled(now);
        u64::try_from(busy.div_ceil(self.period.as_nanos().max(1))).unwrap_or(u64::MAX)
    }

    fn busy_until(&self, now: u64) -> u128 {
        self.free_at.max(self.scaled(now))
    }

    fn scaled(&self, now: u64) -> u128 {
        u128::from(now) * u128::from(self.capacity)
    }
}

fn nanos(n: u128) -> Duration {
    Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_whole_capacity_at_once_and_then_evenly() {
        let mut bucket = Bucket::new(3, Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(bucket.wait(1, S), Duration::ZERO);
            bucket.take(1, S);
        }
        assert_eq!(bucket.wait(1, S), Duration::from_nanos(333_333_334));
        assert_eq!(bucket.wait(1, S + 333_333_334), Duration::ZERO);
        assert_eq!(bucket.level(S), Level { capacity: 3, left: 0, resets_in: Duration::from_secs(1) });
        assert_eq!(bucket.level(2 * S).left, 3);
        bucket.give(2);
        assert_eq!(bucket.level(S).left, 2);
    }

    #[test]
    fn more_than_it_holds_waits_until_it_is_empty_and_goes_into_debt() {
        let mut bucket = Bucket::new(100, Duration::from_secs(60));
        assert_eq!(bucket.wait(500, 0), Duration::ZERO);
        bucket.take(500, 0);
        assert_eq!(bucket.wait(1, 0), Duration::from_millis(240_600));
        bucket.resize(200, 0);
        assert_eq!(bucket.level(0).left, 0, "what was taken stays taken");
    }

    #[test]
    fn another_process_goes_on_where_this_one_was() {
        let mut old = Bucket::new(60, Duration::from_secs(60));
        old.take(45, 7 * S);
        let mut new = Bucket::new(60, Duration::from_secs(60));
        new.restore(old.resets_in(7 * S), 100 * S);
        assert_eq!(new.level(100 * S).left, 15);
    }

    proptest! {
        #[test]
        fn never_more_than_the_capacity_and_what_the_time_gives(
            capacity in 1u64..500,
            steps in prop::collection::vec((0u64..400_000_000, 1u64..20), 1..300),
        ) {
            let period = Duration::from_secs(1);
            let mut bucket = Bucket::new(capacity, period);
            let mut now = 5;
            let mut taken: Vec<(u64, u64)> = vec![];
            for (pause, units) in steps {
                now += pause;
                if bucket.wait(units, now).is_zero() {
                    bucket.take(units, now);
                    taken.push((now, units));
                }
            }
            for (at, (start, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (end, units) in &taken[at..] {
                    // The last of a burst larger than the bucket may go into debt.
                    let given = u128::from(end - start) * u128::from(capacity) / period.as_nanos();
                    sum += units.min(&capacity);
                    prop_assert!(u128::from(sum) <= u128::from(capacity) + given + 1);
                }
            }
        }

        #[test]
        fn the_wait_is_exactly_long_enough(capacity in 1u64..1000, used in 0u64..3000, units in 1u64..1000) {
            let mut bucket = Bucket::new(capacity, Duration::from_secs(60));
            bucket.take(used, S);
            let wait = u64::try_from(bucket.wait(units, S).as_nanos()).unwrap();
            prop_assert_eq!(bucket.wait(units, S + wait), Duration::ZERO);
            prop_assert!(wait == 0 || !bucket.wait(units, S + wait - 1).is_zero());
        }
    }
}
