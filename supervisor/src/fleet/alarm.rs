//! What is due when: one queue for every timer of the fleet. Nothing is ever taken out early; whoever is
//! woken knows whether it still matters.

use super::machine::Timer;
use super::member::MemberId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A machine's timer.
    Timer { member: MemberId, timer: Timer, number: u64 },
    /// A leaving worker has waited long enough for the router's acknowledgement.
    Leave { member: MemberId },
    /// A greedy worker, or one that was new, is looked at again.
    Rest { member: MemberId },
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    heap: BinaryHeap<Reverse<(Instant, Due)>>,
}

impl Alarms {
    pub(crate) fn set(&mut self, at: Instant, due: Due) {
        self.heap.push(Reverse((at, due)));
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The earliest that is due at `now`.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Due> {
        let due = self.next().is_some_and(|at| at <= now);
        due.then(|| self.heap.pop()).flatten().map(|Reverse((_, due))| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn alarms_come_in_order_and_not_before_their_time() {
        let now = Instant::now();
        let mut alarms = Alarms::default();
        for n in [3, 1, 2] {
            alarms.set(now + Duration::from_secs(n), Due::Leave { member: MemberId(n) });
        }
        assert_eq!(alarms.take(now), None);
        let late = now + Duration::from_secs(2);
        let taken: Vec<_> = std::iter::from_fn(|| alarms.take(late)).collect();
        assert_eq!(taken, [1, 2].map(|n| Due::Leave { member: MemberId(n) }));
        assert_eq!(alarms.next(), Some(now + Duration::from_secs(3)));
    }
}
