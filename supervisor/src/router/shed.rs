//! How many calls are turned away when there is more to do than can be done: the controller behind the adaptive
//! limit. Pure: what is measured goes in, a share comes out; who measures and who turns away is elsewhere.
//!
//! What is measured is how late a process comes to what is ready for it: the time any work waits in its queue. A
//! burst makes it late once and passes; only a queue that stands is shortened (as CoDel, RFC 8289, tells them apart).
//! Then the share follows the lateness with a proportional and an integral part (as PIE, RFC 8033), so that it
//! settles where the queue is as long as wanted, whatever a call costs and however many come.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A queue that is longer than wanted for this long stands.
const STANDING: Duration = Duration::from_secs(1);
/// Share per second and target of lateness over the target.
const INTEGRAL: f64 = 0.4;
/// Share per target of lateness more than at the last look.
const PROPORTIONAL: f64 = 0.08;
/// Lateness counts up to so many targets over the target.
const MOST_OVER: f64 = 4.0;
/// Some calls always pass: they show when it is over.
const MOST: f64 = 0.98;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shedder {
    /// The lateness that is aimed at under too much load.
    target: Duration,
    share: f64,
    /// The lateness at the last look, in targets.
    before: f64,
    /// It has been over the target for so long.
    over_for: Duration,
    engaged: bool,
}

impl Shedder {
    pub(crate) fn new(target: Duration) -> Self {
        Self { target, share: 0.0, before: 0.0, over_for: Duration::ZERO, engaged: false }
    }

    /// The share of calls to turn away, after a look that came `elapsed` after the last one and `late`.
    pub(crate) fn look(&mut self, late: Duration, elapsed: Duration) -> f64 {
        let targets = late.as_secs_f64() / self.target.as_secs_f64();
        let (over, grown) = ((targets - 1.0).min(MOST_OVER), targets - self.before);
        self.before = targets;
        self.over_for = if over > 0.0 { self.over_for.saturating_add(elapsed) } else { Duration::ZERO };
        self.engaged |= self.over_for >= STANDING;
        if self.engaged {
            let steps = INTEGRAL * over * elapsed.as_secs_f64().min(1.0);
            self.share += steps + PROPORTIONAL * grown.clamp(-MOST_OVER, MOST_OVER);
            self.share = self.share.clamp(0.0, MOST);
            self.engaged = self.share > 0.0 || over > 0.0;
        }
        self.share
    }

    /// As of the last look.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }
}

/// A spell of too much to do has ended when nobody was turned away for this long.
const CALM: Duration = Duration::from_secs(10);

/// When to say that calls are turned away: not at each one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spell {
    /// In one; nobody was turned away for so long.
    calm: Option<Duration>,
}

/// What is worth saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Began,
    Ended,
}

impl Spell {
    /// After a look that came `elapsed` after the last one and gave this share.
    pub(crate) fn look(&mut self, share: f64, elapsed: Duration) -> Option<Turn> {
        match &mut self.calm {
            None if share > 0.0 => {
                self.calm = Some(Duration::ZERO);
                Some(Turn::Began)
            }
            None => None,
            Some(calm) => {
                *calm = if share > 0.0 { Duration::ZERO } else { calm.saturating_add(elapsed) };
                if *calm < CALM {
                    return None;
                }
                self.calm = None;
                Some(Turn::Ended)
            }
        }
    }
}

/// The share of calls to turn away, as others read it.
#[derive(Debug, Default)]
pub(crate) struct Share(AtomicU32);

impl Share {
    /// This share from here on.
    pub(crate) fn set(&self, share: f64) {
        self.0.store((share * f64::from(u32::MAX)) as u32, Ordering::Relaxed);
    }

    /// Whether a call is turned away; `random` is in 0..1, asked for if need be.
    pub(crate) fn hits(&self, random: impl FnOnce() -> f64) -> bool {
        let share = self.0.load(Ordering::Relaxed);
        share > 0 && random() < f64::from(share) / f64::from(u32::MAX)
    }
}

/// Calls turned away that are put on record each in a second; the rest is counted. A record costs a third of a call:
/// with one for each, turning away would leave no time for what is taken.
const ON_RECORD: u64 = 100;

/// What the looks at this process say, for all of its threads.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    late_us: AtomicU64,
    turned_away: AtomicU64,
    /// The second of the last one, and how many there were in it: 32 bits each.
    recorded: AtomicU64,
}

impl Pressure {
    /// One of the runtimes was looked at, and its workers.
    pub(crate) fn looked(&self, late: Duration) {
        self.late_us.store(late.as_micros() as u64, Ordering::Relaxed);
    }

    /// As it was found at the last look.
    pub(crate) fn late(&self) -> Duration {
        Duration::from_micros(self.late_us.load(Ordering::Relaxed))
    }

