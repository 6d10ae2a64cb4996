//! Plans carried out over a real data connection, as a router sees them.

use crate::serve::{Desk, Provider};
use bytes::Bytes;
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::{CallHead, DataHello, Reset, Trailer};
use protocol::ipc::configure::{SandboxMode, Timeouts, Upstream, WorkerConfig, WorkerLimits};
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use protocol::model::FailureKind;
use protocol::transport::link::{Answer, Opener, connect};
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

const TOKEN: [u8; 32] = [7; 32];

struct Rig {
    opener: Opener,
    _tasks: JoinSet<()>,
    _directory: tempfile::TempDir,
}

fn config() -> WorkerConfig {
    WorkerConfig {
        provider: "demo".into(),
        generation: 1,
        token: TOKEN.to_vec(),
        upstream: Upstream::Demo,
        limits: WorkerLimits { memory: 0, files: 64, max_streams: 16, pool_idle: 1 },
        sandbox: SandboxMode::Off,
        timeouts: Timeouts {
            connect_ms: 0,
            first_token_ms: 200,
            idle_ms: 200,
            total_ms: 200,
            total_stream_ms: 0,
        },
    }
}

async fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.sock");
    let desk = Arc::new(Desk::new(config(), Provider::Demo));
    let mut tasks = JoinSet::new();
    let accepting = desk.open(UnixListener::bind(&path).unwrap());
    tasks.spawn(async move { drop(accepting.await) });
    let (protocol_min, protocol_max) = (PROTOCOL_MIN, PROTOCOL_MAX);
    let hello =
        DataHello { protocol_min, protocol_max, build: "t".into(), generation: 1, token: TOKEN.to_vec() };
    let (opener, driver) = connect(&path, &hello).await.unwrap();
    tasks.spawn(async move { drop(driver.await) });
    Rig { opener, _tasks: tasks, _directory: directory }
}

/// What a router got of a call.
#[derive(Default)]
struct Got {
    status: Option<u16>,
    body: String,
    committed: bool,
    trailer: Option<Trailer>,
    reset: Option<Reset>,
    error: Bytes,
}

impl Got {
    fn failed(&self) -> FailureKind {
        self.reset.as_ref().and_then(|r| r.failure.as_ref()).unwrap().kind
    }
}

impl Rig {
    async fn ask(&self, model: &str, stream: bool) -> Got {
        let body = format!(
            r#"{{"stream":{stream},"stream_options":{{"include_usage":true}},"messages":[{{"role":"user","content":"hello there"}}]}}"#
        );
        self.call(model, Operation::Chat, "", stream, &body).await
    }

    async fn call(&self, model: &str, operation: Operation, path: &str, stream: bool, body: &str) -> Got {
        let head = CallHead {
            call_id: "c1".into(),
            attempt: 1,
            dialect: Dialect::OpenAiChat,
            operation,
            method: "POST".into(),
            path: path.into(),
            headers: vec![],
            model: model.into(),
            model_span: None,
            stream,
            wants_usage: true,
            usage_edit: None,
            strict: false,
            body_len: body.len() as u64,
            deadline_ms: None,
        };
        let mut call = self.opener.open(&head, vec![Bytes::copy_from_slice(body.as_bytes())]).unwrap();
        let mut got = Got::default();
        loop {
            match timeout(Duration::from_secs(10), call.next()).await.unwrap() {
                Answer::Head(head) => got.status = Some(head.status),
                Answer::Data { bytes, committed } => {
                    got.body += std::str::from_utf8(&bytes).unwrap();
                    got.committed = committed;
                }
                Answer::End(trailer) => {
                    got.trailer = Some(trailer);
                    return got;
                }
                Answer::Reset(reset, body) => {
                    (got.reset, got.error) = (Some(reset), body);
                    return got;
                }
                Answer::Lost => panic!("the connection was lost"),
            }
        }
    }
}

#[tokio::test]
async fn a_stream_and_a_document_are_complete_and_counted() {
    let rig = rig().await;
    let stream = rig.ask("demo-chunks=20-delay=1", true).await;
    assert_eq!(stream.status, Some(200));
    assert!(stream.committed && stream.body.ends_with("data: [DONE]\n\n"), "{}", stream.body);
    let document = rig.ask("demo", false).await;
    let said: serde_json::Value = serde_json::from_str(&document.body).unwrap();
    assert!(said["choices"][0]["message"]["content"].as_str().unwrap().contains("hello there"));
    for got in [stream, document] {
        let trailer = got.trailer.unwrap();
        assert_eq!(trailer.usage.input_total(), Some(6));
        assert!(trailer.usage.output.unwrap() > 10);
        assert_eq!(trailer.stop_reason.as_deref(), Some("stop"));
    }
}

#[tokio::test]
async fn a_status_is_a_reset_with_the_body_and_the_wait() {
    let got = rig().await.ask("demo-fail=429", true).await;
    assert_eq!((got.status, got.failed()), (None, FailureKind::RateLimited));
    let reset = got.reset.unwrap();
    assert_eq!(reset.failure.unwrap().retry_after_ms, Some(1000));
    assert!(reset.headers.contains(&("retry-after".into(), "1".into())));
    assert!(std::str::from_utf8(&got.error).unwrap().contains("rate_limit_exceeded"));
}

#[tokio::test]
async fn what_breaks_off_is_never_a_success() {
    let rig = rig().await;
    for (model, kind) in [
        ("demo-fail=cut-after=3", FailureKind::Interrupted),
        ("demo-fail=no-done", FailureKind::Interrupted),
        ("demo-fail=empty", FailureKind::Interrupted),
        ("demo-fail=hang-after=3", FailureKind::Interrupted),
        ("demo-fail=hang", FailureKind::Timeout),
        ("demo-fail=error-event-after=3", FailureKind::Upstream),
    ] {
        let got = rig.ask(model, true).await;
        assert!(got.trailer.is_none() && !got.body.contains("[DONE]"), "{model}: {}", got.body);
        assert_eq!(got.failed(), kind, "{model}");
        assert_eq!(got.committed, model.contains("after") || model.contains("no-done"), "{model}");
    }
}

#[tokio::test]
async fn a_probe_answers_and_the_models_are_listed() {
    let rig = rig().await;
    let probed = rig.ask("demo-probe=open-passwd", true).await;
    assert!(probed.trailer.is_some() && probed.body.contains("allowed: "), "{}", probed.body);
    let listed = rig.call("", Operation::Raw, "models", false, "").await;
    assert!(listed.trailer.is_some() && listed.body.contains(r#""id":"demo""#), "{}", listed.body);
    let embedded = rig.call("demo", Operation::Embed, "", false, "{}").await;
    assert_eq!(embedded.failed(), FailureKind::Unsupported);
}

#[tokio::test]
async fn a_busy_loop_and_a_leak_end_in_an_ordinary_answer() {
    let got = rig().await.ask("demo-spin=20-leak=8", false).await;
    assert!(got.trailer.is_some());
}
