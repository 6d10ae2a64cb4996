//! What users of other gateways ran into and no other test here shows; docs/testing.md has the whole list.

use anyhow::{Context, Result};
use serde_json::json;
use std::time::Duration;
use tests::crowd::{Outcome, one_call};
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stream::End;
use tests::wait;
use tokio::task::JoinSet;

/// One provider, and the app of callers without a key with these lines.
async fn app(lines: &str) -> Result<Scene> {
    let cast = Cast::new()?.provider("a").await?;
    cast.configure(|config, _| config.default_app(lines))?.start().await
}

/// A route that went past the budgets, in another gateway.
#[tokio::test]
async fn every_kind_of_call_counts_against_the_budget() -> Result<()> {
    let scene = app("budgets = { daily_tokens = 1 }").await?;
    let words = json!({"model": "m1", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9});
    let prompt = json!({"model": "m1", "prompt": "x"});
    let input = json!({"model": "m1", "input": "x"});
    for (path, body) in [
        ("/v1/chat/completions", &words),
        ("/v1/completions", &prompt),
        ("/v1/embeddings", &input),
        ("/v1/responses", &input),
        ("/v1/messages", &words),
        ("/v1/messages/count_tokens", &words),
        ("/api/chat", &words),
        ("/api/generate", &prompt),
        ("/api/embed", &input),
        ("/v1beta/models/m1:generateContent", &words),
        ("/v1beta/models/m1:streamGenerateContent", &words),
        ("/v1/images/generations", &prompt),
        ("/v1/moderations", &input),
    ] {
        let reply = scene.client().post(path, body.to_string()).await?;
        assert_eq!(reply.status, 429, "{path}: {}", reply.text());
        assert!(reply.text().contains("budget of 1 tokens a day"), "{path}: {}", reply.text());
    }
    assert_eq!(scene.upstream("a")?.request_count(), 0);
    Ok(())
}

/// Each looked, and then each counted.
#[tokio::test]
async fn a_thousand_at_once_get_no_more_than_a_budget_has() -> Result<()> {
    // A call is estimated at 256 tokens and its request, and uses 21.
    let scene = app("budgets = { daily_tokens = 1000 }").await?;
    scene.upstream("a")?.on("m1", Script::paced(1, Duration::from_millis(1500)));
    let mut callers = JoinSet::new();
    for _ in 0..1000 {
        let client = scene.client();
        callers.spawn(async move { one_call(&client, "m1").await });
    }
    let calls = callers.join_all().await;
    let served = calls.iter().filter(|call| call.is_answered()).count();
    // A slow machine may also have more to do than it can.
    let told =
        |outcome: &Outcome| matches!(outcome, Outcome::Refused { status: 429 | 503, retry_after: true, .. });
    assert!((1..=1000 / 21).contains(&served), "{served}");
    let other = calls.iter().find(|call| !call.is_answered() && !told(&call.outcome));
    assert!(other.is_none(), "{other:?}");
    assert_eq!(scene.upstream("a")?.request_count(), served);
    Ok(())
}

/// A list that changed while a call was tried again led it to the wrong place.
#[tokio::test]
async fn a_call_keeps_its_candidates_when_the_configuration_changes() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?.provider_with("b", |p| p.priority(10)).await?;
    let scene = cast.start().await?;
    scene
        .upstream("a")?
        .on("m1", Script::broken_stream(0, [Step::Wait(Duration::from_secs(2)), Step::Reset]));
    scene.upstream("b")?.on("m1", Script::answer("from b"));
    let client = scene.client();
    let mut running = JoinSet::new();
    running.spawn(async move { client.stream("m1").await?.finish().await });
    let asked = || scene.upstream("a").is_ok_and(|a| a.request_count() == 1);
    wait::holds("the first try", Duration::from_secs(10), asked).await?;
    // A third one comes, before both.
    let config = scene.config().provider(tests::config::Provider::demo("c").priority(-5).models(&["m1"]));
    scene.write_config(config)?;
    let story = running.join_next().await.context("a call")???;
    assert_eq!((&story.end, story.text().as_str()), (&End::Done, "from b"));
    Ok(())
}

/// A stream that went silent after its head hung for hours.
#[tokio::test]
async fn each_phase_has_a_time_of_its_own() -> Result<()> {
    let cast = Cast::new()?;
    let cast = cast.provider_with("a", |p| p.timeout("first_token", "2s").timeout("idle", "1s")).await?;
    let scene = cast.start().await?;
    for (name, script, within) in [
        ("before the first token", Script::just([script::stream_head(), Step::Hang]), 2..8),
        ("between two", Script::broken_stream(2, [Step::Hang]), 1..8),
    ] {
        scene.upstream("a")?.on("m1", script);
        let began = std::time::Instant::now();
        let stream = scene.client().stream("m1").await?;
        let ended = match stream.status {
            200 => matches!(stream.finish().await?.end, End::Error(_)),
            status => status == 504,
        };
        assert!(ended, "{name}");
        assert!(within.contains(&began.elapsed().as_secs()), "{name}: {:?}", began.elapsed());
    }
    Ok(())
}
