//! F9, F10, F20: workers that cannot start, must not start, or take too much memory.

use anyhow::Result;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::config::Provider;
use tests::crowd::{Call, Crowd, quantile};
use tests::proc;
use tests::scene::{Cast, Scene};
use tests::stack::{count, limit, say, send};
use tests::wait;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f9_a_crash_loop_ends_in_failed_and_hurts_nobody() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?.provider("b").await?;
    let scene = cast.start().await?;
    let mut before = Crowd::new();
    before.call(&scene.client(), "b/m1", 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (calm, _) = before.finish().await;
    let mut during = Crowd::new();
    during.call(&scene.client(), "b/m1", 2);
    let begin = Instant::now();
    let mut killed = BTreeSet::new();
    let failed = async || {
        for worker in scene.workers("a") {
            if killed.insert(worker.pid) {
                // It may have ended by itself since it was seen.
                let _gone = send(worker.pid, Signal::SIGKILL);
            }
        }
        scene.provider_status("a").ok().filter(|s| s["state"] == "failed")
    };
    let status = wait::until("the provider to be given up", Duration::from_secs(60), failed).await?;
    let (calls, _) = during.finish().await;
    let (quiet, loud) = (p99(&calm), p99(&calls));
    say(&format!(
        "F9: failed after {:?} and {} starts ({}); sibling p99 {quiet:?} before, {loud:?} during",
        begin.elapsed(),
        killed.len(),
        status["reason"]
    ));
    assert!((5..=7).contains(&killed.len()), "{} starts", killed.len());
    assert!(status["reason"].as_str().is_some_and(|r| r.len() > 10), "{status}");
    assert!(calls.iter().all(Call::is_answered), "a sibling's call failed");
    assert!(
        loud < quiet * 2 + limit(Duration::from_millis(20)),
        "siblings: {quiet:?} before, {loud:?} during"
    );
    let cpu = proc::tree_cpu(scene.pid());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let share = (proc::tree_cpu(scene.pid()) - cpu).as_secs_f64() / 2.0;
    assert!(share < 0.02 * 4.0, "{:.1} % CPU with a failed provider", share * 100.0);
    assert!(scene.workers("a").is_empty());
    Ok(())
}

fn p99(calls: &[Call]) -> Duration {
    quantile(calls.iter().map(|c| c.took).collect(), 0.99)
}

#[tokio::test]
async fn f10_exit_78_is_final_and_has_a_reason() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.configure(|c, _| Ok(c.provider(Provider::demo("d"))))?.start().await?;
    let generation = scene.provider_status("d")?["generation"].clone();
    let reply = scene.client().chat("d/demo-fail=exit78").await?;
    assert!(reply.status >= 500, "{}", reply.text());
    let status = scene.provider_is("d", "failed", Duration::from_secs(5)).await?;
    assert_eq!(status["generation"], generation, "no restart");
    assert!(status["reason"].as_str().is_some_and(|r| r.contains("78") || r.contains("config")), "{status}");
    wait::stays("no worker of d", Duration::from_secs(2), || scene.workers("d").is_empty()).await?;
    let told = scene.client().chat("d/demo").await?;
    assert!([502, 503].contains(&told.status), "{}", told.text());
    assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn f10_a_required_sandbox_is_whole_or_the_worker_does_not_start() -> Result<()> {
    let cast = Cast::new()?.provider_with("a", |p| p.set("sandbox", "required")).await?;
    let scene = cast.launch().await?;
    let settled = async || {
        let status = scene.provider_status("a").ok()?;
        ["ready", "failed"].iter().any(|s| status["state"] == *s).then_some(status)
    };
    let status = wait::until("ready or failed", Duration::from_secs(20), settled).await?;
    say(&format!("F10: required sandbox: {status}"));
    if status["state"] == "ready" {
        assert!(status["sandbox"].to_string().contains("full"), "{status}");
        assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    } else {
        assert!(status["reason"].as_str().is_some_and(|r| r.contains("sandbox")), "{status}");
        assert!(scene.workers("a").is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_a_worker_that_takes_too_much_dies_alone() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let demo = Provider::demo("d").set("memory_limit", "256MiB");
    let scene: Scene = cast.configure(|c, _| Ok(c.provider(demo)))?.start().await?;
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 4);
    let worker = scene.worker("d").await?;
    let reply = scene.client().chat(&format!("d/demo-leak={}", count(512, 2048))).await?;
    // The second worker that it ends is the last one: from then on the request is refused.
    assert!([422, 502, 503].contains(&reply.status), "{}", reply.text());
    let next = async || scene.worker("d").await.ok().filter(|pid| *pid != worker);
    wait::until("its next worker", Duration::from_secs(10), next).await?;
    scene.provider_is("d", "ready", Duration::from_secs(10)).await?;
    assert_eq!(scene.client().chat("d/demo").await?.status, 200);
    let (calls, _) = crowd.finish().await;
    assert!(calls.iter().all(Call::is_answered), "another provider's call failed");
    let exit = scene.provider_status("d")?["last_exit"].clone();
    say(&format!("F20: {} calls beside it, 0 failed; {exit}", calls.len()));
    assert!(exit["cause"].as_str().is_some_and(|c| c.contains("memory")), "{exit}");
    Ok(())
}
