//! Bounds: places, queues, slow clients, draining.

use super::rig::{Flow, Rig, chat, finish, next_chunk, soon, until};
use super::worker::{Step, always};
use crate::router::shared::Stage;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const GOOD: &[Step] = &[Step::Document, Step::Held("good"), Step::End];

#[tokio::test]
async fn calls_over_the_limit_queue_and_over_the_queue_are_turned_away_at_once() {
    let mut rig = Rig::new();
    let go = Arc::new(Semaphore::new(0));
    let worker = rig
        .worker("a", always(&[Step::Document, Step::Await(Arc::clone(&go)), Step::Held("good"), Step::End]));
    rig.configure(|config| (config.providers[0].max_concurrent, config.providers[0].max_queue) = (1, 1));
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    let mut first = Box::pin(first.send_request(chat("m", Flow::Whole)));
    let mut second = Box::pin(second.send_request(chat("m", Flow::Whole)));
    let shared = Arc::clone(&rig.shared);
    tokio::select! {
        _ = &mut first => panic!("nobody answers yet"),
        () = until("the first call", || worker.calls() == 1) => {}
    }
    tokio::select! {
        _ = &mut second => panic!("nobody answers yet"),
        () = until("the second call", || shared.snapshot().gate("a").unwrap().load() == (1, 1)) => {}
    }
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let turned_away = rig.chat().await;
        assert_eq!((turned_away.status.as_u16(), turned_away.header("retry-after")), (503, "1"));
        quickest = quickest.min(began.elapsed());
    }
    assert!(quickest < Duration::from_millis(100), "{quickest:?}");
    go.add_permits(2);
    for answer in [soon(first).await, soon(second).await] {
        assert_eq!(finish(answer.unwrap()).await.text(), "good");
    }
    until("both places to be free", || shared.snapshot().gate("a").unwrap().load() == (0, 0)).await;
}

#[tokio::test]
async fn a_full_provider_hands_over_to_the_next() {
    let mut rig = Rig::new();
    let _a = rig.worker("a", always(GOOD));
    let _b = rig.worker("b", always(GOOD));
    rig.configure(|config| (config.providers[0].max_concurrent, config.providers[0].max_queue) = (0, 0));
    assert_eq!(rig.chat().await.header("x-llm-link-provider"), "b");
}

