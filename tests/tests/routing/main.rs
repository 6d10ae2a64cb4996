//! What the router decides, seen from outside: rules, breakers, limits, budgets, hedges, windows, sunsets, dry runs.

mod aging;
mod counts;
mod decisions;
mod dry_run;
mod fairness;
mod hedge;
mod odd;
mod poison;

use anyhow::Result;
use protocol::ipc::notice::Memory;
use std::collections::BTreeMap;
use std::time::Duration;
use tests::crowd::{Call, one_call};
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::wait;
use tokio::task::JoinSet;

/// Providers `a` and `b`, and the app of callers without a key with these lines.
async fn two(lines: &str) -> Result<Scene> {
    let cast = Cast::new()?.provider("a").await?.provider_with("b", |p| p.priority(10)).await?;
    let scene = cast.configure(|config, _| config.default_app(lines))?.start().await?;
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::answer(&format!("from {name}")));
    }
    Ok(scene)
}

/// Which provider answered, so often.
async fn shares(scene: &Scene, calls: usize) -> Result<BTreeMap<String, usize>> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        let reply = scene.client().chat("m1").await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        *shares.entry(reply.header("x-llm-link-provider").unwrap_or("?").to_owned()).or_default() += 1;
    }
    Ok(shares)
}

/// As many calls side by side, each once.
async fn at_once(scene: &Scene, calls: usize) -> Vec<Call> {
    let mut callers = JoinSet::new();
    for _ in 0..calls {
        let client = scene.client();
        callers.spawn(async move { one_call(&client, "m1").await });
    }
    callers.join_all().await
}

/// Waits until what the supervisor keeps for the next router says so.
async fn remembered(scene: &Scene, what: &str, says: impl Fn(&Memory) -> bool) -> Result<()> {
    let file = scene.place().state().join("router-memory.json");
    wait::until(what, Duration::from_secs(10), async || {
        let memory: Memory = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
        says(&memory).then_some(())
    })
    .await
}

/// Waits until another router than that one serves, and alone.
async fn another_router(scene: &Scene, than: i32) -> Result<()> {
    wait::until("another router", Duration::from_secs(20), async || {
        let routers = scene.routers();
        (routers.len() == 1 && routers[0].pid != than).then_some(())
    })
    .await?;
    scene.ready().await
}
