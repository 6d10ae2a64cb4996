//! A provider in this process: real sockets, answers by [`Script`], keeps what it saw.

use crate::player;
use crate::request::{self, Request, digest};
use crate::script::{self, Script, Step};
use anyhow::Result;
use bytes::{Bytes, BytesMut};
use protocol::dialect::Dialect;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// An answer that its reader did not wait for.
#[derive(Clone, Debug)]
pub struct Abort {
    /// When the upstream saw the connection end.
    pub at: Instant,
    /// The model that was asked for.
    pub model: String,
}

/// What a new connection meets.
#[derive(Clone, Debug, Default)]
pub enum Welcome {
    /// HTTP.
    #[default]
    Http,
    /// These bytes, then nothing: garbage to a TLS or HTTP client.
    Say(Bytes),
    /// Silence.
    Silence,
    /// A reset.
    Reset,
}

#[derive(Default)]
struct Shared {
    plays: Option<Dialect>,
    always: Mutex<HashMap<String, Script>>,
    next: Mutex<HashMap<String, VecDeque<Script>>>,
    welcome: Mutex<Welcome>,
    requests: Mutex<Vec<Request>>,
    aborts: Mutex<Vec<Abort>>,
    connections: AtomicU64,
    open: AtomicI64,
    busy: AtomicI64,
}

/// A running upstream; dropping it closes every connection.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// No thread of a test leaves anything half done behind a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream {
    /// Listens on a free port of 127.0.0.1. A model without a script gets a friendly answer.
    pub async fn start() -> Result<Self> {
        Self::start_as(None).await
    }

    /// The same, but a model without a script is answered in that dialect, from the fixtures; see [`player`].
    pub async fn playing(dialect: Dialect) -> Result<Self> {
        Self::start_as(Some(dialect)).await
    }

    async fn start_as(plays: Option<Dialect>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { plays, ..Shared::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, _tasks: tasks })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a configuration, `/v1` included.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// From now on that model's requests get this.
    pub fn on(&self, model: &str, script: Script) {
        lock(&self.shared.always).insert(model.to_owned(), script);
    }

    /// The next request for that model gets this, once, before what [`Self::on`] says.
    pub fn once(&self, model: &str, script: Script) {
        lock(&self.shared.next).entry(model.to_owned()).or_default().push_back(script);
    }

    /// What connections meet from now on.
    pub fn welcome(&self, welcome: Welcome) {
        *lock(&self.shared.welcome) = welcome;
    }

    /// Every request so far, verbatim.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    pub fn request_count(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// Forgets the requests and aborts so far.
    pub fn forget(&self) {
        lock(&self.shared.requests).clear();
        lock(&self.shared.aborts).clear();
    }

    /// Answers that were not waited for.
    pub fn aborts(&self) -> Vec<Abort> {
        lock(&self.shared.aborts).clone()
    }

    /// Connections ever accepted.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub fn open(&self) -> i64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Requests being answered now.
    pub fn busy(&self) -> i64 {
        self.shared.busy.load(Ordering::Relaxed)
    }
}

/// An address that refuses every connection, for as long as this value lives.
pub struct Refusal {
    socket: TcpSocket,
}

impl Refusal {
    pub fn new() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // Bound and not listening: the port stays ours and answers with a reset.
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { socket })
    }

    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}/v1", self.socket.local_addr()?))
    }
}

/// An address that never answers: its queue of connections is full, so that the kernel drops every other attempt,
/// as a firewall would.
pub struct BlackHole {
    address: SocketAddr,
    _queue: (TcpListener, Vec<TcpStream>),
}

