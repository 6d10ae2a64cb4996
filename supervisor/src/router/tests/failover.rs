//! Attempts that fail: hidden before the commit point, told in the dialect after it.

use super::rig::{CHAT, Flow, Rig, chat, finish, next_chunk, request, soon, until};
use super::worker::{Step, Worker, always, in_turn};
use crate::router::trace::End;
use http::{HeaderValue, Method};
use protocol::ipc::configure::WorkerState;
use protocol::model::{Failure, FailureKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

const GOOD: &[Step] = &[Step::Document, Step::Held("good"), Step::End];
const GOOD_STREAM: &[Step] = &[Step::Stream, Step::Data("data: good\n\n"), Step::End];

fn upstream(status: u16, kind: FailureKind) -> Failure {
    Failure { status: Some(status), ..Failure::new(kind, "the provider failed") }
}

/// Everything that can go wrong before the commit point.
fn misfortunes() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("refused", vec![Step::Refuse]),
        ("5xx", vec![Step::Fail(upstream(500, FailureKind::Upstream), "{}")]),
        ("429", vec![Step::Fail(upstream(429, FailureKind::RateLimited), "{}")]),
        ("timeout", vec![Step::Fail(Failure::new(FailureKind::Timeout, "no first token"), "")]),
        ("our key", vec![Step::Fail(upstream(401, FailureKind::UpstreamAuth), "{}")]),
        ("task gone", vec![Step::Vanish]),
        ("process gone", vec![Step::Die, Step::Hang]),
        ("cut document", vec![Step::Document, Step::Held("{\"id\""), Step::Die, Step::Hang]),
        (
            "cut before content",
            vec![
                Step::Stream,
                Step::Held("data: role\n\n"),
                Step::Fail(upstream(502, FailureKind::Interrupted), ""),
            ],
        ),
        ("nonsense", vec![Step::Document, Step::Document]),
    ]
}

#[tokio::test]
async fn whatever_fails_before_the_commit_point_the_next_candidate_hides_it() {
    for (what, steps) in misfortunes() {
        let mut rig = Rig::new();
        let _bad = rig.worker("bad", always(&steps));
        let good = rig.worker("good", in_turn(&[GOOD, GOOD_STREAM]));
        let answer = rig.chat().await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "good"), "{what}");
        assert_eq!(answer.header("x-llm-link-provider"), "good", "{what}");
        let counted = if what == "refused" { "1" } else { "2" };
        assert_eq!(answer.header("x-llm-link-attempts"), counted, "{what}");
        assert_eq!(rig.trace().await.attempts.len(), 2, "{what}");
        let stream = rig.stream().await;
        assert_eq!(finish(stream).await.text(), "data: good\n\n", "{what}");
        assert_eq!(good.calls(), 2, "{what}");
    }
}

#[tokio::test]
async fn the_best_failure_is_shown_as_the_upstream_said_it() {
    let mut rig = Rig::new();
    let _a =
        rig.worker("a", always(&[Step::Fail(upstream(429, FailureKind::RateLimited), "{ \"slow\": 1 }")]));
    let _b = rig.worker("b", always(&[Step::Vanish]));
    let answer = rig.chat().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (429, "{ \"slow\": 1 }"));
    assert_eq!((answer.header("x-llm-link-provider"), answer.header("x-llm-link-attempts")), ("a", "3"));
    assert_eq!(rig.trace().await.end, End::Failed(FailureKind::RateLimited));
}

#[tokio::test]
async fn client_errors_are_not_tried_again() {
    let mut rig = Rig::new();
    let a = rig.worker("a", always(&[Step::Fail(upstream(400, FailureKind::InvalidRequest), "{\"bad\":1}")]));
    let b = rig.worker("b", always(GOOD));
    let answer = rig.chat().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (400, "{\"bad\":1}"));
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[tokio::test]
async fn one_provider_is_tried_twice() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", in_turn(&[&[Step::Fail(upstream(500, FailureKind::Upstream), "")], GOOD]));
    let answer = rig.chat().await;
    assert_eq!((answer.text(), answer.header("x-llm-link-attempts")), ("good", "2"));
    assert_eq!(worker.calls(), 2);
}

#[tokio::test]
async fn a_client_may_ask_for_a_single_attempt() {
    let mut rig = Rig::new();
    let _a = rig.worker("a", always(&[Step::Fail(upstream(503, FailureKind::Overloaded), "")]));
    let b = rig.worker("b", always(GOOD));
    let mut request = chat("m", Flow::Whole);
    request.headers_mut().insert("x-llm-link-no-retry", HeaderValue::from_static("1"));
    assert_eq!(rig.ask(request).await.status, 503);
    assert_eq!(b.calls(), 0);
}

