//! Failover: before the first content the client sees nothing of it, afterwards it sees an honest end.

use anyhow::{Context, Result};
use bytes::Bytes;
use nix::sys::signal::Signal;
use serde_json::json;
use std::time::Duration;
use tests::client::Client;
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::send;
use tests::stream::End;
use tests::upstream::{Refusal, Welcome};

/// Both ways of calling give the answer of the second provider, as if nothing had been.
async fn assert_saved(case: &str, client: &Client) -> Result<()> {
    let reply = client.chat("a/m1").await.with_context(|| case.to_owned())?;
    assert_eq!((reply.status, reply.content().as_str()), (200, "saved by b"), "{case}: {}", reply.text());
    assert_eq!(reply.header("x-llm-link-provider"), Some("b"), "{case}");
    let story = client.stream("a/m1").await?.finish().await.with_context(|| case.to_owned())?;
    assert_eq!((&story.end, story.text().as_str()), (&End::Done, "saved by b"), "{case}: {:?}", story.events);
    Ok(())
}

/// Each way to fail before the first content.
fn failures() -> Vec<(&'static str, Script)> {
    let error = script::event(&json!({"error": {"message": "overloaded", "type": "server_error"}}));
    let status = |s| Script::error(s, "no");
    vec![
        ("500", status(500)),
        ("502", status(502)),
        ("503", status(503)),
        ("529", status(529)),
        ("429", status(429).with_header("retry-after", "9")),
        ("401 of our key", status(401)),
        ("reset", Script::just([Step::Reset])),
        ("close", Script::just([Step::Close])),
        (
            "half a head",
            Script::just([Step::Raw(Bytes::from_static(b"HTTP/1.1 200 OK\r\ncont")), Step::Close]),
        ),
        ("garbage", Script::just([Step::Raw(Bytes::from_static(b"\x16\x03\x01\x00\x00")), Step::Close])),
        ("silence", Script::just([Step::Hang])),
        ("silence after the head", Script::just([script::stream_head(), Step::Hang])),
        ("silence after the role", Script::broken_stream(0, [Step::Hang])),
        ("cut after the role", Script::broken_stream(0, [Step::Close])),
        ("empty stream", Script::broken_stream(0, [Step::End])),
        ("error event first", Script::broken_stream(0, [Step::Chunk(error), Step::End])),
        ("an HTML page", Script::status(502, "text/html", "<html>Bad gateway</html>")),
    ]
}

