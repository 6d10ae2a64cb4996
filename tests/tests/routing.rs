//! What the router decides, seen from outside: rules, breakers, limits, budgets, hedges, windows, sunsets.

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use protocol::control::record::{CallFilter, CallSummary};
use protocol::control::{ControlReply, ControlRequest};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::control;
use tests::crowd::{Call, Crowd, one_call};
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::stack::{count, say, send};
use tests::stream::End;
use tests::wait;
use tokio::task::JoinSet;

/// Providers `a` and `b`, and the app of callers without a key with these lines.
async fn two(lines: &str) -> Result<Scene> {
    let cast = Cast::new()?.provider("a").await?.provider_with("b", |p| p.priority(10)).await?;
    let scene = cast.configure(|config, _| config.default_app(lines))?.start().await?;
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::answer(&format!("from {name}")));
    }
    Ok(scene)
}

/// Which provider answered, so often.
async fn shares(scene: &Scene, calls: usize) -> Result<BTreeMap<String, usize>> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        let reply = scene.client().chat("m1").await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        *shares.entry(reply.header("x-llm-link-provider").unwrap_or("?").to_owned()).or_default() += 1;
    }
    Ok(shares)
}

/// As many calls side by side, each once.
async fn at_once(scene: &Scene, calls: usize) -> Vec<Call> {
    let mut callers = JoinSet::new();
    for _ in 0..calls {
        let client = scene.client();
        callers.spawn(async move { one_call(&client, "m1").await });
    }
    callers.join_all().await
}

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
async fn an_open_breaker_keeps_calls_away_and_outlives_the_router() -> Result<()> {
    let scene = two("").await?;
    scene.upstream("a")?.on("m1", Script::error(500, "no"));
    for _ in 0..6 {
        assert_eq!(scene.client().chat("m1").await?.content(), "from b");
    }
    let asked = scene.upstream("a")?.request_count();
    assert!(asked >= 5, "{asked}");
    assert_eq!(shares(&scene, 5).await?, BTreeMap::from([("b".to_owned(), 5)]));
    assert_eq!(scene.upstream("a")?.request_count(), asked, "nobody is sent there");
    // What the router knows is pushed a moment after it changed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let router = scene.router().await?;
    send(router, Signal::SIGKILL)?;
    wait::until("another router", Duration::from_secs(20), async || {
        (scene.routers().last().is_some_and(|r| r.pid != router)).then_some(())
    })
    .await?;
    scene.ready().await?;
    assert_eq!(shares(&scene, 3).await?, BTreeMap::from([("b".to_owned(), 3)]));
    assert_eq!(scene.upstream("a")?.request_count(), asked, "the next router knows");
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

/// What the default app has used of its daily tokens, by the router that runs.
async fn used(scene: &Scene) -> Result<u64> {
    let asked = ControlRequest::App { app: "default".to_owned() };
    let ControlReply::App(app) = control::ask(scene, asked).await? else { bail!("no app") };
    let level = app.levels.iter().find(|level| level.limit == "tokens_per_day").context("a level")?;
    Ok(level.used)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routers_killed_under_load_lose_nothing_of_a_budget() -> Result<()> {
    let mut scene = two("budgets = { daily_tokens = 100000000 }").await?;
    scene.stack().hush();
    let kills = count(4, 20);
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "m1", 8);
    crowd.read(&scene.client(), "m1", 4);
    for _ in 0..kills {
        let router = scene.router().await?;
        // Any moment between two words to the supervisor.
        tokio::time::sleep(Duration::from_millis(730)).await;
        send(router, Signal::SIGKILL)?;
        wait::until("another router", Duration::from_secs(20), async || {
            (scene.routers().last().is_some_and(|r| r.pid != router)).then_some(())
        })
        .await?;
        scene.ready().await?;
    }
    let (calls, stories) = crowd.finish().await;
    // What is on record when nothing comes any more is all that was used.
    let (mut rows, mut before) = (Vec::new(), usize::MAX);
    while rows.len() != before {
        before = rows.len();
        tokio::time::sleep(Duration::from_millis(700)).await;
        rows = control::calls(&scene, &CallFilter::default()).await?;
    }
    let tokens = |row: &CallSummary| row.usage.input_total().unwrap_or(0) + row.usage.output.unwrap_or(0);
    let recorded: u64 = rows.iter().map(tokens).sum();
    let counted = used(&scene).await?;
    say(&format!(
        "budget: {kills} kills, {} calls and streams, {} rows, {recorded} tokens on record, {counted} counted",
        calls.len() + stories.len(),
        rows.len()
    ));
    assert!(rows.len() > kills * 20, "nothing was tested");
    assert_eq!(counted, recorded);
    Ok(())
}

#[tokio::test]
async fn a_budget_is_settled_by_what_was_used_and_outlives_the_router() -> Result<()> {
    // Each call is estimated at some 300 tokens and uses 21.
    let scene = two("budgets = { daily_tokens = 1000 }").await?;
    for _ in 0..20 {
        assert_eq!(scene.client().chat("m1").await?.status, 200, "20 × 21 and one estimate fit");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let router = scene.router().await?;
    send(router, Signal::SIGKILL)?;
    wait::until("another router", Duration::from_secs(20), async || {
        (scene.routers().last().is_some_and(|r| r.pid != router)).then_some(())
    })
    .await?;
    scene.ready().await?;
    let mut more = 0;
    let refused = loop {
        let reply = scene.client().chat("m1").await?;
        if reply.status != 200 {
            break reply;
        }
        more += 1;
        assert!(more < 40, "the budget was forgotten");
    };
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("budget of 1000 tokens a day"), "{}", refused.text());
    assert!(more <= 20, "{more} more: 420 were used before");
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
async fn a_late_first_token_is_hedged_and_the_loser_is_cancelled() -> Result<()> {
    let scene = two("hedge = { after = \"100ms\" }").await?;
    scene.upstream("a")?.on("m1", Script::just([Step::Hang]));
    let story = scene.client().stream("m1").await?.finish().await?;
    assert_eq!((&story.end, story.text().as_str()), (&End::Done, "from b"));
    let upstream = scene.upstream("a")?;
    wait::holds("the end of the slow one", Duration::from_secs(5), || upstream.busy() == 0).await?;
    assert_eq!(upstream.request_count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_window_hides_a_break_after_the_first_words() -> Result<()> {
    let scene = two("hold = { chunks = 8, time = \"2s\" }").await?;
    scene.upstream("a")?.on("m1", Script::broken_stream(3, [Step::Reset]));
    for _ in 0..count(2, 10) {
        let story = scene.client().stream("m1").await?.finish().await?;
        assert_eq!((&story.end, story.text().as_str()), (&End::Done, "from b"), "{:?}", story.events);
    }
    Ok(())
}

#[tokio::test]
async fn a_model_past_its_sunset_moves_on_and_says_so() -> Result<()> {
    let models = |sunset: &str| {
        let text = format!(
            "models = [\"m1\", {{ id = \"old\", deprecated = true, sunset = \"{sunset}\", alternatives = [\"m1\"] }}]"
        );
        toml::from_str::<toml::Table>(&text)
            .map(|mut t| t.remove("models").unwrap_or(toml::Value::Boolean(false)))
    };
    for (sunset, served) in [("2100-01-01", "old"), ("2020-01-01", "m1")] {
        let models = models(sunset)?;
        let scene = Cast::new()?.provider_with("a", |p| p.set("models", models)).await?.start().await?;
        let reply = scene.client().chat("old").await?;
        assert_eq!(reply.header("x-llm-link-model"), Some(served), "{}", reply.text());
        assert_eq!(reply.header("deprecation"), Some("true"));
        assert!(reply.header("sunset").is_some_and(|date| date.ends_with("00:00:00 GMT")));
        assert_eq!(scene.client().chat("m1").await?.header("deprecation"), None);
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