#[tokio::test]
async fn after_the_commit_point_a_stream_ends_with_an_error_event_and_no_terminator() {
    let broken = Step::Fail(upstream(502, FailureKind::Interrupted), "");
    for (what, last) in [("reset", broken), ("task gone", Step::Vanish), ("process gone", Step::Die)] {
        let mut rig = Rig::new();
        let go = Arc::new(Semaphore::new(0));
        let steps = [Step::Stream, Step::Data("data: 1\n\n"), Step::Await(Arc::clone(&go)), last, Step::Hang];
        let _bad = rig.worker("bad", always(&steps));
        let good = rig.worker("good", always(GOOD_STREAM));
        let mut response = rig.stream().await;
        assert_eq!(next_chunk(&mut response).await, "data: 1\n\n");
        go.add_permits(1);
        let answer = finish(response).await;
        let event = answer.text().strip_prefix("data: ").unwrap_or_else(|| panic!("{what}: {answer:?}"));
        let error: serde_json::Value = serde_json::from_str(event.trim_end()).unwrap();
        assert!(error["error"]["message"].is_string(), "{what}: {error}");
        assert!(!event.contains("[DONE]"), "{what}");
        assert_eq!(good.calls(), 0, "{what}");
        assert!(matches!(rig.trace().await.end, End::Interrupted(_)), "{what}");
    }
}

#[tokio::test]
async fn after_the_terminator_nothing_is_added_whatever_becomes_of_the_worker() {
    let broken = Step::Fail(upstream(502, FailureKind::Interrupted), "data: {}\n\n");
    for last in [broken, Step::Vanish, Step::Die] {
        let mut rig = Rig::new();
        let go = Arc::new(Semaphore::new(0));
        let (first, done) = (Step::Data("data: 1\n\n"), Step::Last("data: [DONE]\n\n"));
        let wait = || Step::Await(Arc::clone(&go));
        let steps = [Step::Stream, first, wait(), done, wait(), last, Step::Hang];
        let _worker = rig.worker("a", always(&steps));
        let mut response = rig.stream().await;
        assert_eq!(next_chunk(&mut response).await, "data: 1\n\n");
        go.add_permits(1);
        assert_eq!(next_chunk(&mut response).await, "data: [DONE]\n\n");
        go.add_permits(1);
        assert_eq!(finish(response).await.text(), "");
        assert!(matches!(rig.trace().await.end, End::Served));
    }
}

#[tokio::test]
async fn a_document_larger_than_the_hold_is_cut_when_it_breaks_off() {
    let mut rig = Rig::new();
    let go = Arc::new(Semaphore::new(0));
    let steps = [Step::Document, Step::Bulk(70_000), Step::Await(Arc::clone(&go)), Step::Vanish];
    let _worker = rig.worker("a", always(&steps));
    let mut client = rig.client().await;
    let response = client.send_request(chat("m", Flow::Whole)).await.unwrap();
    go.add_permits(1);
    let answer = finish(response).await;
    assert!(answer.body.is_err_and(|part| part.len() >= 64 * 1024), "no clean end");
}

#[tokio::test]
async fn a_large_answer_passes_whatever_the_hold() {
    let mut rig = Rig::new();
    let _worker = rig.worker("a", always(&[Step::Document, Step::Bulk(3_000_000), Step::End]));
    assert_eq!(rig.chat().await.text().len(), 3_000_000);
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_call() {
    let mut rig = Rig::new();
    let begun: &[Step] = &[Step::Stream, Step::Data("data: 1\n\n"), Step::Hang];
    let worker = rig.worker("a", in_turn(&[begun, &[Step::Document, Step::Hang]]));
    let mut response = rig.stream().await;
    next_chunk(&mut response).await;
    drop(response);
    until("the cancellation", || worker.seen.cancelled.load(Ordering::SeqCst) == 1).await;
    assert_eq!(rig.trace().await.end, End::Cancelled);
    let mut client = rig.client().await;
    tokio::select! {
        answer = client.send_request(chat("m", Flow::Whole)) => panic!("answered: {answer:?}"),
        () = until("the second call", || worker.calls() == 2) => {}
    }
    drop(client);
    until("the second cancellation", || worker.seen.cancelled.load(Ordering::SeqCst) == 2).await;
    until("the call to end", || rig.shared.counts().0 == 0).await;
}

#[tokio::test]
async fn a_call_waits_for_its_only_worker_to_come_back() {
    let mut rig = Rig::new();
    let first = rig.worker("a", always(GOOD));
    assert_eq!(rig.chat().await.status, 200);
    drop(first);
    let mut client = rig.client().await;
    let waiting = client.send_request(chat("m", Flow::Whole));
    let (dir, shared) = (rig.dir.path().to_owned(), Arc::clone(&rig.shared));
    let restart = async {
        until("the call", || shared.counts() == (1, 2)).await;
        Worker::start(&dir, "a", 2, always(GOOD))
    };
    let mut waiting = Box::pin(waiting);
    let second = tokio::select! {
        answer = &mut waiting => panic!("answered without a worker: {answer:?}"),
        second = restart => second,
    };
    rig.configure(|config| config.providers[0].lane = Some(second.lane.clone()));
    let answer = finish(waiting.await.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "good"));
    assert_eq!(second.calls(), 1);
}

