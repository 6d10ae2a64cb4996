//! A second candidate for a call whose first one is late: who wins, what becomes of the other one, what it counts for.

use super::rig::{Answer, Flow, Rig, chat, finish, next_chunk, soon, until};
use super::worker::{Step, Worker, always, in_turn};
use crate::router::notices::now_ms;
use crate::router::routing::Vitals;
use crate::router::trace::{Attempt, AttemptResult, End, Trace};
use http::HeaderValue;
use protocol::ipc::configure::{App, Budget, Hedge};
use protocol::model::{Failure, FailureKind, Usage};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

const GOOD: &[Step] = &[Step::Stream, Step::Data("data: good\n\n"), Step::End];
const HANGS: &[Step] = &[Step::Stream, Step::Held("data: role\n\n"), Step::Hang];
const AFTER: Duration = Duration::from_millis(20);
/// Long after the hedge.
const LATER: Duration = Duration::from_millis(100);

/// Calls without a key are hedged after 20 ms and have a budget.
fn hedged(change: impl FnOnce(&mut App)) -> Rig {
    Rig::with(|config| {
        let mut app = App::named("default");
        app.hedge = Hedge { enabled: true, after_ms: Some(AFTER.as_millis() as u64) };
        app.budgets.daily = Budget { tokens: Some(1_000_000), cost: vec![] };
        change(&mut app);
        config.apps = vec![app];
    })
}

fn counted(rig: &Rig) -> u64 {
    let levels = rig.shared.snapshot().meters.levels("default", now_ms());
    levels.iter().find(|level| level.limit == "tokens_per_day").unwrap().used
}

fn asked_input(trace: &Trace) -> u64 {
    trace.request_bytes.div_ceil(4)
}

fn kind(attempt: &Attempt) -> Option<FailureKind> {
    match &attempt.result {
        AttemptResult::Answered => None,
        AttemptResult::Failed(kind, _) => Some(*kind),
    }
}

fn kinds(trace: &Trace) -> Vec<(usize, Option<FailureKind>)> {
    trace.attempts.iter().map(|a| (a.candidate, kind(a))).collect()
}

fn vitals(rig: &Rig, name: &str) -> Arc<Vitals> {
    let way = rig.shared.snapshot().table.resolve(&format!("{name}/m")).unwrap();
    Arc::clone(&way.route[0].vitals)
}

/// Nobody has a place any more, and nothing is held against anybody.
async fn is_at_rest(rig: &Rig, providers: &[&str]) {
    let snapshot = rig.shared.snapshot();
    for name in providers {
        until("free places", || snapshot.gate(name).unwrap().load() == (0, 0)).await;
        let vitals = vitals(rig, name);
        assert_eq!(vitals.in_flight(), 0, "{name}");
        assert_eq!(vitals.standing(std::time::Instant::now()), None, "{name}");
    }
}

fn failing(go: &Arc<Semaphore>, kind: FailureKind) -> Vec<Step> {
    let failure = Failure { status: Some(500), ..Failure::new(kind, "the provider failed") };
    vec![Step::Await(Arc::clone(go)), Step::Fail(failure, "")]
}

