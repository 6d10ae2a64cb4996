//! Every transition, under a clock of the test's own.

use super::*;
use proptest::prelude::*;

const S: Duration = Duration::from_secs(1);
/// Jitter of nothing.
const EVEN: f64 = 0.5;

struct Rig {
    breaker: Breaker,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        Self { breaker: Breaker::new(Terms::MODEL), now: Instant::now() }
    }

    fn open() -> Self {
        let mut rig = Self::new();
        rig.fail(5);
        rig
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn admit(&mut self) -> Option<Pass> {
        self.breaker.admit(self.now, false).0
    }

    fn fail(&mut self, times: u32) -> Option<Change> {
        (0..times).map(|_| self.breaker.failure(Pass::Plain, self.now, EVEN)).last().flatten()
    }

    /// One probe with this outcome.
    fn probe(&mut self, good: bool) -> Option<Change> {
        let pass = self.admit().expect("a probe");
        assert!(matches!(pass, Pass::Probe(_)));
        assert_eq!(self.admit(), None, "one at a time");
        match good {
            true => self.breaker.success(pass, self.now),
            false => self.breaker.failure(pass, self.now, EVEN),
        }
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let mut rig = Rig::new();
    assert_eq!(rig.fail(4), None);
    assert_eq!(rig.breaker.success(Pass::Plain, rig.now), None);
    assert_eq!(rig.fail(4), None);
    assert_eq!(rig.fail(1), Some(Change::Opened { lasts: 30 * S, failures: 5 }));
    assert_eq!(rig.breaker.look(rig.now), Look::Open { until: rig.now + 30 * S });
    assert_eq!(rig.admit(), None);
    assert_eq!(rig.breaker.admit(rig.now, true).0, Some(Pass::Plain), "somebody with nowhere else to go");
    assert_eq!(rig.fail(9), None, "calls that began before do not make it longer");
}

#[test]
fn three_good_probes_one_at_a_time_close_it() {
    let mut rig = Rig::open();
    rig.wait(30 * S - Duration::from_millis(1));
    assert_eq!(rig.admit(), None);
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.breaker.look(rig.now), Look::Probe);
    assert_eq!(rig.probe(true), None);
    assert_eq!(rig.probe(true), None);
    assert_eq!(rig.probe(true), Some(Change::Closed));
    assert_eq!(rig.breaker.look(rig.now), Look::Closed);
    assert_eq!(rig.fail(5), Some(Change::Opened { lasts: 30 * S, failures: 5 }), "it forgot the past");
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_five_minutes() {
    let mut rig = Rig::open();
    let mut last = 30;
    for expected in [60u32, 120, 240, 300, 300] {
        rig.wait(last * S);
        assert_eq!(rig.probe(false), Some(Change::Opened { lasts: expected * S, failures: 1 }));
        last = expected;
        assert_eq!(rig.admit(), None);
        assert_eq!(rig.breaker.look(rig.now), Look::Open { until: rig.now + expected * S });
    }
}

#[test]
fn a_probe_that_says_nothing_frees_its_place() {
    let mut rig = Rig::open();
    rig.wait(30 * S);
    assert_eq!(rig.probe(true), None);
    let lost = rig.admit().unwrap();
    assert_eq!(rig.breaker.look(rig.now), Look::Probing);
    rig.breaker.release(lost);
    assert_eq!(rig.breaker.look(rig.now), Look::Probe);
    rig.probe(true);
    assert_eq!(rig.probe(true), Some(Change::Closed), "the first success was kept");
}

#[test]
fn outcomes_of_the_past_do_not_count_for_a_probe() {
    let mut rig = Rig::open();
    rig.wait(30 * S);
    let stale = rig.admit().unwrap();
    rig.breaker.release(stale);
    let probe = rig.admit().unwrap();
    assert_eq!(rig.breaker.failure(stale, rig.now, EVEN), None);
    assert_eq!(rig.breaker.success(stale, rig.now), None);
    assert_eq!(rig.breaker.failure(Pass::Plain, rig.now, EVEN), None);
    assert_eq!(rig.breaker.look(rig.now), Look::Probing);
    assert!(rig.breaker.failure(probe, rig.now, EVEN).is_some());
}

#[test]
fn under_half_good_of_twenty_in_a_minute_opens_it() {
    let mut rig = Rig::new();
    for _ in 0..9 {
        rig.breaker.success(Pass::Plain, rig.now);
        assert_eq!(rig.fail(1), None);
    }
    assert_eq!(rig.fail(1), None, "nineteen are too few");
    assert!(matches!(rig.fail(1), Some(Change::Opened { .. })), "9 good of 20");
    let mut slow = Rig::new();
    for _ in 0..40 {
        slow.breaker.success(Pass::Plain, slow.now);
        assert_eq!(slow.fail(2), None, "never twenty in a minute");
        slow.wait(10 * S);
    }
}

#[test]
fn jitter_is_a_tenth_either_way() {
    for (random, lasts) in [(0.0, 27.0), (1.0, 33.0)] {
        let mut breaker = Breaker::new(Terms::MODEL);
        let now = Instant::now();
        let change = (0..5).map(|_| breaker.failure(Pass::Plain, now, random)).last().flatten();
        let Some(Change::Opened { lasts: found, .. }) = change else { panic!("not open") };
        assert!((found.as_secs_f64() - lasts).abs() < 1e-6);
    }
}

#[test]
fn a_refused_key_is_asked_again_after_five_minutes() {
    let (mut breaker, now) = (Breaker::new(Terms::KEY), Instant::now());
    assert!(breaker.failure(Pass::Plain, now, EVEN).is_some());
    assert_eq!(breaker.admit(now + 299 * S, false).0, None);
    let pass = breaker.admit(now + 300 * S, false).0.unwrap();
    assert_eq!(breaker.success(pass, now + 300 * S), Some(Change::Closed));
    breaker.failure(Pass::Plain, now, EVEN);
    assert_eq!(breaker.reset(), Some(Change::Closed), "another key came");
    assert_eq!(breaker.reset(), None);
}

#[test]
fn the_next_router_goes_on_where_this_one_was() {
    let mut rig = Rig::open();
    rig.wait(30 * S);
    rig.probe(false);
    rig.wait(20 * S);
    let saved = rig.breaker.save(rig.now).unwrap();
    assert_eq!(saved, Saved { left: 40 * S, trips: 1, failures: 0, closed: false });
    let mut next = Rig::new();
    next.breaker.restore(saved, next.now);
    next.wait(39 * S);
    assert_eq!(next.admit(), None);
    next.wait(S);
    assert_eq!(next.probe(false), Some(Change::Opened { lasts: 120 * S, failures: 1 }));
    let mut counting = Rig::new();
    counting.fail(3);
    let saved = counting.breaker.save(counting.now).unwrap();
    let mut next = Rig::new();
    next.breaker.restore(saved, next.now);
    assert_eq!(next.fail(1), None);
    assert!(next.fail(1).is_some(), "three and two are five");
    assert_eq!(Rig::new().breaker.save(rig.now), None);
}

#[test]
fn sixty_four_callers_at_once_make_one_probe() {
    let now = Instant::now();
    let mut opened = Breaker::new(Terms::MODEL);
    for _ in 0..5 {
        opened.failure(Pass::Plain, now, EVEN);
    }
    let breaker = std::sync::Mutex::new(opened);
    let start = std::sync::Barrier::new(64);
    let admitted: usize = std::thread::scope(|scope| {
        let call = || {
            start.wait();
            usize::from(breaker.lock().unwrap().admit(now + 30 * S, false).0.is_some())
        };
        let callers: Vec<_> = (0..64).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|c| c.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1);
}

/// What may happen to a breaker.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Admit,
    Good,
    Bad,
    Left,
    Wait(u64),
}

proptest! {
    #[test]
    fn never_two_probes_and_never_shut_for_ever(
        deeds in prop::collection::vec(
            prop_oneof![
                Just(Deed::Admit), Just(Deed::Good), Just(Deed::Bad), Just(Deed::Left),
                (0u64..400).prop_map(Deed::Wait),
            ],
            0..200,
        )
    ) {
        let mut rig = Rig::new();
        let mut under_way: Vec<Pass> = vec![];
        for deed in deeds {
            match deed {
                Deed::Admit => under_way.extend(rig.admit()),
                Deed::Wait(seconds) => {
                    rig.wait(Duration::from_secs(seconds));
                }
                Deed::Good | Deed::Bad | Deed::Left => {
                    let Some(pass) = under_way.pop() else { continue };
                    match deed {
                        Deed::Good => _ = rig.breaker.success(pass, rig.now),
                        Deed::Bad => _ = rig.breaker.failure(pass, rig.now, EVEN),
                        _ => rig.breaker.release(pass),
                    }
                }
            }
            let current = under_way.iter().filter(|p| **p == Pass::Probe(rig.breaker.probe)).count();
            prop_assert!(current <= 1);
        }
        under_way.drain(..).for_each(|pass| rig.breaker.release(pass));
        rig.wait(331 * S);
        prop_assert!(rig.admit().is_some(), "after the longest wait somebody may try");
    }
}