#[tokio::test]
async fn a_failure_before_the_first_content_is_not_seen() -> Result<()> {
    for (name, script) in failures() {
        // One stack per case: breakers remember.
        let cast = Cast::new()?.provider_with("a", |p| {
            p.fallback(&["b"])
                .timeout("first_token", "400ms")
                .timeout("idle", "400ms")
                .timeout("total", "600ms")
        });
        let scene = cast.await?.provider_with("b", |p| p.priority(10)).await?.start().await?;
        scene.upstream("b")?.on("m1", Script::answer("saved by b"));
        scene.upstream("a")?.on("m1", script);
        assert_saved(name, &scene.client()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_not_seen() -> Result<()> {
    let refusal = Refusal::new()?;
    let cast = Cast::new()?.provider_at("a", &refusal.url()?, |p| p.fallback(&["b"]))?;
    let scene = cast.provider_with("b", |p| p.priority(10)).await?.start().await?;
    scene.upstream("b")?.on("m1", Script::answer("saved by b"));
    assert_saved("refused", &scene.client()).await
}

#[tokio::test]
async fn a_broken_connection_is_not_seen() -> Result<()> {
    let welcomes = [
        ("reset at once", Welcome::Reset),
        ("garbage at once", Welcome::Say(Bytes::from_static(b"SSH-2.0-OpenSSH_9.2\r\n"))),
        ("silence at once", Welcome::Silence),
    ];
    for (name, welcome) in welcomes {
        let cast = Cast::new()?.provider_with("a", |p| {
            p.fallback(&["b"]).timeout("first_token", "400ms").timeout("total", "600ms")
        });
        let scene = cast.await?.provider_with("b", |p| p.priority(10)).await?.start().await?;
        scene.upstream("b")?.on("m1", Script::answer("saved by b"));
        scene.upstream("a")?.welcome(welcome);
        assert_saved(name, &scene.client()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_another_provider_the_failure_is_told() -> Result<()> {
    let cases = [
        (Script::error(500, "boom"), 500..=502),
        (Script::error(503, "boom"), 502..=503),
        (Script::just([Step::Reset]), 502..=502),
        (Script::just([Step::Hang]), 504..=504),
    ];
    for (script, statuses) in cases {
        let cast = Cast::new()?
            .provider_with("a", |p| p.timeout("first_token", "400ms").timeout("total", "600ms"))
            .await?;
        let scene = cast.start().await?;
        scene.upstream("a")?.on("m1", script);
        let reply = scene.client().chat("a/m1").await?;
        assert!(
            statuses.contains(&reply.status),
            "{} is not in {statuses:?}: {}",
            reply.status,
            reply.text()
        );
        assert!(reply.json()["error"]["message"].is_string(), "{}", reply.text());
        assert!(reply.took < Duration::from_secs(5), "{:?}", reply.took);
        let stream = scene.client().stream("a/m1").await?;
        assert!(stream.status >= 500, "a stream that never began has a status: {}", stream.status);
    }
    Ok(())
}

#[tokio::test]
async fn after_the_first_content_a_stream_ends_with_an_error() -> Result<()> {
    let error = script::event(&json!({"error": {"message": "overloaded", "type": "server_error"}}));
    let cases: Vec<(&str, Vec<Step>)> = vec![
        ("cut", vec![Step::Close]),
        ("reset", vec![Step::Reset]),
        ("no terminator", vec![Step::End]),
        ("silence", vec![Step::Hang]),
        ("an error event", vec![Step::Chunk(error), Step::End]),
        ("garbage framing", vec![Step::Raw(Bytes::from_static(b"zz\r\n")), Step::Close]),
        ("invalid UTF-8", vec![Step::Chunk(Bytes::from_static(b"data: \xff\xfe\n\n")), Step::Close]),
    ];
    for (name, steps) in cases {
        let cast = Cast::new()?.provider_with("a", |p| p.fallback(&["b"]).timeout("idle", "400ms"));
        let scene = cast.await?.provider_with("b", |p| p.priority(10)).await?.start().await?;
        scene.upstream("a")?.on("m1", Script::broken_stream(3, steps));
        let story = scene.client().stream("a/m1").await?.finish().await?;
        assert!(matches!(story.end, End::Error(_)), "{name}: {:?} {:?}", story.end, story.events);
        assert_eq!(story.text(), "c0 c1 c2 ", "{name}");
        assert_eq!(scene.upstream("b")?.request_count(), 0, "{name}: no second voice in one answer");
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_worker_ends_its_streams_honestly_and_loses_no_other_call() -> Result<()> {
    let scene = Scene::two().await?;
    scene.upstream("a")?.on("m1", Script::paced(500, Duration::from_millis(10)));
    scene.upstream("b")?.on("m1", Script::answer("saved by b"));
    let mut committed = scene.client().stream("a/m1").await?;
    assert_eq!(committed.read_content(5).await?.len(), 5);
    // A second call that has no content yet: it may move.
    scene.upstream("a")?.once("m1", Script::just([Step::Hang]));
    let client = scene.client();
    let moving = async { client.chat("a/m1").await };
    let kill = async {
        let upstream = scene.upstream("a")?;
        tests::wait::holds("both calls", Duration::from_secs(5), || upstream.busy() == 2).await?;
        send(scene.worker("a").await?, Signal::SIGKILL)
    };
    let (moved, killed) = tokio::join!(moving, kill);
    killed?;
    let moved = moved?;
    assert_eq!((moved.status, moved.content().as_str()), (200, "saved by b"), "{}", moved.text());
    let story = committed.finish().await?;
    assert!(matches!(story.end, End::Error(_)), "{:?}", story.end);
    assert!(!story.events.iter().any(|e| e.data == "[DONE]"));
    Ok(())
}

#[tokio::test]
async fn retries_are_bounded() -> Result<()> {
    let scene = Scene::two().await?;
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::error(500, "boom"));
    }
    let reply = scene.client().chat("a/m1").await?;
    assert!(reply.status >= 500, "{}", reply.text());
    let (a, b) = (scene.upstream("a")?.request_count(), scene.upstream("b")?.request_count());
    assert!(a + b <= 3 && (1..=2).contains(&a) && (1..=2).contains(&b), "{a} attempts at a, {b} at b");
    assert_eq!(reply.header("x-llm-link-attempts"), Some((a + b).to_string().as_str()));
    Ok(())
}
