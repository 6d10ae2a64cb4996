//! The demo provider behind a real data connection, as a router sees it.

use crate::serve::{Desk, Provider};
use bytes::Bytes;
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::{CallHead, DataHello, Reset, Trailer};
use protocol::ipc::configure::{SandboxMode, Timeouts, Upstream, WorkerConfig, WorkerLimits};
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use protocol::model::{Failure, FailureKind};
use protocol::transport::link::{Answer, CallStream, Opener, connect};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

const TOKEN: [u8; 32] = [7; 32];

struct Rig {
    opener: Opener,
    desk: Arc<Desk>,
    _tasks: JoinSet<()>,
    _directory: tempfile::TempDir,
}

fn config() -> WorkerConfig {
    let timeouts =
        Timeouts { connect_ms: 0, first_token_ms: 300, idle_ms: 300, total_ms: 0, total_stream_ms: 0 };
    WorkerConfig {
        provider: "demo".into(),
        generation: 1,
        token: TOKEN.to_vec(),
        upstream: Upstream::Demo,
        limits: WorkerLimits { memory: 0, files: 64, max_streams: 16, pool_idle: 1 },
        sandbox: SandboxMode::Off,
        timeouts,
    }
}

async fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.sock");
    let desk = Arc::new(Desk::new(config(), Provider::demo()));
    let mut tasks = JoinSet::new();
    let accepting = desk.open(UnixListener::bind(&path).unwrap());
    tasks.spawn(async move { drop(accepting.await) });
    let (protocol_min, protocol_max) = (PROTOCOL_MIN, PROTOCOL_MAX);
    let hello =
        DataHello { protocol_min, protocol_max, build: "t".into(), generation: 1, token: TOKEN.to_vec() };
    let (opener, driver) = connect(&path, &hello).await.unwrap();
    tasks.spawn(async move { drop(driver.await) });
    Rig { opener, desk, _tasks: tasks, _directory: directory }
}

