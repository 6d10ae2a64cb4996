//! A provider that dies under 200 calls a second: its worker, or what it stands for. The calls come at their pace,
//! whatever becomes of the ones before; none of them fails.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use tests::chaos::Chaos;
use tests::crowd::{Call, Outcome, one_call, quantile};
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::stack::{count, limit, say, send};
use tests::upstream::Upstream;
use tokio::task::JoinSet;

/// Between the beginnings of two calls.
const PACE: Duration = Duration::from_millis(5);
/// A call is at its provider for so long, so that some are there when it dies.
const WORK: Duration = Duration::from_millis(10);

/// Calls for so long; after a third of it this is done. Gives when, and the calls.
async fn under_load(
    scene: &Scene,
    during: Duration,
    harm: impl AsyncFnOnce() -> Result<()>,
) -> Result<(Instant, Vec<Call>)> {
    let begin = Instant::now();
    let client = scene.client();
    let calling = async {
        let mut open = JoinSet::new();
        let mut tick = tokio::time::interval(PACE);
        while begin.elapsed() < during {
            tick.tick().await;
            let client = client.clone();
            open.spawn(async move { one_call(&client, "a/m1").await });
        }
        open.join_all().await
    };
    let harming = async {
        tokio::time::sleep(during / 3).await;
        let at = Instant::now();
        harm().await?;
        anyhow::Ok(at)
    };
    let (calls, at) = tokio::join!(calling, harming);
    Ok((at?, calls))
}

/// Nobody failed; from the death to the first answer of the other provider.
fn judge(what: &str, at: Instant, calls: &[Call]) -> Result<()> {
    let failed: Vec<&Call> = calls.iter().filter(|c| !c.is_answered()).collect();
    let by_b = |c: &&Call| matches!(&c.outcome, Outcome::Answered { provider } if provider == "b");
    let moved = calls.iter().filter(by_b).count();
    let first = calls.iter().filter(by_b).map(|c| c.began + c.took).min().context("nobody was saved")?;
    let detected = first.saturating_duration_since(at);
    let after: Vec<Duration> = calls.iter().filter(|c| c.began + c.took >= at).map(|c| c.took).collect();
    let rate = calls.len() as f64
        / (calls.iter().map(|c| c.began).max().context("calls")? - calls[0].began).as_secs_f64();
    say(&format!(
        "failover, {what}: {} calls at {rate:.0}/s, {} failed, {moved} by the other provider, the first of them {detected:.1?} \
         after the death; from then on p50 {:.1?} p99 {:.1?} slowest {:.1?}",
        calls.len(),
        failed.len(),
        quantile(after.clone(), 0.5),
        quantile(after.clone(), 0.99),
        quantile(after, 1.0),
    ));
    assert!(failed.is_empty(), "{what}: {:?}", failed.first());
    assert!(detected < limit(Duration::from_millis(50)), "{what}: {detected:?}");
    Ok(())
}

fn during() -> Duration {
    Duration::from_secs(count(3, 15) as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_under_load_costs_nobody_a_call() -> Result<()> {
    let mut scene = Scene::two().await?;
    scene.stack().hush();
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::paced(1, WORK));
    }
    let worker = scene.worker("a").await?;
    let (at, mut calls) = under_load(&scene, during(), async || send(worker, Signal::SIGKILL)).await?;
    calls.sort_by_key(|c| c.began);
    judge("its worker is killed", at, &calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_dies_under_load_costs_nobody_a_call() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.on("m1", Script::paced(1, WORK));
    let mut way = Some(Chaos::tcp(upstream.address()).await?);
    let url = way.as_ref().map(Chaos::url).unwrap_or_default();
    let cast = Cast::new()?.provider_at("a", &url, |p| p.fallback(&["b"]))?;
    let mut scene = cast.provider_with("b", |p| p.priority(10)).await?.start().await?;
    scene.stack().hush();
    scene.upstream("b")?.on("m1", Script::paced(1, WORK));
    // Its connections break, and new ones are refused.
    let (at, mut calls) = under_load(&scene, during(), async || {
        drop(way.take());
        Ok(())
    })
    .await?;
    calls.sort_by_key(|c| c.began);
    judge("its upstream is gone", at, &calls)
}
