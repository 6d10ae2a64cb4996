//! What clients of the other dialects do wrong: the same mistakes as in `bad_input`, each answered with its status
//! in the envelope that this dialect's clients read.

use anyhow::{Context, Result};
use http::Method;
use protocol::dialect::Dialect;
use serde_json::{Value, json};
use std::time::Duration;
use tests::client::{Client, Reply};
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};

/// How a dialect asks for a conversation.
struct Voice {
    dialect: Dialect,
    /// Below which its clients look for everything.
    root: &'static str,
    key_header: &'static str,
}

const VOICES: [Voice; 4] = [
    Voice { dialect: Dialect::OpenAiResponses, root: "/v1/responses", key_header: "authorization" },
    Voice { dialect: Dialect::Anthropic, root: "/v1/messages", key_header: "x-api-key" },
    Voice { dialect: Dialect::Ollama, root: "/api/chat", key_header: "authorization" },
    Voice { dialect: Dialect::Gemini, root: "/v1beta/models", key_header: "x-goog-api-key" },
];

impl Voice {
    /// Where that model is asked; only Gemini says it here.
    fn path(&self, model: &str) -> String {
        match self.dialect {
            Dialect::Gemini => format!("{}/{model}:generateContent", self.root),
            _ => self.root.to_owned(),
        }
    }

    fn body(&self, model: &str) -> Value {
        let turns = json!([{"role": "user", "content": "hello"}]);
        match self.dialect {
            Dialect::OpenAiResponses => json!({"model": model, "input": turns}),
            Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}),
            Dialect::Anthropic => json!({"model": model, "max_tokens": 9, "messages": turns}),
            Dialect::OpenAiChat | Dialect::Ollama => {
                json!({"model": model, "stream": false, "messages": turns})
            }
        }
    }

    /// A path of this dialect that does not exist.
    fn nowhere(&self) -> &'static str {
        match self.dialect {
            Dialect::Anthropic => "/v1/messages/nothing",
            Dialect::Ollama => "/api/nothing",
            Dialect::Gemini => "/v1beta/nothing",
            Dialect::OpenAiChat | Dialect::OpenAiResponses => "/v1/nothing/here",
        }
    }

    fn assert(&self, case: &str, reply: &Reply, status: u16, words: &[&str]) {
        let (text, body) = (reply.text(), reply.json());
        assert_eq!(reply.status, status, "{}: {case}: {text}", self.dialect);
        let content_type = reply.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("application/json"), "{}: {case}: {content_type}", self.dialect);
        let message = match self.dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                assert!(body["error"]["type"].is_string(), "{case}: {text}");
                &body["error"]["message"]
            }
            Dialect::Anthropic => {
                assert_eq!(body["type"], "error", "{case}: {text}");
                assert_eq!(body["error"]["type"], anthropic_type(status), "{case}: {text}");
                &body["error"]["message"]
            }
            Dialect::Ollama => &body["error"],
            Dialect::Gemini => {
                assert_eq!(body["error"]["code"], status, "{case}: {text}");
                assert_eq!(body["error"]["status"], google_status(status), "{case}: {text}");
                &body["error"]["message"]
            }
        };
        let message = message.as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{}: {case}: {text}", self.dialect);
        assert!(words.iter().all(|w| message.contains(w)), "{}: {case}: {words:?} in {text}", self.dialect);
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        404 => "not_found_error",
        413 | 431 => "request_too_large",
        429 => "rate_limit_error",
        502 => "api_error",
        504 => "timeout_error",
        _ => "invalid_request_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        502 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> Result<Reply> {
    let mut request = client.request(method, path, body)?;
    request.headers_mut().insert("content-type", content_type.parse()?);
    client.send(request).await.with_context(|| path.to_owned())
}