#[tokio::test]
async fn a_call_does_not_wait_long_for_a_worker() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(GOOD));
    rig.configure(|config| config.providers[0].state = WorkerState::Starting);
    let began = Instant::now();
    let answer = rig.chat().await;
    assert_eq!(answer.status, 503);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.text().contains("its worker is starting"), "{}", answer.text());
    rig.configure(|config| config.providers[0].state = WorkerState::Failed);
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(rig.chat().await.status, 503);
        quickest = quickest.min(began.elapsed());
    }
    assert!(quickest < Duration::from_millis(200), "nothing to wait for: {quickest:?}");
    assert_eq!(rig.trace().await.excluded.len(), 1);
    drop(worker);
}

#[tokio::test]
async fn the_deadline_ends_an_attempt_and_tells_the_worker() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(&[Step::Document, Step::Hang]));
    let mut request = request(Method::POST, CHAT, r#"{"model":"m"}"#);
    request.headers_mut().insert("x-llm-link-timeout-ms", HeaderValue::from_static("100"));
    let answer = rig.ask(request).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (504, &"timeout".into()));
    until("the cancellation", || worker.seen.cancelled.load(Ordering::SeqCst) == 1).await;
    assert!(worker.seen.calls.lock().unwrap()[0].0.deadline_ms.unwrap() <= 100);
}

#[tokio::test]
async fn a_new_generation_takes_over_and_the_old_one_finishes_its_calls() {
    let mut rig = Rig::new();
    let go = Arc::new(Semaphore::new(0));
    let steps = [
        Step::Stream,
        Step::Data("data: 1\n\n"),
        Step::Await(Arc::clone(&go)),
        Step::Data("data: 2\n\n"),
        Step::End,
    ];
    let old = rig.worker("a", in_turn(&[&steps, GOOD]));
    let mut response = rig.stream().await;
    next_chunk(&mut response).await;
    let new = Worker::start(rig.dir.path(), "a", 2, always(GOOD));
    rig.configure(|config| config.providers[0].lane = Some(new.lane.clone()));
    while new.calls() == 0 {
        // The old generation may still get a call or two; it answers them all the same.
        assert_eq!(rig.chat().await.status, 200);
        assert!(old.calls() < 1000, "the new generation never takes over");
    }
    go.add_permits(1);
    assert_eq!(finish(response).await.text(), "data: 2\n\n");
}

#[tokio::test]
async fn a_worker_that_ends_while_another_one_is_named_ends_once() {
    let mut rig = Rig::new();
    let ends = Arc::new(Semaphore::new(0));
    let bad = rig.worker("bad", always(&[Step::Await(Arc::clone(&ends)), Step::Die, Step::Hang]));
    let _good = rig.worker("good", always(GOOD));
    let mut clients = [rig.client().await, rig.client().await];
    let [first, second] = &mut clients;
    let first = first.send_request(chat("m", Flow::Whole));
    let asked = async {
        until("the first call", || bad.calls() == 1).await;
        // The next process is named before it can be reached: until then the connection is the old one's.
        rig.configure(|config| {
            let lane = config.providers[0].lane.as_mut().unwrap();
            (lane.generation, lane.socket) = (2, format!("{}.none", lane.socket));
        });
        let ended = async {
            until("the second call", || bad.calls() == 2).await;
            ends.add_permits(1);
        };
        tokio::join!(second.send_request(chat("m", Flow::Whole)), ended).0
    };
    let (first, second) = soon(async { tokio::join!(first, asked) }).await;
    for answer in [first, second] {
        let answer = finish(answer.unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "good"));
    }
}