#[tokio::test]
async fn what_the_loser_took_is_estimated_and_counts_once() {
    let mut rig = hedged(|_| {});
    let (slow, _fast) = (rig.worker("a", in_turn(&[GOOD, HANGS])), rig.worker("b", always(GOOD)));
    assert_eq!(finish(rig.stream().await).await.header("x-llm-link-provider"), "a", "fast at first");
    let answer = finish(rig.stream().await).await;
    assert_eq!((answer.text(), answer.header("x-llm-link-attempts")), ("data: good\n\n", "2"));
    until("the loser to be let go", || slow.seen.cancelled.load(Ordering::SeqCst) == 1).await;
    let trace = rig.trace().await;
    assert_eq!(kinds(&trace), [(0, Some(FailureKind::Cancelled)), (1, None)]);
    let input = asked_input(&trace);
    let loser = Usage { input_fresh: Some(input), output: Some(1), ..Usage::default() };
    assert_eq!((trace.attempts[0].aside, trace.attempts[1].aside), (Some(loser), None));
    assert_eq!(trace.usage().0.output, Some(3), "the answer's own is the winner's");
    assert_eq!(counted(&rig), 3 + 3 + input + 1);
    let note = format!("a/m was cancelled and counts with about {} tokens", input + 1);
    assert!(trace.notes.iter().any(|n| n.contains(&note)), "{:?}", trace.notes);
    is_at_rest(&rig, &["a", "b"]).await;
    let cost = |name: &str| vitals(&rig, name).cost(std::time::Instant::now());
    let least = AFTER.as_secs_f64() / 2.0;
    assert!(cost("a") > least, "who was let go took at least so long: {} {}", cost("a"), cost("b"));
}

/// One call has the only place at `b`, and another one waits for `a` until long after its hedge.
async fn nobody_answers<T>(
    busy: &mut (impl Future<Output = T> + Unpin),
    call: &mut (impl Future<Output = T> + Unpin),
    b: &Worker,
) {
    tokio::select! {
        _ = busy => panic!("nobody answers"),
        () = until("the place to be taken", || b.calls() == 1) => {}
    }
    assert!(timeout(LATER, call).await.is_err(), "nobody answers yet");
}

#[tokio::test]
async fn a_hedge_stands_in_no_queue() {
    let mut rig = hedged(|_| {});
    let go = Arc::new(Semaphore::new(0));
    let steps = [&[Step::Await(Arc::clone(&go))], GOOD].concat();
    let (_a, b) = (rig.worker("a", always(&steps)), rig.worker("b", always(HANGS)));
    rig.configure(|config| (config.providers[1].max_concurrent, config.providers[1].max_queue) = (1, 10));
    let (mut other, mut client) = (rig.client().await, rig.client().await);
    let mut busy = Box::pin(other.send_request(chat("b/m", Flow::Stream)));
    let mut call = Box::pin(client.send_request(chat("m", Flow::Stream)));
    nobody_answers(&mut busy, &mut call, &b).await;
    go.add_permits(1);
    let answer = finish(soon(call).await.unwrap()).await;
    assert_eq!((answer.header("x-llm-link-provider"), answer.header("x-llm-link-attempts")), ("a", "1"));
    assert_eq!(kinds(&*rig.trace().await), [(0, None)]);
}

#[tokio::test]
async fn a_hedge_that_was_not_possible_spoils_no_later_try() {
    let mut rig = hedged(|_| {});
    let go = Arc::new(Semaphore::new(0));
    let a = rig.worker("a", always(&failing(&go, FailureKind::Upstream)));
    let b = rig.worker("b", in_turn(&[HANGS, GOOD]));
    rig.configure(|config| (config.providers[1].max_concurrent, config.providers[1].max_queue) = (1, 0));
    let (mut other, mut client) = (rig.client().await, rig.client().await);
    let mut busy = Box::pin(other.send_request(chat("b/m", Flow::Stream)));
    let mut call = Box::pin(client.send_request(chat("m", Flow::Stream)));
    nobody_answers(&mut busy, &mut call, &b).await;
    drop(busy);
    drop(other);
    let snapshot = rig.shared.snapshot();
    until("the place to be free", || snapshot.gate("b").unwrap().load() == (0, 0)).await;
    go.add_permits(9);
    let answer = finish(soon(call).await.unwrap()).await;
    assert_eq!((answer.text(), answer.header("x-llm-link-provider")), ("data: good\n\n", "b"));
    assert_eq!(a.calls(), 1);
    assert_eq!(kinds(&*rig.trace().await), [(0, Some(FailureKind::Upstream)), (1, None)]);
}

