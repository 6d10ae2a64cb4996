//! Continuation: a text that broke off in the middle is taken up by another provider, in every dialect of a client
//! as one answer; whatever is no plain text ends honestly instead.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use protocol::control::record::{CallDetail, CallFilter};
use protocol::control::{ControlReply, ControlRequest};
use protocol::dialect::{Dialect, EventReader, Operation, Quirks, ReplyStyle, Stamp, UsageInStream};
use protocol::model::{ChatResponse, Delta, Event, Failure, Part, PartHead, Start, fold};
use serde_json::{Value, json};
use std::time::Duration;
use tests::client::Reply;
use tests::config::Provider;
use tests::control;
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::send;
use tests::upstream::Upstream;
use tests::wait;

/// What the first provider says before it breaks off.
const FIRST: &str = "c0 c1 c2 ";

fn prefilled(provider: Provider) -> Provider {
    let model: toml::Table =
        [("id".to_owned(), "m1".into()), ("prefill".to_owned(), true.into())].into_iter().collect();
    provider.set("models", toml::Value::Array(vec![model.into()]))
}

/// Providers `a`, which breaks off, and `b`, which goes on; the app wants continuation or not.
async fn scene(wanted: bool, capable: bool) -> Result<Scene> {
    let cast = Cast::new()?.provider_with("a", |p| p.fallback(&["b"]).timeout("idle", "400ms")).await?;
    let b = |p: Provider| if capable { prefilled(p) } else { p };
    let cast = cast.provider_with("b", |p| b(p).priority(10).timeout("idle", "400ms")).await?;
    let lines = format!("continuation = {wanted}");
    let scene = cast.configure(|config, _| config.default_app(&lines))?.start().await?;
    scene.upstream("a")?.on("m1", Script::broken_stream(3, [Step::Close]));
    scene.upstream("b")?.on("m1", Script::answer("c3 and c4."));
    Ok(scene)
}

/// Where a client of the dialect asks, and what.
fn request(dialect: Dialect) -> (&'static str, Value) {
    let messages = json!([{"role": "user", "content": "count"}]);
    match dialect {
        Dialect::OpenAiChat => (
            "/v1/chat/completions",
            json!({"model": "a/m1", "stream": true, "stream_options": {"include_usage": true}, "messages": messages}),
        ),
        Dialect::OpenAiResponses => {
            ("/v1/responses", json!({"model": "a/m1", "stream": true, "input": "count"}))
        }
        Dialect::Anthropic => {
            ("/v1/messages", json!({"model": "a/m1", "stream": true, "max_tokens": 99, "messages": messages}))
        }
        Dialect::Ollama => ("/api/chat", json!({"model": "a/m1", "messages": messages})),
        Dialect::Gemini => (
            "/v1beta/models/a/m1:streamGenerateContent?alt=sse",
            json!({"contents": [{"role": "user", "parts": [{"text": "count"}]}]}),
        ),
    }
}

async fn ask(scene: &Scene, dialect: Dialect) -> Result<Reply> {
    let (path, body) = request(dialect);
    scene.client().post(path, body.to_string()).await
}

/// The answer that a client of the dialect understands, by the grammar of streams.
fn read(dialect: Dialect, reply: &Reply) -> Result<ChatResponse> {
    let stamp = Stamp { id: "x".into(), created: 0, model: "x".into() };
    let mut reader = EventReader::new(dialect, &stamp, &Quirks::default());
    let mut events = Vec::new();
    let told = |failure: Failure| anyhow::anyhow!("{dialect}: {}: {}", failure.message, reply.text());
    reader.push(reply.text().as_bytes(), &mut events).map_err(told)?;
    reader.finish(&mut events);
    fold(events).map_err(told)
}

/// The terminal events of a stream, good and bad ones.
fn endings(dialect: Dialect, text: &str) -> (usize, usize) {
    let count = |what: &str| text.matches(what).count();
    match dialect {
        Dialect::OpenAiChat => (count("data: [DONE]"), count("data: {\"error\"")),
        Dialect::OpenAiResponses => (count("event: response.completed"), count("event: response.failed")),
        Dialect::Anthropic => (count("event: message_stop"), count("event: error")),
        Dialect::Ollama => (count("\"done\":true"), count("{\"error\"")),
        Dialect::Gemini => (count("finishReason"), count("\"error\"")),
    }
}

