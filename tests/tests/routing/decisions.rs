//! Rules, breakers, limits, windows.

use crate::counts::{End, end_router};
use crate::{at_once, remembered, shares, two};
use anyhow::Result;
use protocol::ipc::notice::Memory;
use std::collections::BTreeMap;
use std::time::Duration;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::stack::{count, say};
use tests::stream;

#[tokio::test]
async fn weights_are_kept_exactly_and_a_session_stays() -> Result<()> {
    let lines =
        "rule = \"weighted\"\nsticky = \"x-session\"\ncandidates = [\"a\", { provider = \"b\", weight = 3 }]";
    let scene = two(lines).await?;
    let shares = shares(&scene, 12).await?;
    assert_eq!(shares, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 9)]));
    let client = scene.client().with_header("x-session", "s-1");
    let first = client.chat("m1").await?;
    for _ in 0..5 {
        let again = client.chat("m1").await?;
        assert_eq!(again.header("x-llm-link-provider"), first.header("x-llm-link-provider"));
    }
    Ok(())
}

#[tokio::test]
async fn the_faster_one_is_chosen_by_its_first_tokens() -> Result<()> {
    let scene = two("rule = \"latency\"\ncandidates = [\"a\", \"b\"]").await?;
    scene.upstream("a")?.on("m1", Script::paced(1, Duration::from_millis(80)));
    for _ in 0..4 {
        // Both are known then.
        at_once(&scene, 4).await;
    }
    let shares = shares(&scene, 20).await?;
    assert!(shares.get("b").is_some_and(|calls| *calls >= 18), "{shares:?}");
    Ok(())
}

#[tokio::test]
async fn an_open_breaker_keeps_calls_away_and_outlives_the_router() -> Result<()> {
    for how in [End::Killed, End::Replaced] {
        let scene = two("").await?;
        scene.upstream("a")?.on("m1", Script::error(500, "no"));
        for _ in 0..6 {
            assert_eq!(scene.client().chat("m1").await?.content(), "from b");
        }
        let asked = scene.upstream("a")?.request_count();
        assert!(asked >= 5, "{asked}");
        assert_eq!(shares(&scene, 5).await?, BTreeMap::from([("b".to_owned(), 5)]));
        assert_eq!(scene.upstream("a")?.request_count(), asked, "nobody is sent there");
        let open = |memory: &Memory| memory.breakers.iter().any(|b| b.provider == "a" && !b.closed);
        remembered(&scene, "the open breaker in memory", open).await?;
        end_router(&scene, how).await?;
        assert_eq!(shares(&scene, 3).await?, BTreeMap::from([("b".to_owned(), 3)]));
        assert_eq!(scene.upstream("a")?.request_count(), asked, "{how:?}: the next router knows");
    }
    Ok(())
}

#[tokio::test]
async fn the_only_provider_is_always_tried() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::error(500, "no"));
    for _ in 0..8 {
        assert_eq!(scene.client().chat("m1").await?.status, 500);
    }
    scene.upstream("a")?.on("m1", Script::answer("well again"));
    assert_eq!(scene.client().chat("m1").await?.content(), "well again");
    Ok(())
}

