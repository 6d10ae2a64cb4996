//! Signals: an orderly end lets streams finish, a second signal does not wait, and nobody is left behind.

use anyhow::Result;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use tests::crowd::{Crowd, Outcome};
use tests::scene::Scene;
use tests::script::Script;
use tests::stack::{Stack, say, send};
use tests::stream::End;

/// The end of everything may take this long when nothing is in flight.
const PROMPT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn sigterm_lets_streams_finish() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut scene = Scene::one().await?;
        scene.upstream("a")?.on("m1", Script::paced(60, Duration::from_millis(20)));
        let mut stream = scene.client().stream("a/m1").await?;
        stream.read_content(5).await?;
        let processes = scene.processes();
        scene.signal(signal)?;
        let story = stream.finish().await?;
        assert_eq!(story.end, End::Done, "{signal}: after {:?}", story.text());
        assert!(story.text().ends_with("c59 "), "{}", story.text());
        let status = scene.stack().ended(PROMPT).await?;
        assert!(status.success(), "{signal}: {status}");
        Stack::all_gone(&processes, PROMPT).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_second_sigterm_cuts() -> Result<()> {
    let mut scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::paced(1000, Duration::from_millis(20)));
    let mut stream = scene.client().stream("a/m1").await?;
    stream.read_content(5).await?;
    let processes = scene.processes();
    scene.signal(Signal::SIGTERM)?;
    assert_eq!(stream.read_content(10).await?.len(), 10, "the first one waits");
    let at = Instant::now();
    scene.signal(Signal::SIGTERM)?;
    let story = stream.finish().await?;
    assert!(matches!(story.end, End::Error(_) | End::Cut), "{:?}", story.end);
    scene.stack().ended(PROMPT).await?;
    Stack::all_gone(&processes, PROMPT).await?;
    say(&format!("the second SIGTERM ended everything after {:?}", at.elapsed()));
    Ok(())
}

#[tokio::test]
async fn a_drain_has_an_end() -> Result<()> {
    let mut scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::paced(2000, Duration::from_millis(20)));
    let mut stream = scene.client().stream("a/m1").await?;
    stream.read_content(5).await?;
    let at = Instant::now();
    scene.signal(Signal::SIGTERM)?;
    let story = stream.finish().await?;
    // The scene's drain_timeout is five seconds.
    let took = at.elapsed();
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(30), "{took:?}");
    assert!(matches!(story.end, End::Error(_)), "who is cut is told so: {:?}", story.end);
    scene.stack().ended(Duration::from_secs(6)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_loses_no_call_that_was_accepted() -> Result<()> {
    let mut scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::paced(2, Duration::from_millis(5)));
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 8);
    tokio::time::sleep(Duration::from_millis(500)).await;
    scene.signal(Signal::SIGTERM)?;
    let status = scene.stack().ended(Duration::from_secs(8)).await?;
    let (calls, _) = crowd.finish().await;
    assert!(status.success(), "{status}");
    let answered = calls.iter().filter(|c| c.is_answered()).count();
    let bad: Vec<_> = calls.iter().filter(|c| matches!(c.outcome, Outcome::Refused { .. })).collect();
    // Who connects while the door closes may find it closed, but who was let in is served.
    assert!(bad.is_empty(), "{:?}", bad.first());
    assert!(answered > 20, "{answered} answered");
    Ok(())
}

#[tokio::test]
async fn a_killed_supervisor_leaves_no_orphan() -> Result<()> {
    let mut scene = Scene::two().await?;
    scene.upstream("a")?.on("m1", Script::paced(1000, Duration::from_millis(20)));
    let mut stream = scene.client().stream("a/m1").await?;
    stream.read_content(3).await?;
    let processes = scene.processes();
    assert!(processes.len() >= 4, "{processes:?}");
    scene.signal(Signal::SIGKILL)?;
    scene.stack().ended(PROMPT).await?;
    let took = Stack::all_gone(&processes, Duration::from_secs(1)).await?;
    say(&format!("every child was gone {took:?} after the supervisor"));
    assert!(matches!(stream.finish().await?.end, End::Error(_) | End::Cut));
    Ok(())
}

#[tokio::test]
async fn a_killed_router_leaves_no_zombie_and_is_replaced() -> Result<()> {
    let scene = Scene::one().await?;
    let (router, worker) = (scene.router().await?, scene.worker("a").await?);
    send(router, Signal::SIGKILL)?;
    let next = async || scene.router().await.ok().filter(|pid| *pid != router);
    tests::wait::until("another router", PROMPT, next).await?;
    scene.ready().await?;
    assert_eq!(scene.worker("a").await?, worker);
    assert!(!scene.processes().iter().any(|s| s.state == 'Z'), "{:?}", scene.processes());
    assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    Ok(())
}
