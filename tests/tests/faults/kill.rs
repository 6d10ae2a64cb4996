//! F1, F2, F3, F7, F8: workers and routers that are killed or stopped under load.

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::crowd::{Call, Crowd, Outcome, count_ends, one_call, quantile};
use tests::proc;
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::stack::{count, limit, say, send};
use tests::stream::{End, Story};
use tests::wait;

const CHUNKS: usize = 40;
const PACE: Duration = Duration::from_millis(20);

/// A scene where streams and calls take long enough to be hit.
async fn paced(cast: Cast) -> Result<Scene> {
    let scene = cast.start().await?;
    for name in ["a", "b", "c"] {
        if let Ok(upstream) = scene.upstream(name) {
            upstream.on("m1", Script::paced(CHUNKS, PACE));
        }
    }
    Ok(scene)
}

/// The worker answers for itself again; says how long that took from the kill.
async fn back(scene: &Scene, killed: i32, at: Instant) -> Result<Duration> {
    let probe = async || {
        let status = scene.provider_status("a").ok()?;
        let pid = status["pid"].as_i64()?;
        (status["state"] == "ready" && pid != i64::from(killed)).then_some(())
    };
    wait::until("the next worker", Duration::from_secs(20), probe).await?;
    Ok(at.elapsed())
}

/// Kills the worker of `a` so many times; gives the times to the next Ready one. A worker that was Ready for
/// a second is replaced at once, and more than five crashes in 30 s mean Failed: so the kills are a little
/// more than a second apart, and six when there are many.
async fn kill_workers(scene: &Scene, times: usize) -> Result<Vec<Duration>> {
    let apart = if times > 5 { Duration::from_millis(6200) } else { Duration::from_millis(1200) };
    let mut respawns = Vec::new();
    for _ in 0..times {
        tokio::time::sleep(apart).await;
        let worker = scene.worker("a").await?;
        let at = Instant::now();
        send(worker, Signal::SIGKILL)?;
        respawns.push(back(scene, worker, at).await?);
    }
    Ok(respawns)
}

