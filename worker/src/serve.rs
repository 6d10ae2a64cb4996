//! The desk of a worker: data connections from routers, one task per call, and what drain means.
//! It counts and admits; what a call does is `call.rs`.

use crate::call;
use crate::plan::{Offer, Range};
use crate::probe;
use crate::upstream::{Client, Credential};
use protocol::dialect::{Dialect, Quirks, QuirksError};
use protocol::ipc::configure::{Endpoint, HttpUpstream, ModelFacts, Timeouts, WorkerConfig};
use protocol::ipc::control::{KeyNews, Moved};
use protocol::ipc::question::Reply;
use protocol::model::{Failure, FailureKind};
use protocol::transport::link::{Driver, Expect, Incoming, LinkEnd, Traffic, welcome};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Routers are few (two during an upgrade, times their runtimes); more connections than this wait.
const MAX_CONNECTIONS: u32 = 256;
/// Tests of the provider under way at once; more are refused.
const MAX_PROBES: usize = 4;

/// Who answers.
pub(crate) enum Provider {
    Demo(Box<Demo>),
    Http(Box<Account>),
}

/// The provider that answers by itself.
pub(crate) struct Demo {
    endpoint: Endpoint,
    quirks: Arc<Quirks>,
}

/// An account reached over HTTP, with all it takes to use it.
pub(crate) struct Account {
    pub(crate) client: Client,
    pub(crate) credential: Credential,
    pub(crate) upstream: HttpUpstream,
    quirks: Arc<Quirks>,
    /// What the provider thinks of the key; nothing was heard yet.
    key_news: watch::Sender<Option<KeyNews>>,
}

impl Account {
    /// # Errors
    /// When the configured quirks are none.
    pub(crate) fn new(
        client: Client,
        credential: Credential,
        upstream: HttpUpstream,
    ) -> Result<Self, QuirksError> {
        let quirks = Arc::new(Quirks::from_config(&upstream.quirks)?);
        let key_news = watch::Sender::new(None);
        Ok(Self { client, credential, upstream, quirks, key_news })
    }
}

impl Account {
    /// Takes note of what an answer says about the key. `failure`: what an error answer means.
    pub(crate) fn heard(&self, failure: Option<&Failure>) {
        let news = match failure.map(|failure| (failure.kind, failure.retry_after_ms)) {
            None => KeyNews::Worked,
            Some((FailureKind::UpstreamAuth, _)) => KeyNews::Refused,
            Some((FailureKind::RateLimited | FailureKind::QuotaExhausted, retry_after_ms)) => {
                KeyNews::Exhausted { retry_after_ms }
            }
            Some(_) => return,
        };
        if self.upstream.needs_key {
            self.key_news.send_if_modified(|last| last.replace(news) != Some(news));
        }
    }
}

impl Provider {
    /// Changes of what the provider thinks of the key.
    pub(crate) fn key_news(&self) -> watch::Receiver<Option<KeyNews>> {
        match self {
            Provider::Demo(_) => watch::Sender::new(None).subscribe(),
            Provider::Http(account) => account.key_news.subscribe(),
        }
    }

    /// The demo provider, which speaks OpenAI's dialect and nothing else.
    pub(crate) fn demo() -> Self {
        let endpoint = Endpoint { dialect: Dialect::OpenAiChat, base_url: String::new() };
        Provider::Demo(Box::new(Demo { endpoint, quirks: Arc::default() }))
    }

    pub(crate) fn offer(&self) -> Offer<'_> {
        match self {
            Provider::Demo(demo) => Offer {
                endpoints: std::slice::from_ref(&demo.endpoint),
                range: Range::Conversations,
                quirks: &demo.quirks,
            },
            Provider::Http(account) => Offer {
                endpoints: &account.upstream.endpoints,
                range: Range::Everything,
                quirks: &account.quirks,
            },
        }
    }

    pub(crate) fn quirks(&self) -> &Arc<Quirks> {
        match self {
            Provider::Demo(demo) => &demo.quirks,
            Provider::Http(account) => &account.quirks,
        }
    }

    /// What is known of a model: configured, else what any preset knows of a model of that name.
    pub(crate) fn facts(&self, model: &str) -> ModelFacts {
        let configured = match self {
            Provider::Demo(_) => None,
            Provider::Http(account) => account.upstream.models.get(model).cloned(),
        };
        let listed = || protocol::preset::all().iter().find_map(|preset| preset.model(model));
        configured.or_else(|| listed().map(|known| known.facts())).unwrap_or_default()
    }
}