async fn last_call(scene: &Scene) -> Result<CallDetail> {
    let found = async || {
        let rows = control::calls(scene, &CallFilter::default()).await.ok()?;
        rows.into_iter().max_by_key(|row| row.id.clone())
    };
    let row = wait::until("the call on record", Duration::from_secs(20), found).await?;
    match control::ask(scene, ControlRequest::Call { call: row.id }).await? {
        ControlReply::Call(detail) => Ok(*detail),
        other => anyhow::bail!("no call: {other:?}"),
    }
}

#[tokio::test]
async fn every_client_reads_one_answer_of_two_providers() -> Result<()> {
    for dialect in Dialect::ALL {
        let scene = scene(true, true).await?;
        let reply = ask(&scene, dialect).await?;
        let text = reply.text();
        let answer = read(dialect, &reply)?;
        assert_eq!(answer.parts, [Part::text(format!("{FIRST}c3 and c4."))], "{dialect}: {text}");
        assert_eq!(endings(dialect, &text), (1, 0), "{dialect}: {text}");
        assert_eq!(text.matches(r#""llm_link":{"continued_by":"b/m1"}"#).count(), 1, "{dialect}: {text}");
        // The script reports 9 and 12 for the second half; the first one is estimated.
        let output = answer.usage.output.context("usage")?;
        assert!((13..=18).contains(&output), "{dialect}: {output}");
        let asked = scene.upstream("b")?.requests();
        assert_eq!(asked.len(), 1, "{dialect}");
        let turns = asked[0].json()["messages"].clone();
        assert_eq!(
            turns[turns.as_array().context("turns")?.len() - 1],
            json!({"role": "assistant", "content": FIRST.trim_end()}),
            "{dialect}"
        );
        assert!(asked[0].header("x-llm-link-continues").is_none(), "it is nobody else's business");
    }
    Ok(())
}

/// The beginning of a stream in a provider's own dialect.
fn half(dialect: Dialect) -> Vec<u8> {
    let stamp = Stamp { id: "own".into(), created: 5, model: "text".into() };
    let style = ReplyStyle::new(Operation::Chat, UsageInStream::Shown);
    let mut encoder = dialect.event_encoder(&stamp, &style);
    let start = Start { id: Some("msg_own".into()), model: Some("text".into()), ..Start::default() };
    let text = |text: &str| Event::Delta { key: 0, delta: Delta::Text(text.to_owned()) };
    let mut out = Vec::new();
    for event in
        [Event::Start(start), Event::PartStart { key: 0, head: PartHead::Text }, text("c0 c1 "), text("c2 ")]
    {
        encoder.event(&event, &mut out);
    }
    out
}

#[tokio::test]
async fn an_answer_that_passed_through_is_gone_on_with() -> Result<()> {
    for dialect in Dialect::ALL {
        let name = dialect.name();
        let cast = Cast::new()?.player(dialect, &["m1"]).await?;
        let cast = cast.provider_with("b", |p| prefilled(p).priority(10)).await?;
        let lines = format!("continuation = true\nfallback = [\"b\"]\ncandidates = [\"{name}\"]");
        let scene = cast.configure(|config, _| config.default_app(&lines))?.start().await?;
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let headers =
            vec![pair("content-type", dialect.stream_content_type()), pair("transfer-encoding", "chunked")];
        let first = half(dialect);
        let steps = [Step::Head { status: 200, headers }, Step::Chunk(first.clone().into()), Step::Close];
        scene.upstream(name)?.on("m1", Script::just(steps));
        scene.upstream("b")?.on("m1", Script::answer("c3 and c4."));
        let (path, mut body) = request(dialect);
        body["model"] = "m1".into();
        let reply = scene.client().post(&path.replace("a/m1", "m1"), body.to_string()).await?;
        let text = reply.text();
        assert!(text.as_bytes().starts_with(&first), "{dialect}: byte for byte: {text}");
        let answer = read(dialect, &reply)?;
        assert_eq!(answer.parts, [Part::text(format!("{FIRST}c3 and c4."))], "{dialect}: {text}");
        assert_eq!(endings(dialect, &text), (1, 0), "{dialect}: {text}");
        assert_eq!(scene.upstream("b")?.request_count(), 1, "{dialect}");
    }
    Ok(())
}

#[tokio::test]
async fn the_record_counts_both_attempts() -> Result<()> {
    let scene = scene(true, true).await?;
    let reply = ask(&scene, Dialect::OpenAiChat).await?;
    assert_eq!(endings(Dialect::OpenAiChat, &reply.text()), (1, 0), "{}", reply.text());
    let detail = last_call(&scene).await?;
    let (call, trace) = (detail.call, detail.trace.context("a trace")?);
    assert_eq!((call.status, call.failure, call.attempts), (200, None, 2), "{call:?}");
    assert_eq!(call.provider.as_deref(), Some("b"));
    assert!(call.usage.output.is_some_and(|n| (13..=18).contains(&n)), "{:?}", call.usage);
    assert_eq!(call.usage_source, Some(protocol::model::UsageSource::Estimated));
    assert!(
        trace.notes.iter().any(|note| note.contains("a/m1 broke off, b/m1 goes on")),
        "{:?}",
        trace.notes
    );
    assert!(
        trace.attempts[0].message.as_deref().is_some_and(|m| m.contains("after it had begun")),
        "{trace:?}"
    );
    assert_eq!(trace.attempts[1].failure, None);
    Ok(())
}

#[tokio::test]
async fn a_killed_worker_is_no_worse_than_a_cut() -> Result<()> {
    let scene = scene(true, true).await?;
    scene.upstream("a")?.on("m1", Script::broken_stream(3, [Step::Hang]));
    let worker = scene.worker("a").await?;
    let upstream = scene.upstream("a")?;
    let kill = async {
        wait::holds("the call to arrive", Duration::from_secs(10), || upstream.busy() > 0).await?;
        // A moment for what was sent to come through; the idle limit is later.
        tokio::time::sleep(Duration::from_millis(100)).await;
        send(worker, Signal::SIGKILL)
    };
    let (reply, killed) = tokio::join!(ask(&scene, Dialect::Anthropic), kill);
    killed?;
    let reply = reply?;
    let answer = read(Dialect::Anthropic, &reply)?;
    assert_eq!(answer.parts, [Part::text(format!("{FIRST}c3 and c4."))]);
    Ok(())
}

/// What reaches a vendor's upstream that goes on with the answer of `a`.
async fn gone_on_with(preset: &str, model: &str, ask: Dialect) -> Result<Value> {
    let cast = Cast::new()?.provider_with("a", |p| p.fallback(&["b"]).timeout("idle", "400ms")).await?;
    let upstream = Upstream::start().await?;
    let models: toml::Table = toml::from_str(&format!("models = [{model}]"))?;
    let b = Provider::bare("b", preset)
        .set("base_url", upstream.url())
        .set("dialect", "openai-chat")
        .set("proxy", "direct")
        .set("models", models["models"].clone())
        .priority(10);
    let mut key = toml::Table::new();
    key.insert("file".to_owned(), cast.place().key("b", "sk-b")?.to_string_lossy().into_owned().into());
    let cast =
        cast.configure(|config, _| config.provider(b.set("key", key)).default_app("continuation = true"))?;
    let scene = cast.start().await?;
    scene.upstream("a")?.on("m1", Script::broken_stream(3, [Step::Close]));
    upstream.on("m1", Script::answer("c3 and c4."));
    let (path, body) = request(ask);
    let reply = scene.client().post(path, body.to_string()).await?;
    let answer = read(ask, &reply)?;
    assert_eq!(answer.parts, [Part::text(format!("{FIRST}c3 and c4."))], "{preset}: {}", reply.text());
    Ok(upstream.requests().pop().context("a request")?.json())
}

#[tokio::test]
async fn each_vendor_is_asked_to_go_on_in_its_own_way() -> Result<()> {
    const PLAIN: &str = "{ id = \"m1\", prefill = true }";
    const THINKING: &str = "{ id = \"m1\", prefill = true, reasoning = true }";
    let said = json!({"role": "assistant", "content": FIRST.trim_end()});
    for (preset, flag) in
        [("mistral", "prefix"), ("deepseek", "prefix"), ("aliyun", "partial"), ("moonshot", "partial")]
    {
        for ask in [Dialect::OpenAiChat, Dialect::Anthropic] {
            let body = gone_on_with(preset, PLAIN, ask).await?;
            let mut turn = said.clone();
            turn[flag] = true.into();
            let last = body["messages"].as_array().and_then(|turns| turns.last()).context("a turn")?;
            assert_eq!(*last, turn, "{preset}: {body}");
        }
    }
    let body = gone_on_with("vllm", PLAIN, Dialect::OpenAiChat).await?;
    assert_eq!(body["messages"][1], said, "{body}");
    assert_eq!(
        (&body["continue_final_message"], &body["add_generation_prompt"]),
        (&true.into(), &false.into())
    );
    let body = gone_on_with("openai-compatible", PLAIN, Dialect::OpenAiChat).await?;
    assert_eq!(body["messages"][1], said, "{body}");
    assert_eq!(body.get("continue_final_message"), None);
    // A model that would think first is told not to.
    let body = gone_on_with("aliyun", THINKING, Dialect::OpenAiChat).await?;
    assert_eq!(body["enable_thinking"], false, "{body}");
    let body = gone_on_with("moonshot", THINKING, Dialect::OpenAiChat).await?;
    assert_eq!(body["thinking"]["type"], "disabled", "{body}");
    Ok(())
}

/// The stream ends with an error of the client's dialect, once, and `b` was asked so often.
async fn assert_honest(scene: &Scene, case: &str, asked: usize) -> Result<()> {
    for dialect in Dialect::ALL {
        scene.upstream("b")?.forget();
        let reply = ask(scene, dialect).await?;
        let text = reply.text();
        assert_eq!(endings(dialect, &text), (0, 1), "{case}, {dialect}: {text}");
        assert_eq!(scene.upstream("b")?.request_count(), asked, "{case}, {dialect}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_goes_on_unless_the_app_wants_it_and_the_model_can() -> Result<()> {
    assert_honest(&scene(false, true).await?, "not wanted", 0).await?;
    assert_honest(&scene(true, false).await?, "not capable", 0).await
}

#[tokio::test]
async fn a_second_cut_is_told() -> Result<()> {
    let scene = scene(true, true).await?;
    scene.upstream("b")?.on("m1", Script::broken_stream(1, [Step::Close]));
    assert_honest(&scene, "a second cut", 1).await?;
    let call = last_call(&scene).await?.call;
    assert_eq!(call.attempts, 2);
    assert!(call.failure.is_some());
    Ok(())
}

#[tokio::test]
async fn tools_and_thinking_are_never_continued() -> Result<()> {
    let event = |delta: Value| Step::Chunk(script::event(&script::delta(delta, None)));
    let call = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "f", "arguments": "{\"a\":"}}]});
    let cases = [
        ("in a tool call", vec![event(json!({"content": "I look "})), event(call)]),
        ("in thinking", vec![event(json!({"reasoning_content": "hm "}))]),
    ];
    for (case, mut steps) in cases {
        let scene = scene(true, true).await?;
        steps.push(Step::Close);
        scene.upstream("a")?.on("m1", Script::broken_stream(0, steps));
        for dialect in [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses] {
            let reply = ask(&scene, dialect).await?;
            assert_eq!(endings(dialect, &reply.text()), (0, 1), "{case}, {dialect}: {}", reply.text());
            assert_eq!(scene.upstream("b")?.request_count(), 0, "{case}, {dialect}");
        }
    }
    Ok(())
}