fn assert_honest(stories: &[Result<Story, String>]) -> Result<()> {
    let whole: String = (0..CHUNKS).map(|i| format!("c{i} ")).collect();
    for story in stories {
        let story = match story {
            Ok(story) => story,
            Err(text) => bail!("a stream was refused: {text}"),
        };
        assert!(whole.starts_with(&story.text()), "{:?}", story.text());
        match &story.end {
            End::Done => assert_eq!(story.text(), whole),
            End::Error(_) => assert!(!story.text().is_empty(), "an error before any content was not retried"),
            other => bail!("{other:?} after {:?}", story.text()),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_killed_workers_cost_only_what_they_had_begun() -> Result<()> {
    let cast = Cast::new()?.provider_with("a", |p| p.fallback(&["b"])).await?;
    let scene = paced(cast.provider_with("b", |p| p.priority(10)).await?.provider("c").await?).await?;
    let (router, supervisor) = (scene.router().await?, scene.pid());
    let files = (proc::open_files(router)?, proc::open_files(supervisor)?);
    let clients = count(16, 64);
    let (mut crowd, mut others) = (Crowd::new(), Crowd::new());
    crowd.call(&scene.client(), "a/m1", clients);
    crowd.read(&scene.client(), "a/m1", clients);
    others.call(&scene.client(), "c/m1", 4);
    others.read(&scene.client(), "c/m1", 4);
    let respawns = kill_workers(&scene, count(4, 30)).await?;
    let (calls, stories) = crowd.finish().await;
    let (other_calls, other_stories) = others.finish().await;

    let failed: Vec<&Call> = calls.iter().filter(|c| !c.is_answered()).collect();
    assert!(failed.is_empty(), "{} of {} calls failed: {:?}", failed.len(), calls.len(), failed.first());
    assert_honest(&stories)?;
    assert!(other_calls.iter().all(Call::is_answered), "another provider's calls were hit");
    assert_eq!(count_ends(&other_stories, |e| *e == End::Done), other_stories.len());
    let cut = count_ends(&stories, |e| matches!(e, End::Error(_)));
    say(&format!(
        "F1: {} calls, 0 failed; {} streams, {cut} ended with an error event; respawn p50 {:?} p99 {:?} of {}",
        calls.len(),
        stories.len(),
        quantile(respawns.clone(), 0.5),
        quantile(respawns.clone(), 0.99),
        respawns.len()
    ));
    assert!(cut > 0, "no stream was hit: nothing was tested");
    assert!(quantile(respawns, 0.99) < limit(Duration::from_millis(250)));
    assert!(!scene.processes().iter().any(|s| s.state == 'Z'), "a zombie: {:?}", scene.processes());
    let near = |now: usize, base: usize| now <= base + 2;
    let settled = || {
        let now = (proc::open_files(router).unwrap_or(0), proc::open_files(supervisor).unwrap_or(0));
        near(now.0, files.0) && near(now.1, files.1)
    };
    wait::holds("no leaked descriptor", Duration::from_secs(10), settled).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_a_death_is_noticed_at_once() -> Result<()> {
    let scene = paced(Cast::new()?.provider("a").await?).await?;
    let mut times = Vec::new();
    // A fifth death within half a minute is one too many: see F9.
    for _ in 0..count(3, 4) {
        let mut stream = scene.client().stream("a/m1").await?;
        stream.read_content(3).await?;
        let worker = scene.worker("a").await?;
        let at = Instant::now();
        send(worker, Signal::SIGKILL)?;
        let story = stream.finish().await?;
        assert!(matches!(story.end, End::Error(_)), "{:?}", story.end);
        times.push(story.events.last().context("an event")?.at - at);
        back(&scene, worker, at).await?;
        // A worker that was ready for a second is replaced at once.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    say(&format!("F1: from SIGKILL to the error event at the client: {times:?}"));
    assert!(quantile(times, 0.99) < limit(Duration::from_millis(50)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_without_a_fallback_a_killed_worker_is_told_quickly() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let slow = Duration::from_millis(30);
    scene.upstream("a")?.on("m1", Script::paced(3, slow));
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", count(16, 64));
    kill_workers(&scene, count(3, 20)).await?;
    let (calls, _) = crowd.finish().await;
    let mut refused = 0;
    for call in &calls {
        match &call.outcome {
            Outcome::Answered { .. } => {}
            Outcome::Refused { status, text, .. } => {
                refused += 1;
                assert!([502, 503].contains(status), "{status}: {text}");
                let shape: serde_json::Value = serde_json::from_str(text).with_context(|| text.clone())?;
                assert!(shape["error"]["message"].is_string(), "{text}");
            }
            other => panic!("{other:?}"),
        }
        assert!(call.took < limit(Duration::from_secs(1)), "{call:?}");
    }
    let slowest = calls.iter().map(|c| c.took).max().unwrap_or_default();
    say(&format!("F2: {} calls, {refused} told 502 or 503, slowest {slowest:?}", calls.len()));
    Ok(())
}

/// What clients may see of a router that was killed `kills` times: nothing refused, and no more lost than
/// each had open.
fn assert_lost_only_in_flight(calls: &[Call], clients: usize, kills: usize) -> Result<usize> {
    let mut lost = 0;
    for call in calls {
        match &call.outcome {
            Outcome::Answered { .. } => {}
            Outcome::Lost(_) => lost += 1,
            other => bail!("{other:?}"),
        }
    }
    assert!(lost <= clients * kills, "{lost} calls lost in {kills} kills under {clients} clients");
    Ok(lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_killed_router_refuses_nobody() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::paced(1, Duration::from_millis(5)));
    let worker = scene.worker("a").await?;
    let (clients, kills) = (count(8, 32), count(4, 50));
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", clients);
    let mut returns = Vec::new();
    for _ in 0..kills {
        // A router that was ready for a second is replaced at once.
        tokio::time::sleep(Duration::from_millis(1300)).await;
        let router = scene.router().await?;
        let at = Instant::now();
        send(router, Signal::SIGKILL)?;
        let client: Client = scene.client();
        let answered = async || one_call(&client, "a/m1").await.is_answered().then_some(());
        wait::until("an answer", Duration::from_secs(10), answered).await?;
        returns.push(at.elapsed());
        assert!(scene.router().await? != router);
    }
    let (calls, _) = crowd.finish().await;
    let lost = assert_lost_only_in_flight(&calls, clients, kills)?;
    assert_eq!(scene.worker("a").await?, worker, "workers keep their pid");
    say(&format!(
        "F3: {} calls, 0 refused, {lost} lost in flight; serving again p50 {:?} p99 {:?}",
        calls.len(),
        quantile(returns.clone(), 0.5),
        quantile(returns.clone(), 0.99)
    ));
    assert!(quantile(returns, 0.99) < limit(Duration::from_millis(200)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_stopped_worker_is_left_and_replaced() -> Result<()> {
    let scene = Scene::two().await?;
    scene.upstream("b")?.on("m1", Script::answer("saved by b"));
    let worker = scene.worker("a").await?;
    let at = Instant::now();
    send(worker, Signal::SIGSTOP)?;
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 4);
    let replaced = async || scene.worker("a").await.ok().filter(|pid| *pid != worker);
    wait::until("another worker", limit(Duration::from_secs(8)), replaced).await?;
    let replaced = at.elapsed();
    let (calls, _) = crowd.finish().await;
    let slowest = calls.iter().map(|c| c.took).max().unwrap_or_default();
    say(&format!("F7: {} calls, slowest {slowest:?}; worker replaced after {replaced:?}", calls.len()));
    assert!(calls.iter().all(Call::is_answered), "{:?}", calls.iter().find(|c| !c.is_answered()));
    // The two seconds between 3 and 5 are the tolerance of a ping each second.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert!(replaced < Duration::from_secs(10), "{replaced:?}");
    let gone = BTreeSet::from([worker]);
    wait::holds("the end of the stopped one", Duration::from_secs(5), || {
        !scene.processes().iter().any(|s| gone.contains(&s.pid))
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f8_a_stopped_router_is_replaced() -> Result<()> {
    let scene = Scene::one().await?;
    let (router, worker) = (scene.router().await?, scene.worker("a").await?);
    let at = Instant::now();
    send(router, Signal::SIGSTOP)?;
    let replaced = async || {
        let now = scene.routers().last()?.pid;
        (now != router).then_some(())
    };
    wait::until("another router", Duration::from_secs(15), replaced).await?;
    let took = at.elapsed();
    wait::until("an answer", Duration::from_secs(5), async || {
        one_call(&scene.client(), "a/m1").await.is_answered().then_some(())
    })
    .await?;
    say(&format!("F8: a stopped router was replaced after {took:?}"));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(scene.worker("a").await?, worker);
    Ok(())
}
