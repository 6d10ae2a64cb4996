//! The fault matrix: every fault, before and after the first content, for clients of four dialects. Before it the
//! other provider answers and nobody notices; after it the stream ends with an error of the client's dialect and
//! never as if it were complete.

use anyhow::{Context, Result};
use bytes::Bytes;
use nix::sys::signal::Signal;
use serde_json::json;
use std::time::Duration;
use tests::client::{Client, Reply};
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::send;

/// A client's dialect: where it asks, and how its streams end well and badly.
struct Inbound {
    name: &'static str,
    path: &'static str,
    body: &'static str,
    good_end: &'static str,
    bad_end: &'static str,
}

const INBOUND: [Inbound; 4] = [
    Inbound {
        name: "openai-chat",
        path: "/v1/chat/completions",
        body: r#"{"model":"a/m1","stream":true,"messages":[{"role":"user","content":"x"}]}"#,
        good_end: "data: [DONE]",
        bad_end: "data: {\"error\"",
    },
    Inbound {
        name: "openai-responses",
        path: "/v1/responses",
        body: r#"{"model":"a/m1","stream":true,"input":"x"}"#,
        good_end: "response.completed",
        bad_end: "event: ",
    },
    Inbound {
        name: "anthropic",
        path: "/v1/messages",
        body: r#"{"model":"a/m1","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]}"#,
        good_end: "message_stop",
        bad_end: "event: error",
    },
    Inbound {
        name: "ollama",
        path: "/api/chat",
        body: r#"{"model":"a/m1","messages":[{"role":"user","content":"x"}]}"#,
        good_end: "\"done\":true",
        bad_end: "{\"error\"",
    },
];

/// Its name, what the provider does before the first content, and what after it.
type Fault = (&'static str, Option<Script>, Option<Vec<Step>>);

/// What an upstream does, before its first content and after the second chunk of it.
fn faults() -> Vec<Fault> {
    let status = |s| Some(Script::error(s, "no"));
    let error = script::event(&json!({"error": {"message": "overloaded", "type": "server_error"}}));
    let in_band = vec![Step::Chunk(error), Step::End];
    let utf8 = vec![
        Step::Chunk(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n")),
        Step::Reset,
    ];
    let tls = Script::just([Step::Raw(Bytes::from_static(b"\x16\x03\x01\x00\x00")), Step::Close]);
    vec![
        ("reset", Some(Script::just([Step::Reset])), Some(vec![Step::Reset])),
        ("close", Some(Script::just([Step::Close])), Some(vec![Step::Close])),
        ("TLS garbage", Some(tls), None),
        ("429", status(429), None),
        ("500", status(500), None),
        ("529", status(529), None),
        ("silence", Some(Script::just([Step::Hang])), Some(vec![Step::Hang])),
        ("silence after the head", Some(Script::just([script::stream_head(), Step::Hang])), None),
        ("in-band error", Some(Script::broken_stream(0, in_band.clone())), Some(in_band)),
        ("end without terminator", Some(Script::broken_stream(0, [Step::End])), Some(vec![Step::End])),
        ("invalid UTF-8", Some(Script::broken_stream(0, utf8.clone())), Some(utf8)),
    ]
}

async fn scene() -> Result<Scene> {
    let cast = Cast::new()?
        .provider_with("a", |p| p.fallback(&["b"]).timeout("first_token", "400ms").timeout("idle", "400ms"));
    let scene = cast.await?.provider_with("b", |p| p.priority(10)).await?.start().await?;
    scene.upstream("b")?.on("m1", Script::answer("saved"));
    Ok(scene)
}

async fn ask(client: &Client, inbound: &Inbound, case: &str) -> Result<Reply> {
    client.post(inbound.path, inbound.body).await.with_context(|| format!("{case} for {}", inbound.name))
}

/// The answer came whole from the other provider.
fn assert_saved(reply: &Reply, inbound: &Inbound, case: &str) {
    let text = reply.text();
    assert_eq!(reply.status, 200, "{case} before, {}: {text}", inbound.name);
    assert!(
        text.contains("saved") && text.contains(inbound.good_end),
        "{case} before, {}: {text}",
        inbound.name
    );
    assert_eq!(reply.header("x-llm-link-provider"), Some("b"), "{case}");
}

/// The answer broke off and says so.
fn assert_honest(reply: &Reply, inbound: &Inbound, case: &str) {
    let text = reply.text();
    assert!(text.contains("c1 "), "{case} after, {}: {text}", inbound.name);
    assert!(!text.contains(inbound.good_end), "{case} after, {}: {text}", inbound.name);
    let last = text.trim_end().rsplit_once("\n\n").map_or(text.trim_end(), |(_, last)| last);
    let last = if inbound.name == "ollama" { last.lines().last().unwrap_or_default() } else { last };
    assert!(
        last.contains(inbound.bad_end) && last.contains("error"),
        "{case} after, {}: {text}",
        inbound.name
    );
}

#[tokio::test]
async fn every_fault_before_and_after_the_first_content() -> Result<()> {
    for (case, before, after) in faults() {
        if let Some(script) = before {
            let scene = scene().await?;
            scene.upstream("a")?.on("m1", script);
            for inbound in &INBOUND {
                assert_saved(&ask(&scene.client(), inbound, case).await?, inbound, case);
            }
        }
        if let Some(steps) = after {
            let scene = scene().await?;
            scene.upstream("a")?.on("m1", Script::broken_stream(2, steps));
            for inbound in &INBOUND {
                assert_honest(&ask(&scene.client(), inbound, case).await?, inbound, case);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_before_and_after_the_first_content() -> Result<()> {
    for inbound in &INBOUND {
        for chunks in [0, 2] {
            let scene = scene().await?;
            scene.upstream("a")?.on("m1", Script::broken_stream(chunks, [Step::Hang]));
            let worker = scene.worker("a").await?;
            let upstream = scene.upstream("a")?;
            let client = scene.client();
            let kill = async {
                let asked = || upstream.busy() > 0;
                tests::wait::holds("the call to arrive", Duration::from_secs(10), asked).await?;
                // A moment for what was sent to come through.
                tokio::time::sleep(Duration::from_millis(100)).await;
                send(worker, Signal::SIGKILL)
            };
            let (reply, killed) = tokio::join!(ask(&client, inbound, "a killed worker"), kill);
            killed?;
            match chunks {
                0 => assert_saved(&reply?, inbound, "a killed worker"),
                _ => assert_honest(&reply?, inbound, "a killed worker"),
            }
        }
    }
    Ok(())
}
