//! The life of an app's key: made, used, rotated with an overlap, expired, revoked; refused in every dialect.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tests::client::Client;
use tests::config::{Config, Provider};
use tests::operator::Operator;
use tests::stack::{Place, Stack};
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(20);

async fn chat(stack: &Stack, key: &str) -> Result<u16> {
    Ok(stack.client().with_key(key).chat("demo").await?.status)
}

fn key_of(reply: &Value) -> Result<(String, i64)> {
    let made = &reply["now"]["is"];
    let key = made["key"].as_str().with_context(|| format!("a key in {reply}"))?.to_owned();
    Ok((key, made["view"]["id"].as_i64().context("its number")?))
}

async fn until_status(stack: &Stack, key: &str, status: u16) -> Result<()> {
    wait::until(&format!("the key to be answered {status}"), PATIENCE, async || {
        (chat(stack, key).await.ok()? == status).then_some(())
    })
    .await
}

/// Every dialect's way to say that a key is not known.
async fn refused_everywhere(client: &Client) -> Result<()> {
    let message = json!({"role": "user", "content": "hello"});
    for (path, body) in [
        ("/v1/chat/completions", json!({"model": "demo", "messages": [message]})),
        ("/v1/responses", json!({"model": "demo", "input": "hello"})),
        ("/v1/messages", json!({"model": "demo", "max_tokens": 10, "messages": [message]})),
        ("/api/chat", json!({"model": "demo", "messages": [message]})),
        ("/v1beta/models/demo:generateContent", json!({"contents": [{"parts": [{"text": "hello"}]}]})),
    ] {
        let reply = client.post(path, body.to_string()).await?;
        ensure!(reply.status == 401, "{path}: {} {}", reply.status, reply.text());
        ensure!(!reply.json()["error"].is_null(), "{path}: {}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_made_used_rotated_and_revoked() -> Result<()> {
    let place = Place::new()?;
    // With a key in the file the address is not open.
    let config =
        Config::new().provider(Provider::demo("demo")).app("filed", &place.key("filed", "filed-key-1")?);
    let stack = Stack::start(place, config).await?;
    let ada = Operator::first(&stack).await?;
    let made = ada.post("/apps", &json!({"spec": {"name": "editor"}})).await?;
    ensure!(made.status == 201, "{} {}", made.status, made.text());
    let (key, id) = key_of(&ada.post("/apps/editor/keys", &json!({"label": "laptop"})).await?.json())?;
    until_status(&stack, &key, 200).await?;
    ensure!(!ada.get("/apps/editor").await?.text().contains(&key), "shown once only");
    let rotated = ada.post(&format!("/apps/editor/keys/{id}/rotate"), &json!({"overlap_s": 600})).await?;
    let (next, next_id) = key_of(&rotated.json())?;
    until_status(&stack, &next, 200).await?;
    ensure!(chat(&stack, &key).await? == 200, "both go for a while");
    ada.delete(&format!("/apps/editor/keys/{next_id}")).await?;
    until_status(&stack, &next, 401).await?;
    refused_everywhere(&stack.client().with_key(&next)).await?;
    let soon = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64 + 1500;
    let (brief, _) = key_of(&ada.post("/apps/editor/keys", &json!({"expires_ms": soon})).await?.json())?;
    until_status(&stack, &brief, 401).await?;
    ensure!(chat(&stack, &key).await? == 200, "the first goes on");
    ada.delete("/apps/editor").await?;
    until_status(&stack, &key, 401).await
}