#[tokio::test]
async fn a_limit_is_exact_says_so_and_answers_at_once() -> Result<()> {
    let scene = two("limits = { requests_per_minute = 10 }").await?;
    let calls = at_once(&scene, 64).await;
    let served = calls.iter().filter(|c| c.is_answered()).count();
    assert!((10..=12).contains(&served), "{served} of 64");
    let reply = scene.client().chat("m1").await?;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("10"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(reply.header("retry-after").is_some() && reply.header("x-llm-link-call-id").is_some());
    assert_eq!(reply.json()["error"]["type"], "rate_limit_error", "{}", reply.text());
    let mut times = vec![];
    for _ in 0..20 {
        times.push(scene.client().chat("m1").await?.took);
    }
    times.sort();
    say(&format!("over the limit: median {:?}, longest {:?}", times[10], times[19]));
    assert!(times[10] < Duration::from_millis(50), "{times:?}");
    let body = r#"{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let reply = scene.client().post("/v1/messages", body).await?;
    assert_eq!((reply.status, reply.json()["type"].as_str()), (429, Some("error")), "{}", reply.text());
    assert!(reply.header("anthropic-ratelimit-requests-limit").is_some());
    Ok(())
}

#[tokio::test]
async fn calls_beyond_those_at_once_wait_in_turn() -> Result<()> {
    let scene = two("limits = { concurrent = 2, queue = 4, wait = \"10s\" }").await?;
    scene.upstream("a")?.on("m1", Script::paced(1, Duration::from_millis(100)));
    let calls = at_once(&scene, 12).await;
    let served = calls.iter().filter(|c| c.is_answered()).count();
    assert!((6..12).contains(&served), "two run and four wait; {served} of 12 were served");
    Ok(())
}

#[tokio::test]
async fn a_window_hides_a_break_after_the_first_words() -> Result<()> {
    let scene = two("hold = { chunks = 8, time = \"2s\" }").await?;
    scene.upstream("a")?.on("m1", Script::broken_stream(3, [Step::Reset]));
    for _ in 0..count(2, 10) {
        let story = scene.client().stream("m1").await?.finish().await?;
        assert_eq!((&story.end, story.text().as_str()), (&stream::End::Done, "from b"), "{:?}", story.events);
    }
    Ok(())
}

#[tokio::test]
async fn an_app_sees_and_calls_only_the_models_it_may() -> Result<()> {
    let scene = two("models = [\"a/*\"]").await?;
    let client = scene.client();
    let anthropic = client.clone().with_header("anthropic-version", "2023-06-01");
    for (client, path, list, id) in [
        (&client, "/v1/models", "data", "id"),
        (&anthropic, "/v1/models", "data", "id"),
        (&client, "/api/tags", "models", "name"),
        (&client, "/api/ps", "models", "name"),
        (&client, "/v1beta/models", "models", "baseModelId"),
    ] {
        let reply = client.get(path).await?;
        let json = reply.json();
        let ids: Vec<_> = json[list].as_array().into_iter().flatten().map(|m| m[id].clone()).collect();
        assert_eq!(ids, ["a/m1"], "{path}: {}", reply.text());
    }
    assert_eq!(client.get("/v1/models/a/m1").await?.status, 200);
    assert_eq!(client.get("/v1/models/b/m1").await?.status, 404);
    assert_eq!(client.post("/api/show", r#"{"model":"b/m1"}"#).await?.status, 404);
    let body = r#"{"model":"b/m1","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    for (path, kind) in [
        ("/v1/chat/completions", "/error/message"),
        ("/v1/messages", "/error/message"),
        ("/api/chat", "/error"),
        ("/v1/responses", "/error/message"),
        ("/v1beta/models/b/m1:generateContent", "/error/message"),
    ] {
        let reply = client.post(path, body).await?;
        assert_eq!(reply.status, 403, "{path}: {}", reply.text());
        let why = reply.json().pointer(kind).and_then(|w| w.as_str().map(str::to_owned)).unwrap_or_default();
        assert!(why.contains("may not ask for"), "{path}: {}", reply.text());
    }
    assert_eq!(client.chat("a/m1").await?.status, 200);
    assert_eq!(scene.upstream("b")?.request_count(), 0);
    Ok(())
}

#[tokio::test]
async fn who_is_held_off_is_told_for_how_long() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.start().await?;
    scene.upstream("a")?.on("m1", Script::error(429, "slow down").with_header("retry-after", "40"));
    let wait = |reply: &tests::client::Reply| -> u64 {
        reply.header("retry-after").and_then(|v| v.parse().ok()).unwrap_or_default()
    };
    for turn in ["the first", "again: the last provider there is is always asked"] {
        let reply = scene.client().chat("a/m1").await?;
        assert_eq!(reply.status, 429, "{turn}: {}", reply.text());
        assert!((30..=40).contains(&wait(&reply)), "{turn}: {}", wait(&reply));
    }
    Ok(())
}
