//! A dry run and the real call after it: in every state of providers and apps the one says what the other does.

use crate::two;
use anyhow::{Context, Result, bail};
use protocol::control::route::{DryRun, DryRunReport};
use protocol::control::{ControlReply, ControlRequest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::client::{Reply, ask};
use tests::control;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::wait;

fn plain(model: &str) -> DryRun {
    DryRun {
        app: "default".to_owned(),
        model: model.to_owned(),
        dialect: None,
        needs_tools: false,
        needs_vision: false,
        input_tokens: None,
        sticky: None,
    }
}

/// As large as such a call is.
fn sized(model: &str) -> DryRun {
    DryRun { input_tokens: Some(30), ..plain(model) }
}

async fn dry(scene: &Scene, call: DryRun) -> Result<DryRunReport> {
    match control::ask(scene, ControlRequest::DryRun { call }).await? {
        ControlReply::DryRun(report) => Ok(*report),
        other => bail!("no report: {other:?}"),
    }
}

/// Asks for a report, then makes the call: it goes where the report says and nowhere that the report excludes, or is
/// refused in the report's words.
async fn agree(scene: &Scene, what: &str, call: DryRun, body: &Value) -> Result<(DryRunReport, Reply)> {
    let asked = |name: &str| scene.upstream(name).map_or(0, tests::upstream::Upstream::request_count);
    let report = dry(scene, call.clone()).await?;
    assert_eq!(dry(scene, call.clone()).await?, report, "{what}: a report changes nothing");
    let before: BTreeMap<&str, usize> = ["a", "b"].map(|name| (name, asked(name))).into();
    let mut client = scene.client();
    if let Some(session) = &call.sticky {
        client = client.with_header("x-session", session);
    }
    let reply = client.post("/v1/chat/completions", body.to_string()).await?;
    if let Some(refusal) = &report.refusal {
        assert_ne!(reply.status, 200, "{what}: {report:?}");
        assert!(reply.text().contains(refusal.as_str()), "{what}: {refusal:?}, then {}", reply.text());
        return Ok((report, reply));
    }
    let first = report.plan.first().with_context(|| format!("{what}: {report:?}"))?;
    assert_eq!(reply.status, 200, "{what}: {report:?}, then {}", reply.text());
    let went = (reply.header("x-llm-link-provider"), reply.header("x-llm-link-model"));
    assert_eq!(
        went,
        (Some(&*first.provider), Some(&*first.model)),
        "{what}: {report:?}, then {:?}",
        reply.headers
    );
    for excluded in report.excluded.iter().filter(|e| report.plan.iter().all(|p| p.provider != e.provider)) {
        let name = excluded.provider.as_str();
        assert_eq!(asked(name), before[name], "{what}: {name} was asked although {}", excluded.reason);
    }
    Ok((report, reply))
}

/// The same for a plain call of `m1` that `a` must not get, for that reason.
async fn without_a(scene: &Scene, what: &str, why: &str) -> Result<()> {
    let (report, _) = agree(scene, what, plain("m1"), &ask("m1")).await?;
    assert_eq!(report.plan[0].provider, "b", "{what}: {report:?}");
    let excluded = report.excluded.iter().find(|e| e.provider == "a").context("an exclusion")?;
    assert!(excluded.reason.contains(why), "{what}: {report:?}");
    Ok(())
}

/// Why a worker that was drained or is disabled gets no calls.
const STOPPED: &str = "its worker is stopped";

/// The supervisor knows what becomes of a worker a moment before the router does.
async fn until_a_is_stopped(scene: &Scene) -> Result<()> {
    wait::until("the router to know", Duration::from_secs(20), async || {
        let report = dry(scene, plain("m1")).await.ok()?;
        report.excluded.iter().any(|e| e.provider == "a" && e.reason.contains(STOPPED)).then_some(())
    })
    .await
}

#[tokio::test]
async fn what_failures_say_of_a_provider() -> Result<()> {
    let limited = Script::error(429, "slow down").with_header("retry-after", "60");
    for (what, script, calls, why) in [
        ("its breaker is open", Script::error(500, "no"), 6, "its breaker is open for"),
        ("a rate limit", limited, 1, "it is rate limited for"),
        ("a refused key", Script::error(401, "no such key"), 1, "its key was refused; it is tried again in"),
    ] {
        let scene = two("").await?;
        let (report, _) = agree(&scene, what, plain("m1"), &ask("m1")).await?;
        assert_eq!((report.plan.len(), report.excluded.len()), (2, 0), "{what}: {report:?}");
        assert!(report.verdict.contains("a/m1 because it is the first that is fit"), "{report:?}");
        scene.upstream("a")?.on("m1", script);
        for _ in 0..calls {
            assert_eq!(scene.client().chat("m1").await?.content(), "from b", "{what}");
        }
        without_a(&scene, what, why).await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_is_drained_disabled_or_busy() -> Result<()> {
    let scene = two("").await?;
    control::ask(&scene, ControlRequest::Drain { provider: "a".to_owned(), within_ms: None }).await?;
    until_a_is_stopped(&scene).await?;
    without_a(&scene, "drained", STOPPED).await?;
    control::ask(&scene, ControlRequest::Resume { provider: "a".to_owned() }).await?;
    let leads_to_a =
        async || (dry(&scene, plain("m1")).await.ok()?.plan.first()?.provider == "a").then_some(());
    wait::until("the router to know", Duration::from_secs(20), leads_to_a).await?;
    let (report, _) = agree(&scene, "back", plain("m1"), &ask("m1")).await?;
    assert_eq!(report.plan[0].provider, "a");

    let cast = Cast::new()?.provider_with("a", |p| p.set("enabled", false)).await?;
    let cast = cast.provider_with("b", |p| p.priority(10)).await?;
    let scene = cast.launch().await?;
    scene.provider_is("b", "ready", Duration::from_secs(20)).await?;
    until_a_is_stopped(&scene).await?;
    wait::until("the router to be connected", Duration::from_secs(20), async || {
        (scene.client().chat("b/m1").await.ok()?.status == 200).then_some(())
    })
    .await?;
    without_a(&scene, "disabled", STOPPED).await?;

    let narrow = |p: tests::config::Provider| p.set("max_concurrent", 1).set("max_queue", 1).fallback(&["b"]);
    let cast = Cast::new()?.provider_with("a", narrow).await?;
    let scene = cast.provider_with("b", |p| p.priority(10)).await?.start().await?;
    scene.upstream("a")?.on("m1", Script::just([Step::Hang]));
    let (client, other) = (scene.client(), scene.client());
    let busy = async {
        let one = client.chat("a/m1");
        let two = other.chat("a/m1");
        tokio::join!(one, two)
    };
    let look = async {
        let full = async || {
            let report = dry(&scene, plain("m1")).await.ok()?;
            report.excluded.iter().any(|e| e.reason.contains("its queue is full")).then_some(())
        };
        wait::until("the queue to be full", Duration::from_secs(20), full).await?;
        without_a(&scene, "full", "it has as many calls as it takes, and its queue is full").await
    };
    tokio::select! {
        done = busy => bail!("the hanging calls ended: {done:?}"),
        looked = look => looked,
    }
}

#[tokio::test]
async fn the_rate_of_a_provider_and_the_limits_of_an_app() -> Result<()> {
    let rates: toml::Table = toml::from_str("requests_per_minute = 2")?;
    let cast = Cast::new()?.provider_with("a", |p| p.set("rates", rates)).await?;
    let scene = cast.provider_with("b", |p| p.priority(10)).await?.start().await?;
    for _ in 0..2 {
        agree(&scene, "within its rate", plain("m1"), &ask("m1")).await?;
    }
    without_a(&scene, "its rate is used", "its 2 requests per minute are used").await?;

    for (lines, calls, why) in [
        ("limits = { requests_per_minute = 2 }", 2, "the app `default` has used its 2 requests per minute"),
        ("limits = { tokens_per_minute = 10 }", 1, "has used its 10 tokens per minute"),
        ("budgets = { daily_tokens = 290 }", 1, "has no room left in its budget of 290 tokens a day"),
        ("models = [\"b/*\"]", 0, "the app `default` may not ask for the model `m1`"),
    ] {
        let scene = two(lines).await?;
        for _ in 0..calls {
            agree(&scene, lines, sized("m1"), &ask("m1")).await?;
        }
        let (report, reply) = agree(&scene, lines, sized("m1"), &ask("m1")).await?;
        assert!(report.refusal.is_some_and(|refusal| refusal.contains(why)), "{lines}: {}", reply.text());
        assert!(report.verdict.starts_with("this call would be refused: "), "{}", report.verdict);
    }
    let scene = two("").await?;
    let (report, reply) = agree(&scene, "an unknown model", plain("m0"), &ask("m0")).await?;
    assert_eq!((reply.status, report.plan.len()), (404, 0));
    Ok(())
}

#[tokio::test]
async fn conditions_of_steps() -> Result<()> {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}});
    let with = |field: &str, value: Value| {
        let mut body = ask("m1");
        body[field] = value;
        body
    };
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let (tools, vision) = (
        with("tools", tool),
        with("messages", json!([{"role": "user", "content": [{"type": "text", "text": "see"}, image]}])),
    );
    let long = with("messages", json!([{"role": "user", "content": "word ".repeat(4000)}]));
    let needs = |tools, vision, tokens| DryRun {
        needs_tools: tools,
        needs_vision: vision,
        input_tokens: Some(tokens),
        ..plain("m1")
    };
    for (when, fits, call, fails, failing, why) in [
        (
            "tools = true",
            &tools,
            needs(true, false, 10),
            &ask("m1"),
            needs(false, false, 10),
            "only calls with tools",
        ),
        (
            "vision = false",
            &tools,
            needs(true, false, 10),
            &vision,
            needs(false, true, 10),
            "no calls with images",
        ),
        (
            "min_context = 1000",
            &long,
            needs(false, false, 5000),
            &tools,
            needs(true, false, 30),
            "fewer than its 1000",
        ),
        (
            "max_context = 1000",
            &tools,
            needs(true, false, 30),
            &long,
            needs(false, false, 5000),
            "more than its 1000",
        ),
    ] {
        let scene =
            two(&format!("candidates = [{{ provider = \"a\", when = {{ {when} }} }}, \"b\"]")).await?;
        let (report, _) = agree(&scene, when, call, fits).await?;
        assert_eq!(report.plan[0].provider, "a", "{when}: {report:?}");
        let (report, _) = agree(&scene, when, failing, fails).await?;
        assert_eq!(report.plan[0].provider, "b", "{when}: {report:?}");
        assert!(report.excluded.iter().any(|e| e.provider == "a" && e.reason.contains(why)), "{report:?}");
    }
    for (when, why) in [
        ("models = [\"gpt-*\"]", "it takes gpt-* only"),
        ("dialects = [\"anthropic\"]", "it does not take calls of the openai-chat dialect"),
    ] {
        let scene =
            two(&format!("candidates = [{{ provider = \"a\", when = {{ {when} }} }}, \"b\"]")).await?;
        without_a(&scene, when, why).await?;
        // And when nothing is left, the call is refused with the reason.
        let scene = two(&format!("candidates = [{{ provider = \"a\", when = {{ {when} }} }}]")).await?;
        let (report, _) = agree(&scene, when, plain("m1"), &ask("m1")).await?;
        assert!(report.refusal.is_some_and(|refusal| refusal.contains(why)));
    }
    Ok(())
}