/// What comes of a call whose two candidates end when `first` says so and then `second`, in this order of candidates.
async fn race(first: Vec<Step>, second: Vec<Step>, order: [usize; 2]) -> (Answer, Arc<Trace>, Rig) {
    let mut rig = hedged(|app| app.retry.max_attempts = 2);
    let go = [Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0))];
    let with = |at: usize, steps: Vec<Step>| [vec![Step::Await(Arc::clone(&go[at]))], steps].concat();
    let a = rig.worker("a", always(&with(0, first)));
    let b = rig.worker("b", always(&with(1, second)));
    let mut client = rig.client().await;
    let mut call = Box::pin(client.send_request(chat("m", Flow::Stream)));
    tokio::select! {
        _ = &mut call => panic!("nobody answers yet"),
        () = until("both to be asked", || (a.calls(), b.calls()) == (1, 1)) => {}
    }
    go[order[0]].add_permits(1);
    let snapshot = rig.shared.snapshot();
    let name = ["a", "b"][order[0]];
    let early = tokio::select! {
        answer = &mut call => Some(answer),
        () = until("the first to end", || snapshot.gate(name).unwrap().load() == (0, 0)) => None,
    };
    go[order[1]].add_permits(1);
    let answer = match early {
        Some(answer) => answer,
        None => soon(call).await,
    };
    let answer = finish(answer.unwrap()).await;
    let trace = rig.trace().await;
    is_at_rest(&rig, &["a", "b"]).await;
    (answer, trace, rig)
}

fn fail(kind: FailureKind, status: u16) -> Vec<Step> {
    vec![Step::Fail(Failure { status: Some(status), ..Failure::new(kind, "no") }, "")]
}

#[tokio::test]
async fn one_that_fails_leaves_the_call_to_the_other() {
    for kind in [FailureKind::Upstream, FailureKind::InvalidRequest, FailureKind::Timeout] {
        for order in [[0, 1], [1, 0]] {
            let mut steps = [fail(kind, 500), GOOD.to_vec()];
            steps.rotate_left(order[0]);
            let [first, second] = steps;
            let (answer, trace, rig) = race(first, second, order).await;
            assert_eq!(answer.text(), "data: good\n\n", "{kind:?} {order:?}");
            assert_eq!(answer.header("x-llm-link-attempts"), "2");
            assert_eq!(kinds(&trace), [(order[0], Some(kind)), (order[1], None)]);
            assert_eq!(counted(&rig), 3, "{kind:?}: who failed says so and is not estimated");
        }
    }
}

