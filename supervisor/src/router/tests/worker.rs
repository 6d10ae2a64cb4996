//! A worker that plays a script: the real server side of a data connection, without a provider.

use bytes::Bytes;
use protocol::ipc::call::{CallHead, ReplyHead, Reset, ResetCode, Trailer};
use protocol::ipc::configure::Lane;
use protocol::model::{Failure, Loss, LossReason, Usage, UsageSource};
use protocol::transport::link::{Call, Commit, Expect, Reply, RequestBody, welcome};
use protocol::transport::local::LocalListener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// One thing a worker does with a call.
#[derive(Clone)]
pub(super) enum Step {
    /// The head of a stream.
    Stream,
    /// The head of a document.
    Document,
    /// Bytes before the commit point.
    Held(&'static str),
    /// Bytes from the commit point on.
    Data(&'static str),
    /// Bytes that end with the terminator.
    Last(&'static str),
    /// So many bytes of a document.
    Bulk(usize),
    End,
    /// The attempt failed, with the upstream's own body (or none).
    Fail(Failure, &'static str),
    /// Not accepted.
    Refuse,
    /// The reply is dropped, as when the task panics.
    Vanish,
    /// Nothing, until the router gives up the call.
    Hang,
    /// Goes on when the test says so.
    Await(Arc<Semaphore>),
    /// The whole worker ends.
    Die,
}

/// What a worker does with every call: chosen by its number, from 1.
pub(super) type Script = Arc<dyn Fn(u32, &CallHead) -> Vec<Step> + Send + Sync>;

/// The same for every call.
pub(super) fn always(steps: &[Step]) -> Script {
    let steps = steps.to_vec();
    Arc::new(move |_, _| steps.clone())
}

/// One script after the other; the last one again and again.
pub(super) fn in_turn(scripts: &[&[Step]]) -> Script {
    let scripts: Vec<Vec<Step>> = scripts.iter().map(|s| s.to_vec()).collect();
    Arc::new(move |n, _| scripts[(n as usize - 1).min(scripts.len() - 1)].clone())
}

/// What a worker saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) calls: Mutex<Vec<(CallHead, Bytes)>>,
    pub(super) cancelled: AtomicU32,
    taken: AtomicU32,
}

/// A worker; dropped, it is gone as if killed.
pub(super) struct Worker {
    pub(super) lane: Lane,
    pub(super) seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

impl Worker {
    /// Listens in `dir` and plays `script`.
    pub(super) fn start(dir: &Path, name: &str, generation: u64, script: Script) -> Self {
        let path = dir.join(format!("{name}-{generation}.sock"));
        let listener = LocalListener::bind(&path).unwrap();
        let lane = Lane { generation, socket: path.display().to_string(), token: vec![generation as u8; 32] };
        let expect =
            Expect { generation, token: lane.token.clone(), max_streams: 64, traffic: Arc::default() };
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        let stop = Arc::new(Semaphore::new(0));
        let play = Arc::new(Play { script, seen: Arc::clone(&seen), stop: Arc::clone(&stop) });
        tasks.spawn(async move {
            tokio::select! {
                () = listen(listener, expect, play) => {}
                _ = stop.acquire() => {}
            }
        });
        Self { lane, seen, _tasks: tasks }
    }

    pub(super) fn calls(&self) -> usize {
        self.seen.calls.lock().unwrap().len()
    }
}

struct Play {
    script: Script,
    seen: Arc<Seen>,
    stop: Arc<Semaphore>,
}

async fn listen(listener: LocalListener, expect: Expect, play: Arc<Play>) {
    let acceptor = listener.acceptor().unwrap();
    let mut links = JoinSet::new();
    loop {
        let (stream, _) = acceptor.accept().await.unwrap();
        let (mut incoming, driver) = welcome(stream, &expect).await.unwrap();
        links.spawn(async move { drop(driver.await) });
        let play = Arc::clone(&play);
        links.spawn(async move {
            let mut calls = JoinSet::new();
            while let Some(call) = incoming.next().await {
                let n = play.seen.taken.fetch_add(1, Ordering::SeqCst) + 1;
                calls.spawn(perform(Arc::clone(&play), n, call));
            }
            // What runs is told by its own watch that the router is gone.
            while calls.join_next().await.is_some() {}
        });
    }
}

async fn perform(play: Arc<Play>, n: u32, call: Call) {
    let Call { head, body, reply } = call;
    let steps = (play.script)(n, &head);
    let refuses = matches!(steps.first(), Some(Step::Refuse));
    if !refuses {
        let Some(body) = collect(body).await else { return };
        play.seen.calls.lock().unwrap().push((head, body));
    }
    let cancellation = reply.cancellation();
    tokio::select! {
        biased;
        () = act(&play, steps, reply) => {}
        () = cancellation.cancelled() => { play.seen.cancelled.fetch_add(1, Ordering::SeqCst); }
    }
}

async fn collect(mut body: RequestBody) -> Option<Bytes> {
    let mut whole = Vec::new();
    while let Some(bytes) = body.next().await {
        whole.extend_from_slice(&bytes.ok()?);
    }
    Some(whole.into())
}

async fn act(play: &Play, steps: Vec<Step>, mut reply: Reply) {
    for step in steps {
        match step {
            Step::Stream => reply.head(&head(true)),
            Step::Document => reply.head(&head(false)),
            Step::Held(text) => sink(reply.data(Bytes::from_static(text.as_bytes()), Commit::Held).await),
            Step::Data(text) => {
                sink(reply.data(Bytes::from_static(text.as_bytes()), Commit::Committed).await)
            }
            Step::Last(text) => {
                sink(reply.data(Bytes::from_static(text.as_bytes()), Commit::Terminated).await)
            }
            Step::Bulk(len) => sink(reply.data(vec![b'x'; len].into(), Commit::Held).await),
            Step::End => return reply.end(&trailer()),
            Step::Fail(failure, body) => {
                let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                let reset =
                    Reset { code: ResetCode::Upstream, failure: Some(failure), headers, trailer: None };
                return reply.fail(&reset, Bytes::from_static(body.as_bytes()));
            }
            Step::Refuse => {
                let reset = Reset { code: ResetCode::Refused, failure: None, headers: vec![], trailer: None };
                return reply.fail(&reset, Bytes::new());
            }
            Step::Vanish => return,
            Step::Hang => std::future::pending().await,
            Step::Await(go) => go.acquire().await.unwrap().forget(),
            Step::Die => play.stop.add_permits(1),
        }
    }
}

/// A router that hangs up is no failure of the script.
fn sink<T>(_: T) {}

fn head(stream: bool) -> ReplyHead {
    let content_type = if stream { "text/event-stream" } else { "application/json" };
    ReplyHead {
        status: 200,
        headers: vec![("content-type".into(), content_type.into()), ("x-request-id".into(), "up-1".into())],
        stream,
        losses: vec![Loss { field: "seed".into(), reason: LossReason::Unsupported }],
    }
}

fn trailer() -> Trailer {
    let usage = Usage { output: Some(3), ..Usage::default() };
    Trailer { usage, usage_source: Some(UsageSource::Reported), ..Trailer::default() }
}