#[tokio::test]
async fn turns_weights_and_sessions() -> Result<()> {
    for lines in [
        "rule = \"round_robin\"\ncandidates = [\"a\", \"b\"]",
        "rule = \"weighted\"\ncandidates = [\"a\", { provider = \"b\", weight = 3 }]",
        "rule = \"least_connections\"\ncandidates = [\"a\", \"b\"]",
    ] {
        let scene = two(lines).await?;
        let mut went = Vec::new();
        for _ in 0..8 {
            let (report, _) = agree(&scene, lines, plain("m1"), &ask("m1")).await?;
            went.push(report.plan[0].provider.clone());
        }
        assert!(["a", "b"].iter().all(|name| went.iter().any(|w| w == name)), "{lines}: {went:?}");
    }
    let lines = "rule = \"round_robin\"\nsticky = \"x-session\"\ncandidates = [\"a\", \"b\"]";
    let scene = two(lines).await?;
    for session in 0..6 {
        let call = DryRun { sticky: Some(format!("s-{session}")), ..plain("m1") };
        let (first, _) = agree(&scene, "a session", call.clone(), &ask("m1")).await?;
        let (again, _) = agree(&scene, "a session", call, &ask("m1")).await?;
        assert_eq!(first.plan[0].provider, again.plan[0].provider);
    }
    // Who does not look at that header is not told of sessions.
    let scene = two("rule = \"round_robin\"\ncandidates = [\"a\", \"b\"]").await?;
    for _ in 0..4 {
        let call = DryRun { sticky: Some("s-1".to_owned()), ..plain("m1") };
        agree(&scene, "no session", call, &ask("m1")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_sunset_and_the_last_one_left() -> Result<()> {
    let text =
        r#"models = ["m1", { id = "old", deprecated = true, sunset = "2020-01-01", alternatives = ["m1"] }]"#;
    let models = toml::from_str::<toml::Table>(text)?.remove("models").context("models")?;
    let scene = Cast::new()?.provider_with("a", |p| p.set("models", models)).await?.start().await?;
    let (report, _) = agree(&scene, "a sunset", plain("old"), &ask("old")).await?;
    assert_eq!(report.plan[0].model, "m1");
    assert!(report.verdict.contains("a/old is past its sunset: a/m1 instead"), "{}", report.verdict);

    let scene = two("").await?;
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::error(500, "no"));
    }
    wait::until("both breakers to open", Duration::from_secs(60), async || {
        scene.client().chat("m1").await.ok()?;
        dry(&scene, plain("m1")).await.ok()?.plan.is_empty().then_some(())
    })
    .await?;
    let report = dry(&scene, plain("m1")).await?;
    assert_eq!((report.excluded.len(), report.refusal.clone()), (2, None), "{report:?}");
    assert!(report.verdict.contains("nobody is fit to take this call now; "), "{}", report.verdict);
    // The nearest to recovery is tried all the same.
    for name in ["a", "b"] {
        scene.upstream(name)?.on("m1", Script::answer("well again"));
    }
    let reply = scene.client().chat("m1").await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let went = reply.header("x-llm-link-provider").unwrap_or("?");
    assert!(
        report.verdict.contains(&format!("{went}/m1 would be tried all the same")),
        "{went}: {}",
        report.verdict
    );
    Ok(())
}
