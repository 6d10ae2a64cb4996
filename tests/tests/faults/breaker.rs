//! F15: the breaker as its providers see it. (Its transitions, to the millisecond, are unit tests under a clock of
//! their own.)

use anyhow::{Context, Result, ensure};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tests::crowd::{Call, Crowd, Outcome};
use tests::scene::Scene;
use tests::script::{Script, Step};
use tests::stack::{full_counts, say};
use tests::wait;

/// Failures in a row that open it, and how long it stays open the first time.
const FAILURES: usize = 5;
const OPEN: Duration = Duration::from_secs(30);
/// Good probes that close it.
const PROBES: usize = 3;
/// So long does a probe take here: time enough for a second one, if there were any.
const PROBE: Duration = Duration::from_millis(300);

fn by(calls: &[Call], name: &str) -> usize {
    calls.iter().filter(|c| matches!(&c.outcome, Outcome::Answered { provider } if provider == name)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f15_five_failures_open_it_and_then_one_at_a_time_tries() -> Result<()> {
    let mut scene = Scene::two().await?;
    scene.stack().hush();
    let upstream = scene.upstream("a")?;
    scene.upstream("b")?.on("m1", Script::paced(1, Duration::from_millis(20)));
    upstream.on("m1", Script::error(500, "boom"));
    // One after the other: exactly so many reach it.
    while upstream.request_count() < FAILURES {
        ensure!(scene.client().chat("a/m1").await?.status == 200, "somebody noticed");
    }
    let opened = Instant::now();
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 64);
    let shut = if full_counts() { OPEN * 8 / 10 } else { Duration::from_secs(2) };
    wait::stays("the breaker shut", shut, || upstream.request_count() == FAILURES).await?;
    if !full_counts() {
        let (calls, _) = crowd.finish().await;
        assert_eq!(by(&calls, "b"), calls.len(), "{:?}", calls.iter().find(|c| !c.is_answered()));
        say(&format!(
            "F15: open after {FAILURES} failures; {} calls of 64 callers went to the other one",
            calls.len()
        ));
        return Ok(());
    }
    upstream.on("m1", Script::just([Step::Wait(PROBE)].into_iter().chain(answer())));
    let (most, tried) = probes(&scene, opened).await?;
    // Well again: everybody is back.
    upstream.on("m1", Script::answer("well again"));
    wait::until("everybody to be back", Duration::from_secs(20), async || {
        (upstream.request_count() > FAILURES + PROBES + 200).then_some(())
    })
    .await?;
    let (calls, _) = crowd.finish().await;
    say(&format!(
        "F15: open after {FAILURES} failures, first probe {tried:.1?} later, at most {most} at a time under 64 callers; \
         {} calls, {} by a, 0 failed",
        calls.len(),
        by(&calls, "a")
    ));
    assert_eq!(most, 1, "probes side by side");
    assert!(tried > OPEN * 8 / 10 && tried < OPEN * 12 / 10, "{tried:?}");
    assert!(calls.iter().all(Call::is_answered), "{:?}", calls.iter().find(|c| !c.is_answered()));
    Ok(())
}

/// The steps of a whole answer, given late.
fn answer() -> Vec<Step> {
    let body = tests::script::completion("a probe").to_string();
    let Script::Steps(steps) = Script::status(200, "application/json", body) else { return Vec::new() };
    steps
}

/// Most probes at the same time until the last but one that is needed, and when the first came.
async fn probes(scene: &Scene, opened: Instant) -> Result<(i64, Duration)> {
    let upstream = scene.upstream("a")?;
    let (most, over) = (AtomicI64::new(0), AtomicBool::new(false));
    let watching = async {
        while !over.load(Ordering::Relaxed) {
            most.fetch_max(upstream.busy(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let counting = async {
        let first =
            wait::until("a probe", OPEN, async || (upstream.request_count() > FAILURES).then(Instant::now))
                .await;
        // The third good one closes the breaker: from then on they may come side by side.
        let before = wait::until("the third probe", OPEN, async || {
            (upstream.request_count() >= FAILURES + PROBES).then_some(())
        })
        .await;
        over.store(true, Ordering::Relaxed);
        before.and(first)
    };
    let ((), first) = tokio::join!(watching, counting);
    let tried = first.context("the first probe")?.saturating_duration_since(opened);
    Ok((most.load(Ordering::Relaxed), tried))
}
