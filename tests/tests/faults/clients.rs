//! F12, F13, F29: clients that hang up, read slowly, or come all at once.

use anyhow::{Context, Result};
use bytes::Bytes;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use tests::client::ask;
use tests::crowd::{Outcome, one_call, quantile};
use tests::proc;
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::{count, limit, say, send};
use tests::stream::{End, Story};
use tests::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

fn memory(scene: &Scene) -> u64 {
    scene.processes().iter().filter_map(|s| proc::rss(s.pid).ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_who_hangs_up_is_not_served_any_more() -> Result<()> {
    let scene = Scene::one().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::paced(500, Duration::from_millis(5)));
    let (mut times, mut after_warm_up) = (Vec::new(), 0);
    let rounds = count(100, 1000);
    for round in 0..rounds {
        let mut stream = scene.client().stream("a/m1").await?;
        assert_eq!(stream.read_content(2).await?.len(), 2);
        let at = Instant::now();
        drop(stream);
        wait::holds("the upstream to be let go", Duration::from_secs(5), || !upstream.aborts().is_empty())
            .await?;
        times.push(upstream.aborts()[0].at - at);
        upstream.forget();
        if round == rounds / 2 {
            after_warm_up = memory(&scene);
        }
    }
    wait::holds("nothing in flight", Duration::from_secs(5), || upstream.busy() == 0).await?;
    let growth = memory(&scene).saturating_sub(after_warm_up);
    let (p50, p99) = (quantile(times.clone(), 0.5), quantile(times, 0.99));
    say(&format!(
        "F12: {rounds} hang-ups, upstream let go after p50 {p50:?} p99 {p99:?}, memory +{growth} B"
    ));
    assert!(p99 < limit(Duration::from_millis(100)));
    assert!(growth < 5 << 20, "memory grew by {growth} bytes");
    Ok(())
}

#[tokio::test]
async fn f12_who_hangs_up_before_the_first_byte_is_not_served_either() -> Result<()> {
    let scene = Scene::one().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::just([Step::Hang]));
    let client = scene.client();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { client.chat("a/m1").await });
    wait::holds("the call upstream", Duration::from_secs(5), || upstream.busy() == 1).await?;
    let at = Instant::now();
    tasks.shutdown().await;
    wait::holds("the upstream to be let go", Duration::from_secs(5), || upstream.aborts().len() == 1).await?;
    assert!(upstream.aborts()[0].at - at < limit(Duration::from_millis(100)));
    assert_eq!(upstream.request_count(), 1, "a hang-up is not tried again");
    Ok(())
}

/// How late each chunk of these streams came after the one before it, beyond their pace.
fn lateness(stories: &[Story], pace: Duration) -> Vec<Duration> {
    let gaps =
        stories.iter().flat_map(|s| s.events.windows(2).map(|w| w[1].at - w[0].at).collect::<Vec<_>>());
    gaps.map(|g| g.saturating_sub(pace)).collect()
}

async fn read_all(scene: &Scene, streams: usize) -> Result<Vec<Story>> {
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        let client = scene.client();
        tasks.spawn(async move { client.stream("a/m1").await?.finish().await });
    }
    let mut stories = Vec::new();
    while let Some(story) = tasks.join_next().await {
        let story = story??;
        assert_eq!(story.end, End::Done);
        stories.push(story);
    }
    Ok(stories)
}

