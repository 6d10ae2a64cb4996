//! The life of a model: deprecated, past its sunset, at another price.

use anyhow::{Context, Result};
use protocol::control::record::{CallFilter, EventFilter};
use protocol::dialect::time::rfc3339;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tests::control;
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::wait;

/// Provider `a` with these models.
async fn models(text: &str) -> Result<Scene> {
    let models = toml::from_str::<toml::Table>(text)?.remove("models").context("models")?;
    Cast::new()?.provider_with("a", |p| p.set("models", models)).await?.start().await
}

/// A moment so long from now, as files have it.
fn in_so_long(time: Duration) -> Result<String> {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH)? + time;
    Ok(rfc3339(moment.as_secs()))
}

#[tokio::test]
async fn a_model_past_its_sunset_moves_on_and_says_so() -> Result<()> {
    for (sunset, served) in [("2100-01-01", "old"), ("2020-01-01", "m1")] {
        let text = format!(
            "models = [\"m1\", {{ id = \"old\", deprecated = true, sunset = \"{sunset}\", alternatives = [\"m1\"] }}]"
        );
        let scene = models(&text).await?;
        let reply = scene.client().chat("old").await?;
        assert_eq!(reply.header("x-llm-link-model"), Some(served), "{}", reply.text());
        assert_eq!(reply.header("deprecation"), Some("true"));
        assert!(reply.header("sunset").is_some_and(|date| date.ends_with("00:00:00 GMT")));
        assert_eq!(scene.client().chat("m1").await?.header("deprecation"), None);
        let asked = scene.upstream("a")?.requests();
        assert_eq!(asked[0].model(), served, "the provider is asked for what serves");
    }
    Ok(())
}

#[tokio::test]
async fn every_dialect_is_told_of_a_models_end_and_operators_are_warned_once() -> Result<()> {
    let text =
        r#"models = ["m1", { id = "old", deprecated = true, sunset = "2100-01-01", alternatives = ["m1"] }]"#;
    let scene = models(text).await?;
    let user = json!([{"role": "user", "content": "x"}]);
    for (path, body) in [
        ("/v1/chat/completions", json!({"model": "old", "messages": user})),
        ("/v1/chat/completions", json!({"model": "old", "stream": true, "messages": user})),
        ("/v1/responses", json!({"model": "old", "input": "x"})),
        ("/v1/messages", json!({"model": "old", "max_tokens": 9, "messages": user})),
        ("/api/chat", json!({"model": "old", "messages": user})),
        (
            "/v1beta/models/old:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}),
        ),
    ] {
        let reply = scene.client().post(path, body.to_string()).await?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.header("deprecation"), Some("true"), "{path}");
        assert_eq!(reply.header("sunset"), Some("Fri, 01 Jan 2100 00:00:00 GMT"), "{path}");
    }
    // Also of a call that fails.
    scene.upstream("a")?.on("old", Script::error(400, "no"));
    let failed = scene.client().chat("old").await?;
    assert_eq!((failed.status, failed.header("deprecation")), (400, Some("true")));
    let filter = || EventFilter { kind: Some("model.deprecated".to_owned()), ..EventFilter::default() };
    let told = wait::until("a warning", Duration::from_secs(20), async || {
        control::events(&scene, filter()).await.ok().filter(|events| !events.is_empty())
    })
    .await?;
    assert_eq!(told.len(), 1, "once an hour for an app and a model: {told:?}");
    assert!(
        told[0].message.contains("the app `default` uses the deprecated model `old`; instead there is m1")
    );
    Ok(())
}

#[tokio::test]
async fn a_sunset_and_a_new_price_come_into_force_by_themselves() -> Result<()> {
    // Far enough for a slow start.
    let turn = Duration::from_secs(12);
    let (at, began) = (in_so_long(turn)?, std::time::Instant::now());
    let text = format!(
        "models = [{{ id = \"m1\", prices = [{{ currency = \"USD\", input = 1000, output = 2000 }}, \
         {{ since = \"{at}\", currency = \"USD\", input = 2000, output = 4000 }}] }}, \
         {{ id = \"old\", deprecated = true, sunset = \"{at}\", alternatives = [\"m1\"] }}]"
    );
    let scene = models(&text).await?;
    let ask = async |model: &str| -> Result<String> {
        let reply = scene.client().chat(model).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Ok(reply.header("x-llm-link-model").unwrap_or_default().to_owned())
    };
    let before = (ask("old").await?, ask("m1").await?);
    assert!(
        began.elapsed() < turn - Duration::from_secs(1),
        "the start took too long: {:?}",
        began.elapsed()
    );
    assert_eq!(before, ("old".to_owned(), "m1".to_owned()));
    wait::until("the sunset", turn * 2, async || ask("old").await.ok().filter(|m| m == "m1")).await?;
    ask("m1").await?;
    let count = scene.upstream("a")?.request_count();
    let rows = wait::until("the calls on record", Duration::from_secs(20), async || {
        let rows = control::calls(&scene, &CallFilter::default()).await.ok()?;
        (rows.len() == count).then_some(rows)
    })
    .await?;
    // 9 tokens in and 12 out.
    let costs: Vec<Option<i64>> =
        rows.iter().filter(|row| row.model == "m1").map(|row| row.cost_nano).collect();
    assert_eq!(costs, [Some(66_000_000), Some(33_000_000)], "newest first");
    Ok(())
}
