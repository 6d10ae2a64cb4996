//! What the users of providers B and C see: calls at a modest steady pace, each on a connection that stays open, and
//! beside them calls that go to the upstream directly, so that what is added can be told from what the machine does.

use anyhow::Result;
use http::Method;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tests::client::{Client, Connection, ask};
use tests::crowd::quantile;
use tests::scene::Scene;
use tokio::task::JoinSet;

/// Between the beginnings of two calls of one client.
const PACE: Duration = Duration::from_millis(10);

/// What they saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) calls: usize,
    pub(crate) errors: usize,
    through: Vec<Duration>,
    direct: Vec<Duration>,
}

impl Seen {
    fn added(&self, share: f64) -> Duration {
        let (through, direct) = (quantile(self.through.clone(), share), quantile(self.direct.clone(), share));
        // Nothing is faster than a straight line; on a noisy machine it may seem so.
        through.saturating_sub(direct).max(Duration::from_micros(1))
    }

    pub(crate) fn added_p50(&self) -> Duration {
        self.added(0.5)
    }

    pub(crate) fn added_p99(&self) -> Duration {
        self.added(0.99)
    }
}

/// Clients of B and C, and of the upstream of B itself, for so long.
pub(crate) async fn watch(scene: &Scene, during: Duration) -> Result<Seen> {
    let mut clients = JoinSet::new();
    for (address, model, through) in [
        (scene.address(), "b/m1", true),
        (scene.address(), "c/m1", true),
        (scene.upstream("b")?.address(), "m1", false),
    ] {
        clients.spawn(async move { (through, call_for(address, model, during).await) });
    }
    let mut seen = Seen { calls: 0, errors: 0, through: Vec::new(), direct: Vec::new() };
    while let Some(client) = clients.join_next().await {
        let (through, calls) = client?;
        let times = calls.iter().map(|(_, took)| *took);
        if through {
            seen.calls += calls.len();
            seen.errors += calls.iter().filter(|(good, _)| !good).count();
            seen.through.extend(times);
        } else {
            seen.direct.extend(times);
        }
    }
    Ok(seen)
}

async fn call_for(address: SocketAddr, model: &str, during: Duration) -> Vec<(bool, Duration)> {
    let client = Client::new(address);
    let body = ask(model).to_string();
    let (mut seen, mut kept) = (Vec::new(), None);
    let end = Instant::now() + during;
    let mut tick = tokio::time::interval(PACE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Instant::now() < end {
        tick.tick().await;
        let begin = Instant::now();
        let good = call(&client, &body, &mut kept).await.unwrap_or(false);
        seen.push((good, begin.elapsed()));
    }
    seen
}

async fn call(client: &Client, body: &str, kept: &mut Option<Connection>) -> Result<bool> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(client.address()).await?,
    };
    let path = "/v1/chat/completions";
    let reply = connection.exchange(client.request(Method::POST, path, body.to_owned())?).await?;
    *kept = Some(connection);
    Ok(reply.status == 200)
}
