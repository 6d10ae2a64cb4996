//! A router on a free port of this machine, and a client for it.

use super::worker::{Script, Worker};
use crate::router::asker;
use crate::router::shard::Shard;
use crate::router::shared::Shared;
use crate::router::snapshot::Snapshot;
use crate::router::spool::Spool;
use crate::router::trace::Trace;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use protocol::ipc::configure::{
    Listener, ModelEntry, ModelFacts, Provider, Rates, RouterConfig, RouterLimits, RouterRuntime, WorkerState,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

pub(super) const CHAT: &str = "/v1/chat/completions";

/// See the module. Dropped, everything of it ends.
pub(super) struct Rig {
    pub(super) shared: Arc<Shared>,
    pub(super) config: RouterConfig,
    pub(super) address: SocketAddr,
    pub(super) dir: TempDir,
    pub(super) shard: Arc<Shard>,
    tasks: JoinSet<()>,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// `Err` = the body broke off after these bytes.
    pub(super) body: Result<String, String>,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        self.body.as_deref().expect("a whole body")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

impl Rig {
    /// A router with one open listener and no provider.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with a changed configuration.
    pub(super) fn with(change: impl FnOnce(&mut RouterConfig)) -> Self {
        let mut config = empty();
        change(&mut config);
        let dir = TempDir::new().unwrap();
        let snapshot = Snapshot::new(&config, None, 1).unwrap();
        let shared = Arc::new(Shared::new(snapshot, asker::asker().0, Spool::new(None)));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (shard, inbox) = Shard::new(Arc::clone(&shared), 1);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shard).run(vec![(0, listener)], inbox));
        Self { shared, config, address, dir, shard, tasks }
    }

    /// Starts a worker and configures its provider, with the model `m`.
    pub(super) fn worker(&mut self, name: &str, script: Script) -> Worker {
        let worker = Worker::start(self.dir.path(), name, 1, script);
        let mut provider = provider(name);
        provider.lane = Some(worker.lane.clone());
        self.configure(|config| config.providers.push(provider));
        worker
    }

    /// Gives the router a changed configuration.
    pub(super) fn configure(&mut self, change: impl FnOnce(&mut RouterConfig)) {
        change(&mut self.config);
        self.config.epoch += 1;
        let snapshot = Snapshot::new(&self.config, Some(&self.shared.snapshot()), 1).unwrap();
        self.shared.replace(snapshot);
    }

    pub(super) async fn client(&mut self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        self.tasks.spawn(async move { drop(connection.await) });
        sender
    }

    /// Sends one request on a connection of its own and reads the whole answer.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let mut client = self.client().await;
        finish(soon(client.send_request(request)).await.unwrap()).await
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask(request(Method::GET, path, "")).await
    }

    /// A chat request for the model `m`.
    pub(super) async fn chat(&mut self) -> Answer {
        self.ask(chat("m", Flow::Whole)).await
    }

    /// A streamed chat request for the model `m`, begun.
    pub(super) async fn stream(&mut self) -> Response<Incoming> {
        let mut client = self.client().await;
        let response = soon(client.send_request(chat("m", Flow::Stream))).await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }

    /// The trace of the last call that ended.
    pub(super) async fn trace(&self) -> Arc<Trace> {
        until("a trace", || !self.shared.traces().is_empty()).await;
        self.shared.traces().pop().unwrap()
    }
}

/// Whether an answer is asked for as a stream.
#[derive(Clone, Copy)]
pub(super) enum Flow {
    Whole,
    Stream,
}

pub(super) fn chat(model: &str, flow: Flow) -> Request<Full<Bytes>> {
    let stream = matches!(flow, Flow::Stream);
    request(Method::POST, CHAT, &format!(r#"{{"model":"{model}","stream":{stream},"messages":[]}}"#))
}

pub(super) fn request(method: Method, path: &str, body: &str) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path).header("host", "test");
    let builder = if body.is_empty() { builder } else { builder.header("content-type", "application/json") };
    builder.body(Full::from(body.to_owned())).unwrap()
}

pub(super) async fn finish(response: Response<Incoming>) -> Answer {
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut whole = true;
    while let Some(frame) = soon(body.frame()).await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    Answer { status: parts.status, headers: parts.headers, body: if whole { Ok(text) } else { Err(text) } }
}

/// The next bytes of a streamed answer.
pub(super) async fn next_chunk(response: &mut Response<Incoming>) -> String {
    let frame = soon(response.body_mut().frame()).await.expect("more").expect("no error");
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

/// Anything that takes longer than this has gone wrong.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), what).await.expect("in time")
}

/// Looks until it is so.
pub(super) async fn until(what: &str, so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(1)).await;
    }
}

/// What the shards of a router with such a configuration share.
pub(in crate::router) fn shared(change: impl FnOnce(&mut RouterConfig)) -> Arc<Shared> {
    let mut config = empty();
    change(&mut config);
    Arc::new(Shared::new(Snapshot::new(&config, None, 1).unwrap(), asker::asker().0, Spool::new(None)))
}

pub(in crate::router) fn provider(name: &str) -> Provider {
    Provider {
        name: name.into(),
        preset: "openai-compatible".into(),
        priority: 0,
        models: vec![ModelEntry::new("m", ModelFacts::default())],
        fallback: vec![],
        dialects: vec![],
        lane: None,
        state: WorkerState::Ready,
        reason: String::new(),
        max_concurrent: 64,
        max_queue: 64,
        max_wait_ms: 0,
        rates: Rates::default(),
    }
}

pub(in crate::router) fn empty() -> RouterConfig {
    RouterConfig {
        epoch: 1,
        listeners: vec![Listener {
            index: 0,
            address: "127.0.0.1:0".into(),
            open: true,
            app: None,
            admin: true,
        }],
        apps: vec![],
        providers: vec![],
        aliases: vec![],
        limits: RouterLimits {
            body_bytes: 1 << 20,
            hold_bytes: 64 * 1024,
            header_bytes: 16 * 1024,
            read_timeout_ms: 5_000,
            connections: 100,
            drain_ms: 1_000,
        },
        utc_offset_min: 0,
        runtime: RouterRuntime::Multi,
        threads: 1,
    }
}