/// What is wrong; method, path, content type and body that say it; the status and words of the answer.
type Mistake<'a> = (&'a str, Method, String, &'a str, Vec<u8>, u16, &'a [&'a str]);

async fn every_mistake(voice: &Voice, client: &Client) -> Result<()> {
    let (json, post) = ("application/json", Method::POST);
    let (path, good) = (voice.path("a/m1"), voice.body("a/m1").to_string().into_bytes());
    let table: [Mistake<'_>; 7] = [
        ("not JSON", post.clone(), path.clone(), json, b"not json".to_vec(), 400, &["JSON"]),
        ("cut JSON", post.clone(), path.clone(), json, b"{\"model\":\"a/m1\",".to_vec(), 400, &[]),
        ("empty body", post.clone(), path.clone(), json, Vec::new(), 400, &[]),
        ("wrong type", post.clone(), path.clone(), "text/plain", good.clone(), 415, &["application/json"]),
        ("wrong method", Method::DELETE, path.clone(), json, good.clone(), 405, &[]),
        ("unknown path", post.clone(), voice.nowhere().to_owned(), json, good.clone(), 404, &["nothing"]),
        (
            "unknown model",
            post.clone(),
            voice.path("none-such"),
            json,
            voice.body("none-such").to_string().into_bytes(),
            404,
            &["none-such"],
        ),
    ];
    for (case, method, path, content_type, body, status, words) in table {
        // Ollama reads JSON whatever it is called, and people's scripts rely on it.
        if case == "wrong type" && voice.dialect == Dialect::Ollama {
            continue;
        }
        let reply = send(client, method, &path, content_type, body).await?;
        voice.assert(case, &reply, status, words);
    }
    if voice.dialect != Dialect::Gemini {
        let mut body = voice.body("x");
        body.as_object_mut().context("an object")?.remove("model");
        let reply = send(client, post, &path, json, body.to_string().into_bytes()).await?;
        voice.assert("no model", &reply, 400, &["model"]);
    }
    Ok(())
}

#[tokio::test]
async fn every_mistake_is_told_in_the_dialect_it_was_made_in() -> Result<()> {
    let scene = Scene::one().await?;
    for voice in &VOICES {
        every_mistake(voice, &scene.client()).await?;
        let answered = scene.client().post(&voice.path("a/m1"), voice.body("a/m1").to_string()).await?;
        assert_eq!(answered.status, 200, "{}: {}", voice.dialect, answered.text());
    }
    assert_eq!(
        scene.upstream("a")?.request_count(),
        VOICES.len(),
        "only what was right reached the provider"
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_and_a_large_body_are_told_in_every_dialect() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let cast = cast.configure(|c, place| {
        Ok(c.server("body_limit", "1MiB").app("web", &place.key("web", "right-key")?))
    })?;
    let scene = cast.start().await?;
    for voice in &VOICES {
        let scheme = if voice.key_header == "authorization" { "Bearer " } else { "" };
        let with = |key: &str| scene.client().with_header(voice.key_header, &format!("{scheme}{key}"));
        let (path, mut body) = (voice.path("a/m1"), voice.body("a/m1"));
        let wrong = with("wrong-key").post(&path, body.to_string()).await?;
        voice.assert("wrong key", &wrong, 401, &[]);
        assert!(
            !wrong.text().contains("wrong-key") && !wrong.text().contains("right-key"),
            "{}",
            wrong.text()
        );
        assert_eq!(with("right-key").post(&path, body.to_string()).await?.status, 200, "{}", voice.dialect);
        body["filler"] = "x".repeat(1 << 20).into();
        let large = with("right-key").post(&path, body.to_string()).await?;
        voice.assert("too large", &large, 413, &[]);
    }
    Ok(())
}

/// The answer in what came over a bare connection.
fn parsed(bytes: &[u8]) -> Result<Reply> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {text}"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status")?.parse()?;
    let mut headers = http::HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").context("a header")?;
        headers.insert(http::HeaderName::try_from(name)?, value.parse()?);
    }
    Ok(Reply { status, headers, body: body.as_bytes().to_vec().into(), took: Duration::ZERO })
}

#[tokio::test]
async fn large_heads_and_slow_bodies_are_told_in_every_dialect() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let cast = cast.configure(|c, _| Ok(c.server("header_limit", "16KiB").server("read_timeout", "1s")))?;
    let scene = cast.start().await?;
    let patience = Duration::from_secs(20);
    for voice in &VOICES {
        let (client, path) = (scene.client(), voice.path("a/m1"));
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        let silent = format!("{head}content-length: 100000\r\n\r\n{{");
        let answer = client.raw(silent.as_bytes(), patience).await?;
        voice.assert("silent body", &parsed(&answer)?, 408, &[]);
        let large = format!("{head}x-long: {}\r\ncontent-length: 2\r\n\r\n{{}}", "y".repeat(20_000));
        let answer = client.raw(large.as_bytes(), patience).await?;
        voice.assert("large head", &parsed(&answer)?, 431, &["16384"]);
    }
    assert_eq!(scene.upstream("a")?.request_count(), 0);
    Ok(())
}

