//! Many changes while calls go on, and many things at a start.

use super::callers::Callers;
use super::{bare, create};
use anyhow::{Result, bail, ensure};
use protocol::control::document::Document;
use protocol::control::model::AliasSpec;
use protocol::control::{ControlReply, ControlRequest as R};
use serde_json::{from_value, json};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use tests::stack::{Stack, count, full_counts, limit, say};
use tests::upstream::Upstream;

/// F24.
#[tokio::test]
async fn a_hundred_changes_under_load_end_in_one_configuration_and_cost_no_call() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (stack, control) = bare().await?;
    control.change(create("a", &upstream.url(), "sk-1")).await?;
    let callers = Callers::start(&stack.client(), 4, Duration::ZERO);
    let (first, worker) = (control.epoch().await?, stack.worker("a").await?);
    let began = Instant::now();
    for n in 0..100_u32 {
        let alias: AliasSpec = from_value(
            json!({ "name": format!("n{}", n % 7), "note": n.to_string(), "candidates": [{ "provider": "a", "model": "m1" }] }),
        )?;
        let changed = control.change(R::SaveAlias { spec: alias, version: None }).await?;
        ensure!(changed.pending.is_empty(), "{:?}", changed.pending);
    }
    let took = began.elapsed();
    ensure!(took < limit(Duration::from_secs(10)), "100 changes took {took:?}");
    ensure!(stack.worker("a").await? == worker, "a worker was replaced for what is none of its business");
    let calls = callers.end().await?;
    ensure!(control.epoch().await? == first + 100, "an epoch is missing");
    ensure!(stack.client().chat("n6").await?.status == 200, "the last change is not in force");
    say(&format!("100 changes in {took:?} beside {calls} calls"));
    Ok(())
}

/// What 10,000 keys may add to a start.
const LOADED: Duration = Duration::from_millis(200);

/// From the start of the process to the line that says where it listens; the best of some.
async fn quickest_start(stack: &mut Stack) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..count(2, 7) {
        best = best.min(stack.revive().await?);
    }
    Ok(best)
}

/// 20 providers, 1,000 apps, 10,000 keys.
#[tokio::test]
async fn a_large_configuration_is_there_at_once() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (mut stack, control) = bare().await?;
    let without = quickest_start(&mut stack).await?;
    let provider = |n: u32| {
        let mut spec = super::spec(&format!("p{n}"), &upstream.url());
        // Twenty processes would measure the machine.
        spec.enabled = n == 0;
        json!({ "spec": spec })
    };
    let app = |n: u32| {
        let key = |k: u32| {
            let digest = Sha256::digest(format!("key-{n}-{k}").as_bytes());
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "label": format!("k{k}"), "sha256": hex })
        };
        json!({ "spec": { "name": format!("app{n}") }, "keys": (0..10).map(key).collect::<Vec<_>>() })
    };
    let document: Document = from_value(json!({
        "providers": (0..20).map(provider).collect::<Vec<_>>(), "apps": (0..1000).map(app).collect::<Vec<_>>(),
    }))?;
    let began = Instant::now();
    let apply = R::Apply { document: Box::new(document), prune: false, dry_run: false, epoch: None };
    control.change(apply).await?;
    say(&format!("applied in {:?}", began.elapsed()));
    let with = quickest_start(&mut stack).await?;
    let took = with.saturating_sub(without);
    say(&format!("started in {without:?} without anything, in {with:?} with 10,000 keys: {took:?} more"));
    let client = stack.client().with_key("key-999-9");
    ensure!(client.chat("p0/m1").await?.status == 200, "the last key opens nothing");
    let most = if full_counts() { LOADED } else { LOADED * 100 };
    ensure!(took < most, "it took {took:?}");
    let ControlReply::Apps(apps) = control.ask(R::Apps).await? else { bail!("no apps") };
    ensure!(apps.len() >= 1000, "{} apps", apps.len());
    Ok(())
}