#[tokio::test]
async fn only_clients_that_are_told_count_as_turned_away() {
    let mut rig = Rig::new();
    let (_a, _b) = (rig.worker("a", always(GOOD)), rig.worker("b", always(GOOD)));
    assert_eq!(rig.chat().await.status, 200);
    let mut told = 0;
    for late in [&["a"][..], &["a", "b"]] {
        let (mut elsewhere, before) = (0, told);
        // The next look at the workers finds that they are not late: then it is set again.
        while elsewhere < 5 && told - before < 5 {
            rig.shard.lanes.each(|name, _, shed| shed.set(if late.contains(&name) { 1.0 } else { 0.0 }));
            let answer = rig.chat().await;
            told += u64::from(answer.status == 503);
            elsewhere += u64::from(late.len() == 1 && answer.header("x-llm-link-provider") == "b");
        }
        assert_eq!(rig.shared.pressure.turned_away(), told, "{late:?}");
    }
    assert!(told >= 5);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let mut rig = Rig::with(|config| config.limits.read_timeout_ms = 300);
    let mut slow = TcpStream::connect(rig.address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: t\r\nx-a: ").await.unwrap();
    let mut idle = TcpStream::connect(rig.address).await.unwrap();
    assert_eq!(soon(slow.read(&mut [0; 100])).await.unwrap_or(0), 0);
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    let mut answer = [0; 1000];
    let read = soon(idle.read(&mut answer)).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "an idle connection is none that dawdles");
    assert_eq!(rig.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_body_that_never_comes_is_a_timeout() {
    let rig = Rig::with(|config| config.limits.read_timeout_ms = 200);
    let mut slow = TcpStream::connect(rig.address).await.unwrap();
    slow.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n{")
        .await
        .unwrap();
    let mut answer = [0; 1000];
    let read = soon(slow.read(&mut answer)).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer[..read]));
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let mut rig = Rig::with(|config| config.limits.connections = 1);
    let first = rig.client().await;
    until("the first connection", || rig.shared.connections.taken() == 1).await;
    let mut second = rig.client().await;
    let mut waiting = Box::pin(second.send_request(super::rig::request(http::Method::GET, "/health", "")));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "there is no place yet");
    drop(first);
    assert_eq!(soon(waiting).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_drain_lets_calls_finish_and_closes_the_rest() {
    let mut rig = Rig::new();
    let go = Arc::new(Semaphore::new(0));
    let steps = [
        Step::Stream,
        Step::Data("data: 1\n\n"),
        Step::Await(Arc::clone(&go)),
        Step::Data("data: 2\n\n"),
        Step::End,
    ];
    let _worker = rig.worker("a", always(&steps));
    let mut response = rig.stream().await;
    next_chunk(&mut response).await;
    let mut idle = rig.client().await;
    until("both connections", || rig.shared.connections.taken() == 2).await;
    rig.shared.enter(Stage::Draining);
    let late =
        finish(soon(idle.send_request(super::rig::request(http::Method::GET, "/ready", ""))).await.unwrap())
            .await;
    assert_eq!((late.status.as_u16(), late.header("connection")), (503, "close"));
    until("the idle connection to end", || rig.shared.connections.taken() == 1).await;
    go.add_permits(1);
    assert_eq!(finish(response).await.text(), "data: 2\n\n");
    soon(rig.shared.connections.empty()).await;
    rig.shared.enter(Stage::Serving);
    assert_eq!(rig.get("/health").await.status, 200, "a drain can be taken back");
}

#[tokio::test]
async fn a_cut_ends_streams_with_an_error_event() {
    let mut rig = Rig::new();
    let _worker = rig.worker("a", always(&[Step::Stream, Step::Data("data: 1\n\n"), Step::Hang]));
    let mut response = rig.stream().await;
    next_chunk(&mut response).await;
    let uncommitted = rig.worker("b", always(&[Step::Document, Step::Hang]));
    let mut client = rig.client().await;
    let mut waiting = Box::pin(client.send_request(chat("b/m", Flow::Whole)));
    tokio::select! {
        _ = &mut waiting => panic!("nobody answers"),
        () = until("the second call", || uncommitted.calls() == 1) => {}
    }
    rig.shared.cut();
    let told = finish(soon(waiting).await.unwrap()).await;
    assert_eq!((told.status.as_u16(), told.header("retry-after")), (503, "1"));
    let answer = finish(response).await;
    assert!(
        answer.text().starts_with("data: {\"error\"") && answer.text().contains("is stopping"),
        "{answer:?}"
    );
    soon(rig.shared.connections.empty()).await;
}

/// A client that writes its whole request before it reads, as most do.
async fn write_then_read(rig: &Rig, request: &[u8]) -> String {
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    soon(client.write_all(request)).await.unwrap();
    let mut answer = Vec::new();
    soon(client.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let rig = Rig::new();
    let heads = format!("GET /health HTTP/1.1\r\nhost: t\r\nx-long: {}\r\n\r\n", "y".repeat(8 << 20));
    assert!(write_then_read(&rig, heads.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let body = "z".repeat(8 << 20);
    let start = "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n";
    let large = format!("{start}content-length: {}\r\n\r\n{body}", body.len());
    assert!(write_then_read(&rig, large.as_bytes()).await.starts_with("HTTP/1.1 413 "));
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let large = format!("{start}transfer-encoding: chunked\r\n\r\n{chunks}");
    assert!(write_then_read(&rig, large.as_bytes()).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_need_not_send_a_body_in_vain() {
    let rig = Rig::with(|config| config.listeners[0].open = false);
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    let mut answer = String::new();
    soon(client.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(4), "it was not waited for");
}