    /// A client is told that its call is turned away.
    pub(crate) fn refused(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one more is put on record, in this second of the process.
    pub(crate) fn may_record(&self, second: u64) -> bool {
        let one_more = |now: u64| {
            let n = if now >> 32 == second { now & u64::from(u32::MAX) } else { 0 };
            (n < ON_RECORD).then_some(second << 32 | (n + 1))
        };
        self.recorded.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// So many calls were.
    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGET: Duration = Duration::from_millis(250);
    const TICK: Duration = Duration::from_millis(25);

    /// A queue in front of something that does `capacity` calls a second; turning one away costs a tenth of doing it.
    struct Queue {
        shedder: Shedder,
        /// Seconds of work that wait.
        work: f64,
        capacity: f64,
    }

    #[derive(Default)]
    struct Seen {
        late: Vec<f64>,
        offered: f64,
        done: f64,
    }

    impl Queue {
        fn new(capacity: f64) -> Self {
            Self { shedder: Shedder::new(TARGET), work: 0.0, capacity }
        }

        /// So many times what can be done comes, for so many seconds.
        fn run(&mut self, load: f64, seconds: f64, jitter: &[f64]) -> Seen {
            let mut seen = Seen::default();
            let mut share = self.shedder.share;
            for at in 0..(seconds / TICK.as_secs_f64()) as usize {
                // The look is late itself, as the task is that takes it.
                let elapsed = TICK.as_secs_f64().max(self.work.min(1.0));
                let come = load * self.capacity * elapsed * jitter[at % jitter.len()];
                let served = come * (1.0 - share);
                self.work += (served + come * share * 0.1) / self.capacity - elapsed;
                self.work = self.work.max(0.0);
                share =
                    self.shedder.look(Duration::from_secs_f64(self.work), Duration::from_secs_f64(elapsed));
                seen.late.push(self.work);
                seen.offered += come;
                seen.done += served;
            }
            seen
        }
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn a_burst_passes_and_nobody_is_turned_away() {
        let mut shedder = Shedder::new(TARGET);
        // 5,000 connections at once: late by 400 ms, and caught up a moment later.
        assert_eq!(shedder.look(Duration::from_millis(400), Duration::from_millis(425)), 0.0);
        assert_eq!(shedder.look(Duration::from_millis(10), TICK), 0.0);
        assert_eq!(shedder.look(Duration::from_millis(700), Duration::from_millis(725)), 0.0);
        assert_eq!(shedder.look(Duration::ZERO, TICK), 0.0);
        for _ in 0..1000 {
            assert_eq!(shedder.look(TARGET, TICK), 0.0, "as late as wanted is not too late");
        }
    }

    #[test]
    fn a_queue_that_stands_is_shortened_and_the_load_let_in_when_it_is_over() {
        let mut shedder = Shedder::new(TARGET);
        for _ in 0..39 {
            assert_eq!(shedder.look(2 * TARGET, TICK), 0.0);
        }
        assert!(shedder.look(2 * TARGET, TICK) > 0.0, "for a second");
        for _ in 0..400 {
            shedder.look(9 * TARGET, TICK);
        }
        assert_eq!(shedder.look(9 * TARGET, TICK), MOST);
        let calm = (0..1000).position(|_| shedder.look(Duration::ZERO, TICK) == 0.0).unwrap();
        assert!(TICK * calm as u32 <= Duration::from_secs(3), "{calm}");
    }

    #[test]
    fn three_times_too_much_is_answered_in_bounded_time_at_full_use() {
        let mut queue = Queue::new(2000.0);
        queue.run(3.0, 5.0, &[1.0]);
        let seen = queue.run(3.0, 20.0, &[1.0]);
        let late = mean(&seen.late) / TARGET.as_secs_f64();
        assert!((0.3..3.0).contains(&late), "{late} targets");
        // What is not turned away fills what turning away leaves of the time.
        let share = seen.done / seen.offered;
        assert!((share - 0.259).abs() < 0.03, "{share}");
    }

    #[test]
    fn a_spell_is_told_of_twice() {
        let mut spell = Spell::default();
        let mut look =
            |share, looks| -> Vec<Turn> { (0..looks).filter_map(|_| spell.look(share, TICK)).collect() };
        assert_eq!(look(0.0, 1000), []);
        assert_eq!(look(0.5, 100), [Turn::Began]);
        assert_eq!((look(0.0, 399), look(0.1, 1), look(0.0, 399)), (vec![], vec![], vec![]));
        assert_eq!((look(0.0, 1), look(0.0, 999)), (vec![Turn::Ended], vec![]));
    }

    #[test]
    fn so_many_in_a_second_are_put_on_record() {
        let pressure = Pressure::default();
        let seen = |second| (0..500).filter(|_| pressure.may_record(second)).count();
        assert_eq!((seen(1), seen(1), seen(2)), (100, 0, 100));
    }

    proptest! {
        /// Whatever a call costs and however much too much comes, the queue is bounded and little time is wasted.
        #[test]
        fn it_settles(
            capacity in 200.0..50_000.0f64,
            load in 1.3..6.0f64,
            jitter in prop::collection::vec(0.6..1.4f64, 16..64),
        ) {
            let even = mean(&jitter);
            let jitter: Vec<f64> = jitter.iter().map(|j| j / even).collect();
            let mut queue = Queue::new(capacity);
            queue.run(load, 10.0, &jitter);
            let seen = queue.run(load, 30.0, &jitter);
            let late = mean(&seen.late) / TARGET.as_secs_f64();
            prop_assert!(late < 4.0, "{} targets late", late);
            let most = seen.late.iter().copied().fold(0.0, f64::max) / TARGET.as_secs_f64();
            prop_assert!(most < 20.0, "{} targets late once", most);
            let possible = (1.0 - 0.1 * load) / (0.9 * load);
            prop_assert!(seen.done / seen.offered > 0.7 * possible, "{} of {}", seen.done / seen.offered, possible);
            // As soon as it is over, everybody is let in again.
            queue.run(0.5, 10.0, &[1.0]);
            prop_assert_eq!(queue.shedder.share, 0.0);
        }

        /// What can be done is done: nobody is turned away below four fifths.
        #[test]
        fn nobody_is_turned_away_without_need(
            capacity in 200.0..50_000.0f64,
            load in 0.0..0.8f64,
            jitter in prop::collection::vec(0.5..1.2f64, 16..64),
        ) {
            let mut queue = Queue::new(capacity);
            let seen = queue.run(load, 20.0, &jitter);
            prop_assert!((seen.done - seen.offered).abs() < 1e-6);
        }
    }
}