impl BlackHole {
    pub async fn new() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let mut waiting = Vec::new();
        // Nobody accepts: after a few the next one is not even refused.
        while waiting.len() < 16 {
            let attempt = TcpStream::connect(address);
            match tokio::time::timeout(Duration::from_millis(300), attempt).await {
                Ok(connected) => waiting.push(connected?),
                Err(_) => return Ok(Self { address, _queue: (listener, waiting) }),
            }
        }
        anyhow::bail!("the queue of {address} is never full")
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
                    connections.spawn(serve(socket, number, shared.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Counts one up while it lives.
struct Counted(Arc<Shared>, fn(&Shared) -> &AtomicI64);

impl Counted {
    fn new(shared: &Arc<Shared>, which: fn(&Shared) -> &AtomicI64) -> Self {
        which(shared).fetch_add(1, Ordering::Relaxed);
        Self(shared.clone(), which)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(mut socket: TcpStream, number: u64, shared: Arc<Shared>) {
    let _open = Counted::new(&shared, |s| &s.open);
    let _nodelay = socket.set_nodelay(true);
    let welcome = lock(&shared.welcome).clone();
    let steps = match welcome {
        Welcome::Http => {
            // An error here is a peer that went away: it is recorded where it matters.
            let _ended = converse(&mut socket, number, &shared).await;
            return;
        }
        Welcome::Say(bytes) => vec![Step::Raw(bytes), Step::Hang],
        Welcome::Silence => vec![Step::Hang],
        Welcome::Reset => vec![Step::Reset],
    };
    let _ended = perform(&mut socket, steps).await;
}

async fn converse(socket: &mut TcpStream, number: u64, shared: &Arc<Shared>) -> Result<()> {
    let mut buf = BytesMut::new();
    while let Some(request) = request::read(socket, &mut buf, number).await? {
        let _busy = Counted::new(shared, |s| &s.busy);
        let model = shared.plays.map_or_else(|| request.model(), |d| player::model_of(d, &request));
        let steps = plan(&request, &model, shared);
        lock(&shared.requests).push(request);
        match perform(socket, steps).await {
            Ended::Kept => {}
            Ended::Closed => return Ok(()),
            Ended::Aborted => {
                lock(&shared.aborts).push(Abort { at: Instant::now(), model });
                return Ok(());
            }
        }
    }
    Ok(())
}

fn plan(request: &Request, model: &str, shared: &Shared) -> Vec<Step> {
    if request.method == "GET" {
        let body = json!({"object": "list", "data": [{"id": "m1", "object": "model", "created": 1, "owned_by": "test"}]});
        let Script::Steps(steps) = Script::status(200, "application/json", body.to_string()) else {
            return Vec::new();
        };
        return steps;
    }
    let once = lock(&shared.next).get_mut(model).and_then(VecDeque::pop_front);
    let script = once.or_else(|| lock(&shared.always).get(model).cloned());
    let script = script.unwrap_or_else(|| match shared.plays {
        Some(dialect) => player::answer(dialect, request),
        None => Script::answer("hello from the upstream"),
    });
    match script {
        Script::Steps(steps) => steps,
        Script::Answer { chunks, pace, headers } => {
            let usage = request.json()["stream_options"]["include_usage"] == true;
            script::answer_steps(&chunks, pace, &headers, request.wants_stream(), usage)
        }
        Script::Echo => {
            let pair = |n: &str, v: String| (n.to_owned(), v);
            let headers = vec![
                pair("content-type", "application/json".to_owned()),
                pair("content-length", request.body.len().to_string()),
                pair("x-request-id", digest(&request.body)),
            ];
            vec![Step::Head { status: 200, headers }, Step::Raw(request.body.clone())]
        }
    }
}

enum Ended {
    /// Complete; the connection may serve another request.
    Kept,
    Closed,
    /// The peer went away first.
    Aborted,
}

async fn perform(socket: &mut TcpStream, steps: Vec<Step>) -> Ended {
    for step in steps {
        match step {
            Step::Close => return Ended::Closed,
            Step::Reset => {
                let _set = socket.set_zero_linger();
                return Ended::Closed;
            }
            step => {
                let (mut reader, mut writer) = socket.split();
                let mut byte = [0u8; 1];
                let finished = tokio::select! {
                    done = write_step(&mut writer, step) => done.is_ok(),
                    // Nobody pipelines here: whatever can be read now is the end.
                    _ = reader.read(&mut byte) => false,
                };
                if !finished {
                    return Ended::Aborted;
                }
            }
        }
    }
    Ended::Kept
}

async fn write_step(to: &mut (impl AsyncWriteExt + Unpin), step: Step) -> std::io::Result<()> {
    match step {
        Step::Head { status, headers } => {
            let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            to.write_all(head.as_bytes()).await
        }
        Step::Chunk(bytes) => {
            let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
            chunk.extend_from_slice(&bytes);
            chunk.extend_from_slice(b"\r\n");
            to.write_all(&chunk).await
        }
        Step::End => to.write_all(b"0\r\n\r\n").await,
        Step::Raw(bytes) => to.write_all(&bytes).await,
        Step::Slice { bytes, size, pause } => {
            for piece in bytes.chunks(size.max(1)) {
                to.write_all(piece).await?;
                to.flush().await?;
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
        Step::Wait(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Step::Hang => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
        // Handled by the caller, which owns the whole socket.
        Step::Close | Step::Reset => Ok(()),
    }
}

#[cfg(test)]
mod tests;
