//! What happens to a worker: killed, stopped, drained, while calls of every dialect are at it, half of them before
//! their first content and half of them after it.

use super::inbound::Inbound;
use super::record::{Fate, Ledger};
use super::table::{self, Row};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use protocol::control::{ControlReply, ControlRequest};
use std::time::{Duration, Instant};
use tests::control;
use tests::heard::Heard;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::stack::{limit, say, send};
use tests::wait;
use tokio::task::JoinSet;

/// Rounds, so that one lucky kill proves nothing; more than four kills in half a minute would end the provider.
const ROUNDS: usize = 3;

/// The model of a client, before or after its first content.
fn model(phase: &str, inbound: Inbound) -> String {
    format!("{phase}-{}", inbound.name())
}

async fn scene() -> Result<Scene> {
    let all = ["before", "after"].iter().flat_map(|phase| Inbound::ALL.map(|i| model(phase, i)));
    let all: Vec<String> = all.collect();
    let models: Vec<&str> = all.iter().map(String::as_str).collect();
    let cast = Cast::new()?.provider_with("a", |p| p.models(&models).fallback(&["b"])).await?;
    let mut scene = cast.provider_with("b", |p| p.models(&models).priority(10)).await?.start().await?;
    scene.stack().hush();
    for inbound in Inbound::ALL {
        let upstream = scene.upstream("a")?;
        upstream.on(&model("before", inbound), Script::just([Step::Hang]));
        upstream.on(&model("after", inbound), Script::broken_stream(2, [Step::Hang]));
        scene.upstream("b")?.on(&model("before", inbound), Script::answer("saved by b"));
    }
    Ok(scene)
}

/// Calls of every dialect in both phases are at the worker when this is done to it; all of their answers, in order.
async fn with_calls(scene: &Scene, harm: impl AsyncFnOnce() -> Result<()>) -> Result<(Instant, Vec<Heard>)> {
    let mut asking = JoinSet::new();
    for (n, (phase, inbound)) in phases().into_iter().enumerate() {
        let client = scene.client();
        asking.spawn(async move { (n, inbound.ask(&client, &model(phase, inbound)).await) });
    }
    let upstream = scene.upstream("a")?;
    let all_there = || upstream.busy() == phases().len() as i64;
    wait::holds("all calls to be upstream", Duration::from_secs(20), all_there).await?;
    // A moment for what was sent to come through.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let at = Instant::now();
    harm().await?;
    let mut heard = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (n, answer) = asked?;
        heard.push((n, answer?));
    }
    heard.sort_by_key(|(n, _)| *n);
    Ok((at, heard.into_iter().map(|(_, heard)| heard).collect()))
}

fn phases() -> Vec<(&'static str, Inbound)> {
    ["before", "after"].iter().flat_map(|phase| Inbound::ALL.map(|i| (*phase, i))).collect()
}

/// Those before their content were saved, those after it are honest; gives the longest time of both.
fn judge(case: &str, at: Instant, heard: &[Heard], ledger: &mut Ledger) -> Result<(Duration, Duration)> {
    let mut longest = (Duration::ZERO, Duration::ZERO);
    for ((phase, inbound), heard) in phases().into_iter().zip(heard) {
        let took = heard.ended.saturating_duration_since(at);
        if phase == "before" {
            inbound.check_saved(heard, case)?;
            longest.0 = longest.0.max(took);
            ledger.note(heard, Fate::Saved)?;
        } else {
            inbound.check_honest(heard, case)?;
            longest.1 = longest.1.max(took);
            ledger.note(heard, Fate::Broken { told: Some(false) })?;
        }
    }
    Ok(longest)
}

fn show(case: &str, clients: usize, longest: (Duration, Duration)) {
    table::head();
    let row = Row { before: Some((clients, longest.0)), after: Some((clients, longest.1)) };
    table::row(case, &row);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker() -> Result<()> {
    let scene = scene().await?;
    let (mut ledger, mut longest) = (Ledger::default(), (Duration::ZERO, Duration::ZERO));
    for round in 0..ROUNDS {
        let worker = scene.worker("a").await?;
        scene.provider_is("a", "ready", Duration::from_secs(20)).await?;
        // A worker that was ready for a second is replaced at once.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let (at, heard) = with_calls(&scene, async || send(worker, Signal::SIGKILL)).await?;
        let took = judge("kill -9", at, &heard, &mut ledger).with_context(|| format!("round {round}"))?;
        longest = (longest.0.max(took.0), longest.1.max(took.1));
        let replaced = || scene.workers("a").last().is_some_and(|w| w.pid != worker);
        wait::holds("another worker", Duration::from_secs(20), replaced).await?;
    }
    ledger.check(&scene).await?;
    show("worker kill -9", ROUNDS * Inbound::ALL.len(), longest);
    ensure!(longest.1 < limit(Duration::from_millis(100)), "{longest:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker() -> Result<()> {
    let scene = scene().await?;
    let worker = scene.worker("a").await?;
    let mut ledger = Ledger::default();
    let (at, heard) = with_calls(&scene, async || send(worker, Signal::SIGSTOP)).await?;
    let longest = judge("SIGSTOP", at, &heard, &mut ledger)?;
    ledger.check(&scene).await?;
    show("worker SIGSTOP", Inbound::ALL.len(), longest);
    // Uncommitted calls go on after two missed pings; what is committed ends with the worker, after five.
    // A ping a second: between two and three seconds, and what the next provider takes.
    ensure!(longest.0 < limit(Duration::from_secs(4)), "{longest:?}");
    ensure!(longest.1 < limit(Duration::from_secs(8)), "{longest:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_provider_at_the_end_of_its_time() -> Result<()> {
    let within = Duration::from_millis(500);
    let scene = scene().await?;
    let mut ledger = Ledger::default();
    let drain = async || {
        let within_ms = u64::try_from(within.as_millis()).ok();
        let request = ControlRequest::Drain { provider: "a".to_owned(), within_ms };
        match control::ask(&scene, request).await? {
            ControlReply::Done(_) => Ok(()),
            other => bail!("{other:?}"),
        }
    };
    let (at, heard) = with_calls(&scene, drain).await?;
    let (before, after) = judge("drain", at, &heard, &mut ledger)?;
    ensure!(after >= within, "those who had begun had their time: {after:?}");
    let longest = (before, after.saturating_sub(within));
    // Nothing new goes there.
    for inbound in Inbound::ALL {
        let heard = inbound.ask(&scene.client(), &model("before", inbound)).await?;
        inbound.check_saved(&heard, "drained")?;
        ledger.note(&heard, Fate::Saved)?;
    }
    ledger.check(&scene).await?;
    show("drain", Inbound::ALL.len(), longest);
    say(&format!("(counted from the end of the {within:?} that the drain had)"));
    ensure!(longest.1 < limit(Duration::from_millis(100)) + Duration::from_millis(100), "{longest:?}");
    Ok(())
}
