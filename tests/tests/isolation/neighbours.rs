//! What the users of providers B and C see: calls that begin at a fixed rate whatever becomes of those before, each on a
//! connection that stays open, and beside them calls that go to the upstream directly, so that what is added can be
//! told from what the machine does.
//!
//! They and their upstreams live on a thread of their own, for those who call A and look at it are no neighbours of
//! theirs: what they do to one another in this process is nothing that LLM Link could prevent.

use anyhow::{Context, Result};
use http::Method;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tests::client::{Client, Connection, ask};
use tests::crowd::quantile;
use tests::scene::Scene;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Between the beginnings of two calls of one client: little enough work for any machine.
const PACE: Duration = Duration::from_millis(8);

/// Where they and their upstreams live.
pub(crate) struct Neighbours(Option<Runtime>);

/// What they saw in one window, or in several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) errors: usize,
    through: Vec<Duration>,
    direct: Vec<Duration>,
}

impl Seen {
    pub(crate) fn calls(&self) -> usize {
        self.through.len()
    }

    /// What all of them saw.
    pub(crate) fn pooled<'a>(windows: impl Iterator<Item = &'a Seen>) -> Self {
        windows.fold(Self::default(), |mut all, one| {
            all.errors += one.errors;
            all.through.extend(&one.through);
            all.direct.extend(&one.direct);
            all
        })
    }

    /// The time of a call through LLM Link less that of one to its upstream.
    pub(crate) fn added(&self, share: f64) -> Duration {
        let (through, direct) = (quantile(self.through.clone(), share), quantile(self.direct.clone(), share));
        // Nothing is faster than a straight line; on a noisy machine it may seem so.
        through.saturating_sub(direct).max(Duration::from_micros(1))
    }
}

impl Neighbours {
    pub(crate) fn new() -> Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        Ok(Self(Some(runtime.worker_threads(1).thread_name("neighbours").enable_all().build()?)))
    }

    /// Whatever it starts lives there.
    pub(crate) async fn host<T: Send + 'static>(
        &self,
        what: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.as_ref().context("a thread")?.spawn(what).await?
    }

    /// Clients of B and C, and of the upstream of B itself, for so long.
    pub(crate) async fn watch(&self, scene: &Scene, during: Duration) -> Result<Seen> {
        let (gateway, upstream) = (scene.address(), scene.upstream("b")?.address());
        self.host(watch([(gateway, "b/m1", true), (upstream, "m1", false), (gateway, "c/m1", true)], during))
            .await
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Each place is called in its turn; true = that goes through LLM Link.
async fn watch(places: [(SocketAddr, &'static str, bool); 3], during: Duration) -> Result<Seen> {
    let mut clients = JoinSet::new();
    for (n, (address, model, through)) in places.into_iter().enumerate() {
        // One after the other, not all at the same moment.
        let offset = PACE / 3 * n as u32;
        clients.spawn(async move {
            tokio::time::sleep(offset).await;
            (through, calls(Client::new(address), model, during).await)
        });
    }
    let mut seen = Seen::default();
    while let Some(client) = clients.join_next().await {
        let (through, calls) = client?;
        let times = calls.iter().map(|(_, took)| *took);
        if through {
            seen.errors += calls.iter().filter(|(good, _)| !good).count();
            seen.through.extend(times);
        } else {
            seen.direct.extend(times);
        }
    }
    Ok(seen)
}

/// Connections that nobody uses now.
type Kept = Arc<Mutex<Vec<Connection>>>;

async fn calls(client: Client, model: &str, during: Duration) -> Vec<(bool, Duration)> {
    let body = ask(model).to_string();
    let (kept, mut open) = (Kept::default(), JoinSet::new());
    let end = Instant::now() + during;
    let mut tick = tokio::time::interval(PACE);
    while Instant::now() < end {
        tick.tick().await;
        let (client, body, kept) = (client.clone(), body.clone(), Arc::clone(&kept));
        open.spawn(async move {
            let begin = Instant::now();
            let good = call(&client, body, &kept).await.unwrap_or(false);
            (good, begin.elapsed())
        });
    }
    open.join_all().await
}

async fn call(client: &Client, body: String, kept: &Kept) -> Result<bool> {
    let free = kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut connection = match free {
        Some(connection) => connection,
        None => Connection::open(client.address()).await?,
    };
    let path = "/v1/chat/completions";
    let reply = connection.exchange(client.request(Method::POST, path, body)?).await?;
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    Ok(reply.status == 200)
}