/// Asks for a stream of many megabytes and reads next to nothing of it.
async fn slow_reader(scene: &Scene) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(scene.address()).await?;
    let mut body = ask("a/big");
    body["stream"] = true.into();
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await?;
    socket.read_u8().await.context("a first byte")?;
    Ok(socket)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_slow_reader_slows_only_itself() -> Result<()> {
    let cast = Cast::new()?.provider_with("a", |p| p.models(&["m1", "big"])).await?;
    let scene = cast.start().await?;
    let pace = Duration::from_millis(20);
    scene.upstream("a")?.on("m1", Script::paced(60, pace));
    let event = script::event(&script::delta(serde_json::json!({"content": "x".repeat(8000)}), None));
    let chunks = (0..8000).map(|_| Step::Chunk(event.clone()));
    let big =
        [script::stream_head()].into_iter().chain(chunks).chain([Step::Chunk(script::done()), Step::End]);
    scene.upstream("a")?.on("big", Script::just(big));
    let streams = count(64, 255);
    let calm = quantile(lateness(&read_all(&scene, streams).await?, pace), 0.99);
    let router = scene.router().await?;
    let before = proc::rss(router)?;
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(slow_reader(&scene).await?);
    }
    let disturbed = quantile(lateness(&read_all(&scene, streams).await?, pace), 0.99);
    let growth = proc::rss(router)?.saturating_sub(before);
    say(&format!(
        "F13: {streams} streams: chunk lateness p99 {calm:?} alone, {disturbed:?} beside 8 slow readers of 64 MB; \
         router +{} KiB",
        growth / 1024
    ));
    assert!(
        disturbed < calm + limit(Duration::from_millis(20)),
        "{calm:?} alone, {disturbed:?} beside slow ones"
    );
    // 64 KiB of credit each, and as much again in the connection's own buffers; plus what the crowd cost.
    assert!(growth < 8 * (256 << 10) + (4 << 20), "the router grew by {growth} bytes");
    assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f29_a_full_queue_says_so_at_once() -> Result<()> {
    let cast = Cast::new()?.provider_with("a", |p| {
        p.set("max_concurrent", 8).set("max_queue", 32).timeout("first_token", "60s")
    });
    let scene = cast.await?.start().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::just([Step::Hang]));
    let mut tasks = JoinSet::new();
    let callers = count(300, 5000);
    for _ in 0..callers {
        let client = scene.client();
        tasks.spawn(async move { one_call(&client, "a/m1").await });
    }
    let mut excess = Vec::new();
    while excess.len() < callers - 40 {
        let call =
            tokio::time::timeout(Duration::from_secs(30), tasks.join_next()).await?.context("a call")??;
        let Outcome::Refused { status, retry_after, text } = &call.outcome else { panic!("{call:?}") };
        assert!([429, 503].contains(status), "{status}: {text}");
        assert!(retry_after, "{status} without retry-after: {text}");
        excess.push(call.took);
    }
    assert_eq!(upstream.busy(), 8, "no more than max_concurrent reach the provider");
    upstream.on("m1", Script::answer("at last"));
    send(scene.worker("a").await?, Signal::SIGKILL)?;
    let (mut answered, mut told) = (0, 0);
    while let Some(call) = tokio::time::timeout(Duration::from_secs(30), tasks.join_next()).await? {
        match call?.outcome {
            Outcome::Answered { .. } => answered += 1,
            Outcome::Refused { status: 502 | 503, .. } => told += 1,
            other => panic!("{other:?}"),
        }
    }
    let p99 = quantile(excess, 0.99);
    say(&format!(
        "F29: {callers} calls at once: excess told with p99 {p99:?}; after a kill {answered} answered, {told} told"
    ));
    assert_eq!(answered + told, 40);
    assert!(answered >= 32, "those who queued were served after the restart: {answered}");
    let one = one_call(&scene.client(), "a/m1").await;
    assert!(one.is_answered(), "{one:?}");
    Ok(())
}

#[tokio::test]
async fn f29_one_too_many_is_told_within_milliseconds() -> Result<()> {
    let cast = Cast::new()?.provider_with("a", |p| p.set("max_concurrent", 1).set("max_queue", 0)).await?;
    let scene = cast.start().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::just([Step::Hang]));
    let client = scene.client();
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let client = client.clone();
        async move { one_call(&client, "a/m1").await }
    });
    wait::holds("the first call upstream", Duration::from_secs(5), || upstream.busy() == 1).await?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let call = one_call(&client, "a/m1").await;
        assert!(
            matches!(call.outcome, Outcome::Refused { status: 429 | 503, retry_after: true, .. }),
            "{call:?}"
        );
        times.push(call.took);
    }
    let p99 = quantile(times, 0.95);
    say(&format!("F29: one too many is told after {p99:?}"));
    assert!(p99 < limit(Duration::from_millis(10)), "{p99:?}");
    Ok(())
}

#[tokio::test]
async fn f14_a_huge_event_is_bounded() -> Result<()> {
    let scene = Scene::one().await?;
    let huge = Bytes::from("data: ".to_owned() + &"x".repeat(40 << 20));
    scene.upstream("a")?.on("m1", Script::broken_stream(1, [Step::Chunk(huge), Step::End]));
    let story = scene.client().stream("a/m1").await?.finish().await?;
    assert!(!matches!(story.end, End::Done | End::Silent), "{:?}", story.end);
    let worker = scene.worker("a").await?;
    assert!(proc::rss(worker)? < 96 << 20, "the worker holds {} bytes", proc::rss(worker)?);
    assert_eq!(scene.client().chat("m1").await?.status, 200);
    Ok(())
}
