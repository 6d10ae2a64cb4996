//! Scenes of one worker, by its clocks.

use super::*;

struct Clock {
    began: Instant,
    now: Reading,
}

impl Clock {
    fn new() -> (Self, Greed) {
        let began = Instant::now();
        let now = Reading { at: began, worker: Duration::ZERO, router: Duration::ZERO, serves: true };
        (Self { began, now }, Greed::new(now, None))
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
    assert!(is_greedy(&hasty));
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
        greed.look(clock.pass(100, 95, 0));
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

/// A second has passed in which it says it did so much.
fn account(greed: &mut Greed, clock: &Clock, calls: u64, frames: u64, bytes: u64) {
    greed.weigh(Account::new(clock.now.at, calls, Moved { frames, bytes }, clock.now.worker));
}

/// One with an account of a second that says nothing, and that is held for it.
fn held() -> (Clock, Greed) {
    let (mut clock, mut greed) = Clock::new();
    account(&mut greed, &clock, 0, 0, 0);
    greed.look(clock.pass(5, 4, 0));
    for _ in 0..20 {
        assert!(is_greedy(&greed));
        greed.look(clock.pass(100, 95, 5));
    }
    // It answers two questions at once.
    account(&mut greed, &clock, 2, 10, 1000);
    account(&mut greed, &clock, 2, 10, 1000);
    greed.look(clock.pass(100, 95, 5));
    assert_eq!(greed.standing(), Standing::Held);
    (clock, greed)
}

#[test]
fn one_whose_calls_explain_nothing_runs_in_turns() {
    let (mut clock, mut greed) = held();
    for n in 0..30 {
        assert!(!greed.look(clock.pass(90, 0, 5)), "its pause is not over");
        assert!(greed.look(clock.pass(5, 0, 0)));
        assert_eq!(greed.standing(), Standing::Turn);
        // Also where the router has much to do.
        assert!(greed.look(clock.pass(5, 3, 3)));
        assert_eq!(greed.standing(), Standing::Held);
        if n % 10 == 0 {
            account(&mut greed, &clock, 2, 10, 1000);
        }
    }
    greed.look(clock.pass(95, 0, 5));
    greed.look(clock.pass(5, 1, 0));
    assert_eq!(greed.standing(), Standing::Modest, "it has come to its end");
}

#[test]
fn one_whose_calls_explain_it_by_now_is_let_go() {
    let (mut clock, mut greed) = held();
    for _ in 0..5 {
        greed.look(clock.pass(95, 0, 5));
        greed.look(clock.pass(5, 5, 0));
    }
    account(&mut greed, &clock, 102, 10, 1000);
    assert!(greed.look(clock.pass(1, 0, 0)));
    assert!(is_greedy(&greed));
    greed.look(clock.pass(100, 95, 16));
    assert_eq!(greed.standing(), Standing::Modest);
}

#[test]
fn where_there_is_nobody_to_protect_nobody_is_held() {
    let (mut clock, mut greed) = Clock::new();
    account(&mut greed, &clock, 0, 0, 0);
    greed.look(clock.pass(5, 4, 0));
    for n in 0..20 {
        greed.look(clock.pass(100, 95, 0));
        assert!(is_greedy(&greed));
        if n % 5 == 4 {
            account(&mut greed, &clock, 0, 0, 0);
        }
    }
    greed.look(clock.pass(100, 95, 2));
    assert_eq!(greed.standing(), Standing::Held);
    greed.look(clock.pass(95, 0, 0));
    assert!(is_greedy(&greed), "the calls are over");
}

#[test]
fn what_calls_may_take_is_not_senseless() {
    // A large body comes in one second and is translated in the next ones; and so do many calls, frames, bytes.
    let large = [(1, 2000, 50_000_000), (1, 2000, 50_000_000), (1, 2000, 50_000_000)];
    let many = [(250, 0, 0), (500, 0, 0), (750, 0, 0)];
    let stream = [(5, 4000, 900_000), (5, 8000, 1_800_000), (5, 12_000, 2_700_000)];
    for accounts in [large, many, stream] {
        let (mut clock, mut greed) = Clock::new();
        account(&mut greed, &clock, 0, 0, 0);
        greed.look(clock.pass(5, 4, 0));
        for (calls, frames, bytes) in accounts {
            for _ in 0..10 {
                greed.look(clock.pass(100, 95, 2));
                assert!(is_greedy(&greed), "{accounts:?}");
            }
            account(&mut greed, &clock, calls, frames, bytes);
        }
    }
    // A little is nothing.
    let (mut clock, mut greed) = Clock::new();
    account(&mut greed, &clock, 0, 0, 0);
    clock.pass(1000, 150, 2);
    account(&mut greed, &clock, 0, 0, 0);
    greed.look(clock.pass(5, 5, 0));
    greed.look(clock.pass(100, 95, 5));
    assert!(is_greedy(&greed));
}

#[test]
fn one_that_gives_no_account_is_not_held() {
    let (mut clock, mut greed) = Clock::new();
    for _ in 0..50 {
        greed.look(clock.pass(100, 95, 2));
        assert!(is_greedy(&greed));
    }
}

#[test]
fn whoever_finishes_its_last_calls_is_let_go() {
    let (mut clock, mut greed) = held();
    clock.now.serves = false;
    assert!(greed.look(clock.pass(1, 0, 0)));
    for _ in 0..10 {
        assert!(is_greedy(&greed));
        greed.look(clock.pass(100, 95, 2));
    }
}

#[test]
fn one_that_was_held_is_held_at_once_and_so_is_the_process_after_it() {
    let (mut clock, mut greed) = held();
    greed.look(clock.pass(95, 0, 2));
    greed.look(clock.pass(5, 0, 0));
    assert_eq!(greed.standing(), Standing::Modest);
    for mut greed in [greed, Greed::new(clock.now, greed.held())] {
        let mut clock = Clock { ..clock };
        greed.look(clock.pass(5, 5, 0));
        assert_eq!(greed.standing(), Standing::Held);
        greed.look(clock.pass(95, 0, 2));
        assert_eq!(greed.standing(), Standing::Turn);
    }
    let mut forgiven = Greed::new(clock.now, greed.held());
    forgiven.look(clock.pass(31_000, 0, 0));
    forgiven.look(clock.pass(5, 5, 0));
    assert!(is_greedy(&forgiven));
}

#[test]
fn on_a_full_machine_one_step_is_enough_for_one_whose_account_says_nothing() {
    let (mut clock, mut greed) = Clock::new();
    account(&mut greed, &clock, 0, 0, 0);
    // It takes half of a processor, for others take the rest.
    greed.look(clock.pass(1000, 500, 300));
    assert_eq!(greed.standing(), Standing::Modest);
    account(&mut greed, &clock, 2, 10, 1000);
    greed.look(clock.pass(5, 4, 3));
    assert_eq!(greed.standing(), Standing::Held);
}