/// Everything the calls of this process share.
pub(crate) struct Desk {
    pub(crate) provider: Provider,
    pub(crate) config: WorkerConfig,
    timeouts: Mutex<Timeouts>,
    draining: watch::Sender<bool>,
    in_flight: AtomicU32,
    calls: AtomicU64,
    connections: AtomicU32,
    traffic: Arc<Traffic>,
    idle: Notify,
    probes: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Desk {
    pub(crate) fn new(config: WorkerConfig, provider: Provider) -> Self {
        Self {
            provider,
            timeouts: Mutex::new(config.timeouts),
            config,
            draining: watch::Sender::new(false),
            in_flight: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            connections: AtomicU32::new(0),
            traffic: Arc::default(),
            idle: Notify::new(),
            probes: Arc::new(Semaphore::new(MAX_PROBES)),
            tasks: TaskTracker::new(),
        }
    }

    /// Calls running now, and calls taken since start.
    pub(crate) fn counts(&self) -> (u32, u64) {
        (self.in_flight.load(Relaxed), self.calls.load(Relaxed))
    }

    /// What the calls have moved since start.
    pub(crate) fn moved(&self) -> Moved {
        self.traffic.moved()
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        *self.timeouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can change without a new generation; everything else the supervisor changes by replacing us.
    pub(crate) fn reconfigure(&self, config: WorkerConfig) {
        *self.timeouts.lock().unwrap_or_else(PoisonError::into_inner) = config.timeouts;
    }

    /// Starts accepting data connections.
    pub(crate) fn open(self: &Arc<Self>, listener: UnixListener) -> JoinHandle<()> {
        self.tasks.spawn(Arc::clone(self).accept(listener))
    }

    async fn accept(self: Arc<Self>, listener: UnixListener) {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) if self.connections.load(Relaxed) < MAX_CONNECTIONS => stream,
                Ok(_) => {
                    tracing::warn!("a data connection over the limit of {MAX_CONNECTIONS} was closed");
                    continue;
                }
                Err(error) => {
                    // Out of descriptors, most likely: accepting again at once would spin.
                    tracing::warn!("cannot accept a data connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            self.connections.fetch_add(1, Relaxed);
            self.tasks.spawn(Arc::clone(&self).connection(stream));
        }
    }

    async fn connection(self: Arc<Self>, stream: UnixStream) {
        let expect = Expect {
            generation: self.config.generation,
            token: self.config.token.clone(),
            max_streams: self.config.limits.max_streams,
            traffic: Arc::clone(&self.traffic),
        };
        match welcome(stream, &expect).await {
            Ok((incoming, driver)) => self.run(incoming, driver).await,
            Err(error) => tracing::warn!("data connection refused: {error}"),
        }
        self.connections.fetch_sub(1, Relaxed);
    }

    async fn run(self: &Arc<Self>, mut incoming: Incoming, driver: Driver) {
        let driver = AbortOnDropHandle::new(self.tasks.spawn(driver));
        let mut draining = self.draining.subscribe();
        loop {
            if *draining.borrow_and_update() {
                incoming.refuse_new();
            } else {
                incoming.take_new();
            }
            tokio::select! {
                call = incoming.next() => match call {
                    Some(call) => self.begin(call),
                    None => break,
                },
                _ = draining.changed() => {}
            }
        }
        if let Ok(LinkEnd::Failed(error)) = driver.await {
            tracing::warn!("data connection ended: {error}");
        }
    }

    fn begin(self: &Arc<Self>, call: protocol::transport::link::Call) {
        self.in_flight.fetch_add(1, Relaxed);
        self.calls.fetch_add(1, Relaxed);
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            let place = Place(&desk);
            call::serve(call, &desk).await;
            drop(place);
        });
    }

    /// Answers the supervisor's question of that number, in its own time.
    pub(crate) fn question(self: &Arc<Self>, seq: u64, body: Vec<u8>, replies: &mpsc::Sender<(u64, Reply)>) {
        let (desk, replies) = (Arc::clone(self), replies.clone());
        let place = Arc::clone(&self.probes).try_acquire_owned();
        self.tasks.spawn(async move {
            let reply = match place {
                Ok(_place) => probe::answer(&body, &desk.provider).await,
                Err(_) => Reply::Unable("other tests of this provider are under way".to_owned()),
            };
            // Without a conversation there is nobody to tell.
            let _ = replies.send((seq, reply)).await;
        });
    }

    /// Refuses new calls; the task ends when those in flight are done, or after `within`.
    pub(crate) fn drain(self: &Arc<Self>, within: Duration) -> JoinHandle<()> {
        self.draining.send_replace(true);
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            let _ = tokio::time::timeout(within, desk.until_idle()).await;
        })
    }

    /// Takes calls again.
    pub(crate) fn resume(&self) {
        self.draining.send_replace(false);
    }

    async fn until_idle(&self) {
        loop {
            let woken = self.idle.notified();
            if self.in_flight.load(Relaxed) == 0 {
                return;
            }
            woken.await;
        }
    }

    /// What is still running is reset when the runtime goes; give the last frames a moment to leave.
    pub(crate) async fn cut(&self) {
        let _ = tokio::time::timeout(Duration::from_millis(50), self.until_idle()).await;
        tokio::task::yield_now().await;
    }
}

/// A call's place in the count; given back however its task ends.
struct Place<'a>(&'a Desk);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
