//! F11, F16: a provider that is drained, and a storm of failures.

use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tests::crowd::{Call, Crowd, Outcome, count_ends};
use tests::scene::Scene;
use tests::script::Script;
use tests::stack::{count, say};
use tests::stream::End;
use tests::wait;
use tokio::task::JoinSet;

/// Callers beside the streams.
const CROWD: usize = 4;

fn control(scene: &Scene, verb: &str, provider: &str) -> Result<()> {
    let output = scene.command(&[verb, provider])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{verb} {provider}: {} {said}", output.status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f11_a_drained_provider_finishes_and_takes_nothing_new() -> Result<()> {
    let scene = Scene::two().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::paced(100, Duration::from_millis(20)));
    scene.upstream("b")?.on("m1", Script::answer("saved by b"));
    let streams = count(40, 200);
    let mut open = JoinSet::new();
    for _ in 0..streams {
        let client = scene.client();
        open.spawn(async move { client.stream("a/m1").await?.finish().await });
    }
    wait::holds("all streams upstream", Duration::from_secs(20), || upstream.busy() == streams as i64)
        .await?;
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", CROWD);
    control(&scene, "drain", "a")?;
    wait::until("calls to go to b", Duration::from_secs(5), async || {
        let reply = scene.client().chat("a/m1").await.ok()?;
        (reply.header("x-llm-link-provider") == Some("b")).then_some(())
    })
    .await?;
    // Those that the crowd had sent before the drain may still be on their way.
    let (taken, at) = (upstream.request_count(), Instant::now());
    let mut stories = Vec::new();
    while let Some(story) = open.join_next().await {
        stories.push(story?.map_err(|e| format!("{e:#}")));
    }
    let (calls, _) = crowd.finish().await;
    say(&format!("F11: {streams} streams finished, {} calls beside it, 0 lost", calls.len()));
    assert_eq!(count_ends(&stories, |e| *e == End::Done), streams, "every open stream finished");
    let late: Vec<String> = upstream.requests()[taken..]
        .iter()
        .map(|r| format!("{} {} after {:?}", r.method, r.target, r.at.saturating_duration_since(at)))
        .collect();
    assert!(late.len() <= CROWD, "nothing new after the drain: {late:?}");
    assert!(calls.iter().all(Call::is_answered), "{:?}", calls.iter().find(|c| !c.is_answered()));
    control(&scene, "resume", "a")?;
    upstream.on("m1", Script::answer("a again"));
    wait::until("calls to come back", Duration::from_secs(10), async || {
        (scene.client().chat("a/m1").await.ok()?.content() == "a again").then_some(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f16_a_storm_of_failures_is_not_doubled() -> Result<()> {
    let scene = Scene::two().await?;
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::error(500, "boom"));
    }
    let begin = Instant::now();
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 16);
    tokio::time::sleep(Duration::from_secs(count(4, 30) as u64)).await;
    let (calls, _) = crowd.finish().await;
    let seconds = begin.elapsed().as_secs_f64();
    let attempts = scene.upstream("a")?.request_count() + scene.upstream("b")?.request_count();
    // A budget of 20 % of the calls and ten a second, over a window that may have been full at the start.
    let allowed = calls.len() as f64 * 1.2 + 10.0 * (seconds + 10.0);
    say(&format!("F16: {} calls, {attempts} attempts in {seconds:.1} s, {allowed:.0} allowed", calls.len()));
    assert!((attempts as f64) <= allowed, "{attempts} attempts for {} calls", calls.len());
    let told = |c: &Call| matches!(c.outcome, Outcome::Refused { status: 500..=503, .. });
    assert!(calls.iter().all(told), "{:?}", calls.iter().find(|c| !told(c)));
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::answer("well again"));
    }
    let healed = Instant::now();
    wait::until("recovery", Duration::from_secs(45), async || {
        (scene.client().chat("a/m1").await.ok()?.status == 200).then_some(())
    })
    .await?;
    say(&format!("F16: recovered {:?} after the upstreams did", healed.elapsed()));
    assert!(healed.elapsed() < Duration::from_secs(35));
    Ok(())
}
