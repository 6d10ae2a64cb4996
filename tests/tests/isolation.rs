//! The isolation promise in one script: whatever happens to provider A, providers B and C show no error and their
//! calls take as long as before. Prints a table; the durations are held to account only in the full run.

use anyhow::Result;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::crowd::quantile;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::stack::{count, full_counts, say, send};
use tokio::task::JoinSet;

/// What the neighbours saw.
struct Seen {
    calls: usize,
    errors: usize,
    p50: Duration,
    p99: Duration,
}

/// Calls to B and C, one after the other on each, for so long.
async fn neighbours(scene: &Scene, during: Duration) -> Seen {
    let mut clients = JoinSet::new();
    for model in ["b/m1", "c/m1"] {
        let client = scene.client();
        clients.spawn(async move { call_for(&client, model, during).await });
    }
    let all: Vec<(bool, Duration)> = clients.join_all().await.into_iter().flatten().collect();
    let times = || all.iter().map(|(_, took)| *took).collect::<Vec<_>>();
    Seen {
        calls: all.len(),
        errors: all.iter().filter(|(good, _)| !good).count(),
        p50: quantile(times(), 0.5),
        p99: quantile(times(), 0.99),
    }
}

async fn call_for(client: &Client, model: &str, during: Duration) -> Vec<(bool, Duration)> {
    let end = Instant::now() + during;
    let mut seen = vec![];
    while Instant::now() < end {
        let begin = Instant::now();
        let good = client.chat(model).await.is_ok_and(|reply| reply.status == 200);
        seen.push((good, begin.elapsed()));
    }
    seen
}

/// Something that happens to A, until it is dropped.
async fn mischief(scene: &Scene, name: &str) -> Result<JoinSet<()>> {
    let mut doers = JoinSet::new();
    let client = scene.client();
    match name {
        "nothing" => {}
        "crash loop" => {
            let pid = scene.worker("a").await?;
            send(pid, Signal::SIGKILL)?;
            doers.spawn(async move {
                loop {
                    // Each call that reaches it is one more that is lost with it.
                    let _lost = client.chat("a/m1").await;
                }
            });
        }
        "stopped" => send(scene.worker("a").await?, Signal::SIGSTOP)?,
        "errors" => {
            scene.upstream("a")?.on("m1", Script::error(500, "no"));
            doers.spawn(async move {
                loop {
                    let _failed = client.chat("a/m1").await;
                }
            });
        }
        "never answers" => {
            scene.upstream("a")?.on("m1", Script::just([Step::Hang]));
            for _ in 0..count(300, 2000) {
                let client = client.clone();
                doers.spawn(async move {
                    let _never = client.chat("a/m1").await;
                });
            }
        }
        "flood" => {
            let text = "word ".repeat(40_000);
            scene.upstream("a")?.on("m1", Script::answer(&text));
            for _ in 0..4 {
                let client = client.clone();
                doers.spawn(async move {
                    loop {
                        let _large = client.chat("a/m1").await;
                    }
                });
            }
        }
        other => anyhow::bail!("nobody knows how to do {other}"),
    }
    Ok(doers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_a_provider_in_trouble_notice_nothing() -> Result<()> {
    let during = Duration::from_millis(if full_counts() { 10_000 } else { 1_200 });
    say("| what happens to A   | calls to B and C | errors |   p50 |   p99 |");
    let mut calm = None;
    for name in ["nothing", "crash loop", "stopped", "errors", "never answers", "flood"] {
        // A stack for each: what is done to a worker stays done.
        let cast = Cast::new()?.provider("a").await?.provider("b").await?.provider("c").await?;
        let mut scene = cast.start().await?;
        scene.stack().hush();
        let doers = mischief(&scene, name).await?;
        let killer = kills(&scene, name);
        let seen = tokio::select! {
            seen = neighbours(&scene, during) => seen,
            () = killer => anyhow::bail!("the killer gave up"),
        };
        drop(doers);
        if name == "stopped" {
            for worker in scene.workers("a") {
                // It may have been replaced by now.
                let _gone = send(worker.pid, Signal::SIGCONT);
            }
        }
        say(&format!(
            "| {name:<19} | {:>16} | {:>6} | {:>5.1?} | {:>5.1?} |",
            seen.calls, seen.errors, seen.p50, seen.p99
        ));
        assert_eq!(seen.errors, 0, "{name}");
        assert!(seen.calls > 0, "{name}");
        let calm = *calm.get_or_insert(seen.p99);
        // Ten times the allowance: other work runs on this machine, and so does the mischief itself.
        let bound = (calm * 2).max(Duration::from_millis(250));
        assert!(
            !full_counts() || name == "flood" || seen.p99 <= bound,
            "{name}: {:?} of {bound:?}",
            seen.p99
        );
    }
    Ok(())
}

/// Kills A's worker again and again; pending for ever otherwise.
async fn kills(scene: &Scene, name: &str) {
    if name != "crash loop" {
        return std::future::pending().await;
    }
    loop {
        for worker in scene.workers("a") {
            // It may have ended by itself meanwhile.
            let _gone = send(worker.pid, Signal::SIGKILL);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