#[tokio::test]
async fn when_both_fail_the_better_failure_is_shown_and_nothing_counts() {
    let (wrong, broken) = (fail(FailureKind::InvalidRequest, 400), fail(FailureKind::Upstream, 500));
    let mut rig = hedged(|app| app.retry.max_attempts = 2);
    let go = Arc::new(Semaphore::new(0));
    let with = |steps: Vec<Step>| [vec![Step::Await(Arc::clone(&go))], steps].concat();
    let (a, b) = (rig.worker("a", always(&with(broken))), rig.worker("b", always(&with(wrong))));
    let mut client = rig.client().await;
    let mut call = Box::pin(client.send_request(chat("m", Flow::Stream)));
    tokio::select! {
        _ = &mut call => panic!("nobody answers yet"),
        () = until("both to be asked", || (a.calls(), b.calls()) == (1, 1)) => {}
    }
    go.add_permits(2);
    let answer = finish(soon(call).await.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-llm-link-attempts")), (400, "2"));
    assert_eq!((a.calls(), b.calls(), counted(&rig)), (1, 1, 0));
    assert_eq!(rig.trace().await.end, End::Failed(FailureKind::InvalidRequest));
}

#[tokio::test]
async fn a_deadline_ends_both_and_nobody_was_first() {
    let mut rig = hedged(|_| {});
    let (a, b) = (rig.worker("a", always(HANGS)), rig.worker("b", always(HANGS)));
    let mut request = chat("m", Flow::Stream);
    request.headers_mut().insert("x-llm-link-timeout-ms", HeaderValue::from_static("200"));
    assert_eq!(rig.ask(request).await.status, 504);
    for worker in [&a, &b] {
        until("the cancellation", || worker.seen.cancelled.load(Ordering::SeqCst) == 1).await;
    }
    let trace = rig.trace().await;
    assert_eq!(trace.notes, [""; 0]);
    let mut kinds = kinds(&trace);
    kinds.sort_by_key(|(at, _)| *at);
    assert_eq!(kinds, [(0, Some(FailureKind::Timeout)), (1, Some(FailureKind::Timeout))]);
    is_at_rest(&rig, &["a", "b"]).await;
}

#[tokio::test]
async fn a_winner_that_breaks_off_later_counts_beside_the_loser() {
    let mut rig = hedged(|_| {});
    let go = Arc::new(Semaphore::new(0));
    let broken = [Step::Stream, Step::Data("data: 1\n\n"), Step::Await(Arc::clone(&go)), Step::Vanish];
    let (_a, b) = (rig.worker("a", always(HANGS)), rig.worker("b", always(&broken)));
    let mut response = rig.stream().await;
    assert_eq!(next_chunk(&mut response).await, "data: 1\n\n");
    go.add_permits(1);
    let answer = finish(response).await;
    assert!(answer.text().starts_with("data: {\"error\""), "{answer:?}");
    let trace = rig.trace().await;
    assert!(matches!(trace.end, End::Interrupted(_)), "{:?}", trace.end);
    let input = asked_input(&trace);
    assert_eq!(counted(&rig), (input + 1) * 2, "both are estimated");
    assert_eq!((b.calls(), trace.attempts.len()), (1, 2));
}

#[tokio::test]
async fn a_client_that_goes_away_takes_both_along() {
    let mut rig = hedged(|app| app.limits.concurrent = Some(1));
    let (a, b) = (rig.worker("a", always(HANGS)), rig.worker("b", in_turn(&[HANGS, GOOD])));
    let mut client = rig.client().await;
    tokio::select! {
        answer = client.send_request(chat("m", Flow::Stream)) => panic!("answered: {answer:?}"),
        () = until("both to be asked", || (a.calls(), b.calls()) == (1, 1)) => {}
    }
    drop(client);
    for worker in [&a, &b] {
        until("the cancellation", || worker.seen.cancelled.load(Ordering::SeqCst) == 1).await;
    }
    is_at_rest(&rig, &["a", "b"]).await;
    let trace = rig.trace().await;
    assert_eq!(trace.end, End::Cancelled);
    let cancelled = Some(FailureKind::Cancelled);
    assert_eq!(kinds(&trace), [(0, cancelled), (1, cancelled)], "both had it");
    // The app's one place is free again, once.
    let mut client = rig.client().await;
    let answer = soon(client.send_request(chat("b/m", Flow::Stream))).await.unwrap();
    assert_eq!(finish(answer).await.status, 200);
}

#[tokio::test]
async fn what_a_window_holds_back_is_not_late() {
    let mut rig = hedged(|app| app.hold.chunks = 2);
    let go = Arc::new(Semaphore::new(0));
    let word = || Step::Data("data: 1\n\n");
    let steps = [Step::Stream, word(), Step::Await(Arc::clone(&go)), word(), word(), Step::End];
    let (_a, b) = (rig.worker("a", always(&steps)), rig.worker("b", always(GOOD)));
    let mut client = rig.client().await;
    let mut call = Box::pin(client.send_request(chat("m", Flow::Stream)));
    assert!(timeout(LATER, &mut call).await.is_err(), "the window is open");
    go.add_permits(1);
    let mut response = soon(call).await.unwrap();
    assert_eq!(next_chunk(&mut response).await, "data: 1\n\n");
    assert_eq!(b.calls(), 0);
}