/// What goes wrong behind the door is the router's to tell: limits of ours, providers that cannot be reached or do
/// not answer in time.
#[tokio::test]
async fn what_the_router_makes_is_told_in_every_dialect() -> Result<()> {
    let cast = Cast::new()?
        .provider_with("mute", |p| p.timeout("first_token", "300ms").timeout("total", "600ms"))
        .await?
        .provider_at("gone", "http://127.0.0.1:9/v1", |p| p.models(&["m1"]))?;
    let scene = cast.start().await?;
    scene.upstream("mute")?.on("m1", Script::just([Step::Hang]));
    for voice in &VOICES {
        for (case, model, status) in [("unreachable", "gone/m1", 502), ("timeout", "mute/m1", 504)] {
            let reply = scene.client().post(&voice.path(model), voice.body(model).to_string()).await?;
            voice.assert(case, &reply, status, &[]);
        }
    }
    let cast = Cast::new()?.provider("a").await?;
    let limited = "limits = { requests_per_minute = 1 }";
    let scene = cast.configure(|c, _| c.default_app(limited))?.start().await?;
    let first = scene.client().chat("a/m1").await?;
    assert_eq!(first.status, 200, "{}", first.text());
    for voice in &VOICES {
        let reply = scene.client().post(&voice.path("a/m1"), voice.body("a/m1").to_string()).await?;
        voice.assert("over the limit", &reply, 429, &[]);
        let wait: u64 = reply.header("retry-after").context("retry-after")?.parse()?;
        assert!((1..=60).contains(&wait), "{}: {wait}", voice.dialect);
        if voice.dialect == Dialect::Gemini {
            let delay = &reply.json()["error"]["details"][0]["retryDelay"];
            assert_eq!(*delay, format!("{wait}s"), "{}", reply.text());
        }
    }
    Ok(())
}

/// A strict app's client reads the name of its own field, not of ours.
#[tokio::test]
async fn strict_apps_are_told_their_own_field() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.configure(|c, _| c.default_app("strict = true"))?.start().await?;
    for voice in &VOICES {
        let mut body = voice.body("a/m1");
        let field = match voice.dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                body["truncation"] = "auto".into();
                "truncation"
            }
            Dialect::Anthropic => {
                body["messages"][0]["content"] = json!([{"type": "text", "text": "hi", "weight": 2}]);
                "messages[0].content[0].weight"
            }
            Dialect::Ollama => {
                body["options"] = json!({"top_k": 5});
                "options.top_k"
            }
            Dialect::Gemini => {
                body["generationConfig"] = json!({"topK": 5});
                "generationConfig.topK"
            }
        };
        let reply = scene.client().post(&voice.path("a/m1"), body.to_string()).await?;
        voice.assert("strict", &reply, 400, &[&format!("`{field}`")]);
    }
    assert_eq!(scene.upstream("a")?.request_count(), 0, "nothing was sent");
    Ok(())
}

/// What only advises the provider is left out and told; a strict app has its answer all the same.
#[tokio::test]
async fn hints_refuse_no_strict_app() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?.player(Dialect::Anthropic, &["text"]).await?;
    let scene = cast.configure(|c, _| c.default_app("strict = true"))?.start().await?;
    let ask = async |path: &str, body: &Value| scene.client().post(path, body.to_string()).await;

    let cached = json!({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}});
    let mut claude = VOICES[1].body("a/m1");
    claude["system"] = json!([cached]);
    claude["messages"][0]["content"] = json!([cached]);
    let reply = ask("/v1/messages", &claude).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let dropped = reply.header("x-llm-link-dropped");
    assert_eq!(dropped, Some("system[0].cache_control;reason=unsupported"));

    let mut chat = json!({"model": "anthropic/text", "messages": [{"role": "user", "content": "hello"}]});
    chat["prompt_cache_key"] = "conversation".into();
    let reply = ask("/v1/chat/completions", &chat).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let dropped = reply.header("x-llm-link-dropped").unwrap_or_default();
    assert!(dropped.contains("prompt_cache_key;reason=unsupported"), "{dropped}");

    let asked = scene.upstream("anthropic")?.request_count();
    chat["service_tier"] = "flex".into();
    let reply = ask("/v1/chat/completions", &chat).await?;
    assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some("service_tier")));
    assert_eq!(scene.upstream("anthropic")?.request_count(), asked, "nothing was sent");
    Ok(())
}