fn head(model: &str, body: &str) -> CallHead {
    CallHead {
        call_id: "c1".into(),
        attempt: 1,
        dialect: Dialect::OpenAiChat,
        operation: Operation::Chat,
        method: "POST".into(),
        path: String::new(),
        headers: Vec::new(),
        model: model.into(),
        model_span: None,
        stream: body.contains(r#""stream":true"#),
        wants_usage: false,
        usage_edit: None,
        strict: false,
        body_len: body.len() as u64,
        deadline_ms: None,
    }
}

fn hello(stream: bool) -> String {
    format!(r#"{{"stream":{stream},"messages":[{{"role":"user","content":"hello there"}}]}}"#)
}

/// What a router got of a call.
#[derive(Debug, Default)]
struct Got {
    status: Option<u16>,
    body: Vec<u8>,
    committed: bool,
    trailer: Option<Trailer>,
    reset: Option<Reset>,
    error: Bytes,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn failure(&self) -> &Failure {
        self.reset.as_ref().and_then(|reset| reset.failure.as_ref()).unwrap()
    }
}

async fn gather(mut call: CallStream) -> Got {
    let mut got = Got::default();
    while got.trailer.is_none() && got.reset.is_none() {
        match timeout(Duration::from_secs(20), call.next()).await.unwrap() {
            Answer::Head(head) => got.status = Some(head.status),
            Answer::Data { bytes, committed } => {
                got.body.extend_from_slice(&bytes);
                got.committed = committed;
            }
            Answer::End(trailer) => got.trailer = Some(trailer),
            Answer::Reset(reset, body) => (got.reset, got.error) = (Some(reset), body),
            Answer::Lost => panic!("the connection was lost"),
        }
    }
    got
}

impl Rig {
    fn begin(&self, head: &CallHead, body: &str) -> CallStream {
        self.opener.open(head, vec![Bytes::copy_from_slice(body.as_bytes())]).unwrap()
    }

    async fn ask(&self, model: &str, body: &str) -> Got {
        gather(self.begin(&head(model, body), body)).await
    }
}

#[tokio::test]
async fn a_document_and_a_stream_arrive_whole_and_counted() {
    let rig = rig().await;
    let document = rig.ask("demo", &hello(false)).await;
    let said: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
    let content = said["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(document.status == Some(200) && content.contains("hello there"), "{content}");
    let begun = Instant::now();
    let body = hello(true);
    let asked = CallHead { usage_edit: Some((1, 1, String::new())), ..head("demo-chunks=20-delay=5", &body) };
    let stream = gather(rig.begin(&asked, &body)).await;
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert!(stream.committed && stream.text().ends_with("data: [DONE]\n\n"), "{}", stream.text());
    assert!(!stream.text().contains("\"usage\""), "only the router asked for it");
    for got in [document, stream] {
        let trailer = got.trailer.unwrap();
        assert!(trailer.usage.input_total() == Some(7) && trailer.usage.output > Some(10), "{trailer:?}");
        assert_eq!(trailer.stop_reason.as_deref(), Some("stop"));
    }
}

#[tokio::test]
async fn large_answers_and_echoes_of_large_requests_are_exact() {
    let rig = rig().await;
    let document = rig.ask("demo-size=3000000", &hello(false)).await;
    let said: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
    assert_eq!(said["choices"][0]["message"]["content"].as_str().map(str::len), Some(3_000_000));
    let stream = rig.ask("demo-chunks=20000", &hello(true)).await;
    assert_eq!(stream.text().matches(r#""delta":{"content":""#).count(), 20_000);
    assert!(stream.trailer.is_some());
    let body = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "x".repeat(2_000_000));
    let echo = rig.ask("demo-echo", &body).await;
    assert!(echo.text().contains(&format!(r#"\"length\":{}"#, body.len())), "{}", echo.text());
}

#[tokio::test]
async fn a_status_is_a_whole_answer_with_its_wait() {
    let got = rig().await.ask("demo-fail=429", &hello(true)).await;
    assert_eq!((got.status, got.failure().kind), (None, FailureKind::RateLimited));
    assert_eq!((got.failure().status, got.failure().retry_after_ms), (Some(429), Some(1000)));
    assert!(got.reset.unwrap().headers.contains(&("retry-after".into(), "1".into())));
    assert!(std::str::from_utf8(&got.error).unwrap().contains("rate_limit_exceeded"));
}

#[tokio::test]
async fn what_breaks_off_is_never_a_success() {
    use FailureKind as K;
    let rig = rig().await;
    let table = [
        ("demo-fail=cut", K::Interrupted, false),
        ("demo-fail=cut-after=3", K::Interrupted, true),
        ("demo-fail=hang", K::Timeout, false),
        ("demo-fail=hang-after=3", K::Interrupted, true),
        ("demo-fail=empty", K::Interrupted, false),
        ("demo-fail=no-done", K::Interrupted, true),
        ("demo-fail=garbage", K::BadAnswer, false),
        ("demo-fail=error-event", K::Upstream, false),
        ("demo-fail=503-after=2", K::Overloaded, true),
    ];
    for (model, kind, committed) in table {
        let got = rig.ask(model, &hello(true)).await;
        assert!(got.trailer.is_none() && !got.text().contains("[DONE]"), "{model}: {}", got.text());
        assert_eq!((got.failure().kind, got.committed), (kind, committed), "{model}");
    }
    for fail in ["cut", "hang", "empty", "no-done", "garbage", "error-event", "500"] {
        let body = hello(false);
        let head = CallHead { deadline_ms: Some(300), ..head(&format!("demo-fail={fail}"), &body) };
        let got = gather(rig.begin(&head, &body)).await;
        assert!(got.reset.is_some() && got.body.is_empty(), "{fail}: {got:?}");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_refused_by_name() {
    let rig = rig().await;
    let unknown = rig.ask("demo-dance", &hello(false)).await;
    assert_eq!(
        (unknown.failure().kind, unknown.failure().param.as_deref()),
        (FailureKind::InvalidRequest, Some("model"))
    );
    let embed = CallHead { operation: Operation::Embed, ..head("demo", "{}") };
    assert_eq!(gather(rig.begin(&embed, "{}")).await.failure().kind, FailureKind::Unsupported);
    let raw = CallHead { dialect: Dialect::Anthropic, operation: Operation::Raw, ..head("demo", "{}") };
    assert_eq!(gather(rig.begin(&raw, "{}")).await.failure().kind, FailureKind::Unsupported);
    let large = CallHead { body_len: u64::MAX, ..head("demo", "{}") };
    assert_eq!(gather(rig.begin(&large, "{}")).await.failure().kind, FailureKind::TooLarge);
    let models = CallHead { operation: Operation::Raw, path: "models?limit=5".into(), ..head("", "") };
    let listed: serde_json::Value =
        serde_json::from_slice(&gather(rig.begin(&models, "")).await.body).unwrap();
    assert_eq!(listed["data"][0]["id"], "demo");
}

/// Every dialect's clients get an answer of their own, by translation.
#[tokio::test]
async fn every_dialect_is_answered() {
    let rig = rig().await;
    for (dialect, body) in [
        (Dialect::Anthropic, r#"{"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#),
        (Dialect::OpenAiResponses, r#"{"input":"hi"}"#),
        (Dialect::Gemini, r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#),
        (Dialect::Ollama, r#"{"messages":[{"role":"user","content":"hi"}]}"#),
    ] {
        for stream in [false, true] {
            let call = CallHead { dialect, stream, ..head("demo", body) };
            let answer = gather(rig.begin(&call, body)).await;
            assert!(answer.trailer.as_ref().is_some_and(|t| t.usage.output.is_some()), "{dialect} {stream}");
            let mut tap = protocol::dialect::Tap::new(dialect);
            if !stream {
                assert_eq!(tap.document(&answer.body), Ok(()), "{dialect}: {}", answer.text());
            }
        }
    }
}

/// A flood and a leak leave the event loop to others; the probe's verdict is the answer.
#[tokio::test]
async fn mischief_ends_in_an_ordinary_answer() {
    let rig = rig().await;
    let leaked = rig.ask("demo-leak=2-spin=3", &hello(false)).await;
    assert!(leaked.trailer.is_some());
    let probed = rig.ask("demo-probe=bind", &hello(true)).await;
    assert!(probed.trailer.is_some() && probed.text().contains("bind"), "{}", probed.text());
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let rig = rig().await;
    let body = hello(true);
    let mut call = rig.begin(&head("demo-chunks=1000000-delay=10", &body), &body);
    while !matches!(call.next().await, Answer::Data { committed: true, .. }) {}
    assert_eq!(rig.desk.counts().0, 1);
    drop(call);
    let ended = async {
        while rig.desk.counts().0 > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(5), ended).await.unwrap();
}
