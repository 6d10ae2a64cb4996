//! One app with hundreds of calls that wait, and one with a call at a time: at the sockets.

use anyhow::Result;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::crowd::{Outcome, one_call, quantile};
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::stack::{count, limit, say};
use tests::wait;
use tokio::task::JoinSet;

/// At once at the provider.
const PLACES: usize = 4;
/// A call is there for so long.
const WORK: Duration = Duration::from_millis(40);

/// A provider with few places and a queue, and two apps.
async fn crowded(queue: i64) -> Result<(Scene, Client, Client)> {
    let place = |p: tests::config::Provider| p.set("max_concurrent", PLACES as i64).set("max_queue", queue);
    let cast = Cast::new()?.provider_with("a", place).await?;
    let cast = cast.configure(|config, place| {
        let (greedy, modest) = (place.key("greedy", "sk-greedy")?, place.key("modest", "sk-modest")?);
        Ok(config.app("greedy", &greedy).app("modest", &modest))
    })?;
    let scene = cast.start().await?;
    scene.upstream("a")?.on("m1", Script::paced(1, WORK / 3));
    let (greedy, modest) = (scene.client().with_key("sk-greedy"), scene.client().with_key("sk-modest"));
    Ok((scene, greedy, modest))
}

/// Callers of one app that call again and again.
fn flood(client: &Client, callers: usize) -> JoinSet<()> {
    let mut flood = JoinSet::new();
    for _ in 0..callers {
        let client = client.clone();
        flood.spawn(async move {
            loop {
                if !one_call(&client, "m1").await.is_answered() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    flood
}

/// How long calls of the modest app take, one at a time, meanwhile.
async fn modest_calls(scene: &Scene, modest: &Client, what: &str) -> Result<()> {
    let upstream = scene.upstream("a")?;
    wait::holds("every place to be taken", Duration::from_secs(20), || upstream.busy() >= PLACES as i64)
        .await?;
    let (mut took, served) = (Vec::new(), upstream.request_count());
    let began = Instant::now();
    for _ in 0..count(20, 100) {
        let call = one_call(modest, "m1").await;
        assert!(matches!(call.outcome, Outcome::Answered { .. }), "{what}: {:?}", call.outcome);
        took.push(call.took);
    }
    let all = upstream.request_count() - served;
    let (p50, worst) = (quantile(took.clone(), 0.5), took.iter().max().copied().unwrap_or_default());
    say(&format!(
        "fairness, {what}: a call beside them takes p50 {p50:.1?}, slowest {worst:.1?}; {all} calls at the provider in {:.1?}",
        began.elapsed()
    ));
    // Its turn comes when the next place is free: a call's time for that, and its own.
    assert!(worst < limit(WORK * 4), "{what}: {worst:?}");
    assert!(all > 2 * took.len(), "{what}: the others are served meanwhile: {all}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_with_five_hundred_waiting_calls_holds_up_no_other() -> Result<()> {
    let (mut scene, greedy, modest) = crowded(1000).await?;
    scene.stack().hush();
    let _flood = flood(&greedy, 500);
    modest_calls(&scene, &modest, "500 wait").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_fills_the_queue_keeps_no_other_out() -> Result<()> {
    let (mut scene, greedy, modest) = crowded(10).await?;
    scene.stack().hush();
    let _flood = flood(&greedy, 100);
    modest_calls(&scene, &modest, "the queue is full").await
}
