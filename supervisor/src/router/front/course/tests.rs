//! Courses over three providers, told as sequences of steps.

use super::*;

const FAILED: Setback = Setback::Failed { retry: Retry::Anywhere, retry_after: None };
const ELSEWHERE: Setback = Setback::Failed { retry: Retry::Elsewhere, retry_after: None };

const RULES: Rules = Rules {
    max_attempts: 3,
    per_provider: 2,
    backoff: Duration::from_millis(100),
    after_timeout: true,
    replay: Replay::Allowed,
};

fn course(names: &[&str]) -> Course {
    with_rules(names, RULES)
}

fn with_rules(names: &[&str], rules: Rules) -> Course {
    let candidates = names.iter().map(|name| {
        let (provider, model) = name.split_once('/').unwrap();
        Candidate::bare(provider, model)
    });
    Course::new(candidates.collect(), rules)
}

fn ready(_: &Candidate) -> Standing {
    Standing::Ready
}

/// Follows the course with this setback each time and tells where it went.
fn walk(course: &mut Course, setback: Setback) -> Vec<String> {
    let mut told = vec![];
    while let Step::Go { at, after, price, .. } = course.next(ready) {
        let c = course.candidate(at);
        told.push(format!("{}/{} {} {price:?}", c.provider, c.model, after.as_millis()));
        course.paid();
        course.handed_over(at);
        course.failed(at, setback, 0.5);
    }
    told
}

#[test]
fn new_candidates_first_then_the_least_tried_with_backoff() {
    assert_eq!(walk(&mut course(&["a/m", "b/m"]), FAILED), ["a/m 0 Free", "b/m 0 Retry", "a/m 50 Retry"]);
    assert_eq!(walk(&mut course(&["a/m"]), FAILED), ["a/m 0 Free", "a/m 50 Retry"], "two per provider");
}

#[test]
fn a_provider_with_two_models_gets_two_attempts_in_all() {
    let names = ["a/m", "a/n", "a/o", "b/m"];
    assert_eq!(walk(&mut course(&names), FAILED), ["a/m 0 Free", "a/n 0 Retry", "b/m 0 Retry"]);
}

#[test]
fn a_timeout_goes_elsewhere_unless_told_otherwise() {
    let mut told = course(&["a/m", "b/m"]);
    assert_eq!(walk(&mut told, Setback::TimedOut), ["a/m 0 Free", "b/m 0 Retry"]);
    let mut told = with_rules(&["a/m", "b/m"], Rules { after_timeout: false, ..RULES });
    assert_eq!(walk(&mut told, Setback::TimedOut), ["a/m 0 Free"]);
}

#[test]
fn what_will_not_help_here_goes_elsewhere_only() {
    assert_eq!(walk(&mut course(&["a/m", "b/m"]), ELSEWHERE), ["a/m 0 Free", "b/m 0 Retry"]);
    let never = Setback::Failed { retry: Retry::Never, retry_after: None };
    assert_eq!(walk(&mut course(&["a/m", "b/m"]), never), ["a/m 0 Free"]);
}

#[test]
fn a_short_retry_after_is_waited_for_when_nobody_else_is_there() {
    let asks =
        |secs| Setback::Failed { retry: Retry::Elsewhere, retry_after: Some(Duration::from_secs(secs)) };
    assert_eq!(walk(&mut course(&["a/m"]), asks(3)), ["a/m 0 Free", "a/m 3000 Retry"]);
    assert_eq!(walk(&mut course(&["a/m"]), asks(60)), ["a/m 0 Free"]);
    assert_eq!(walk(&mut course(&["a/m", "b/m"]), asks(60)), ["a/m 0 Free", "b/m 0 Retry"]);
}

#[test]
fn a_lost_worker_uses_attempts_but_no_budget() {
    let told = walk(&mut course(&["a/m", "b/m"]), Setback::Lost);
    assert_eq!(told, ["a/m 0 Free", "b/m 0 Free", "a/m 0 Free"]);
}

#[test]
fn refusals_use_no_attempts_and_are_bounded() {
    let mut c = course(&["a/m"]);
    let mut asked = 0;
    while let Step::Go { at, .. } = c.next(ready) {
        asked += 1;
        c.handed_over(at);
        c.take_back(at);
        c.failed(at, Setback::Refused, 1.0);
    }
    assert_eq!((asked, c.sent()), (9, 0));
}

#[test]
fn who_refused_is_asked_again_after_the_others() {
    let mut c = course(&["a/m", "b/m"]);
    c.handed_over(0);
    c.take_back(0);
    c.failed(0, Setback::Refused, 1.0);
    assert!(matches!(c.next(ready), Step::Go { at: 1, price: Price::Free, .. }));
    c.handed_over(1);
    c.failed(1, ELSEWHERE, 1.0);
    assert!(matches!(c.next(ready), Step::Go { at: 0, .. }));
}

#[test]
fn a_retry_is_paid_once_whatever_refuses_it_on_its_way() {
    let mut c = course(&["a/m", "b/m", "c/m"]);
    c.handed_over(0);
    c.failed(0, FAILED, 1.0);
    assert!(matches!(c.next(ready), Step::Go { at: 1, price: Price::Retry, .. }));
    c.failed(1, Setback::Crowded, 1.0);
    assert!(matches!(c.next(ready), Step::Go { at: 2, price: Price::Retry, .. }), "not paid yet");
    c.paid();
    c.failed(2, Setback::Crowded, 1.0);
    assert!(matches!(c.next(ready), Step::Go { at: 0, price: Price::Free, .. }));
}

#[test]
fn no_replay_means_one_attempt_unless_it_was_refused() {
    for replay in [Replay::Declined, Replay::TooLarge] {
        let rules = Rules { replay, ..RULES };
        assert_eq!(walk(&mut with_rules(&["a/m", "b/m"], rules), FAILED), ["a/m 0 Free"]);
        let mut refused = with_rules(&["a/m", "b/m"], rules);
        refused.handed_over(0);
        refused.take_back(0);
        refused.failed(0, Setback::Refused, 0.0);
        assert!(matches!(refused.next(ready), Step::Go { .. }));
    }
}

#[test]
fn the_ready_before_the_degraded_before_waiting() {
    let c = course(&["soon/m", "worse/m", "out/m", "good/m"]);
    let standing = |c: &Candidate| match &*c.provider {
        "soon" => Standing::Soon("starting".into()),
        "worse" => Standing::LastResort("degraded".into()),
        "out" => Standing::Out("failed".into()),
        _ => Standing::Ready,
    };
    assert!(matches!(c.next(standing), Step::Go { at: 3, .. }));
    let c = course(&["soon/m", "worse/m", "out/m"]);
    assert!(matches!(c.next(standing), Step::Go { at: 1, .. }));
    let c = course(&["soon/m", "out/m"]);
    assert_eq!(c.next(standing), Step::Await { at: 0 });
    assert_eq!(course(&["out/m"]).next(standing), Step::Stop);
    assert_eq!(course(&[]).next(standing), Step::Stop);
}

#[test]
fn backoff_doubles_to_its_bound() {
    let waits: Vec<u128> = [1, 2, 3, 4, 5, 6, 200].map(|n| backoff(RULES.backoff, n).as_millis()).to_vec();
    assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
}
