//! What clients do wrong: each mistake has its status, OpenAI's error shape, and a message that helps.

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::client::{Client, Reply, ask};
use tests::scene::{Cast, Scene};
use tests::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The answer is an error in OpenAI's shape that holds these words.
fn assert_error(case: &str, reply: &Reply, status: u16, words: &[&str]) {
    assert_eq!(reply.status, status, "{case}: {}", reply.text());
    let error = reply.json()["error"].clone();
    assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "{case}: {}", reply.text());
    assert!(error["type"].is_string(), "{case}: {}", reply.text());
    for key in ["param", "code"] {
        assert!(error.get(key).is_some(), "{case}: no {key} in {}", reply.text());
    }
    let text = reply.text();
    assert!(words.iter().all(|w| text.contains(w)), "{case}: {words:?} in {text}");
    let content_type = reply.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("application/json"), "{case}: {content_type}");
}

struct Case {
    name: &'static str,
    method: Method,
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    words: &'static [&'static str],
}

fn case(name: &'static str, body: impl Into<Vec<u8>>, status: u16, words: &'static [&'static str]) -> Case {
    let (method, path, content_type) = (Method::POST, "/v1/chat/completions", "application/json");
    Case { name, method, path, content_type, body: body.into(), status, words }
}

fn cases() -> Vec<Case> {
    let ok = || ask("a/m1").to_string();
    let deep = format!("{{\"model\":\"a/m1\",\"messages\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let mut not_utf8 = ok().into_bytes();
    not_utf8.splice(11..11, [0xff, 0xfe]);
    vec![
        case("not JSON", "not json", 400, &["JSON"]),
        case("cut JSON", "{\"model\":\"a/m1\",", 400, &[]),
        case("two documents", "{\"model\":\"a/m1\"}{}", 400, &[]),
        case("empty body", "", 400, &[]),
        case("not an object", "[1,2]", 400, &[]),
        case("not UTF-8", not_utf8, 400, &[]),
        case("very deep", deep, 400, &[]),
        case("no model", json!({"messages": []}).to_string(), 400, &["model"]),
        case("model is no string", json!({"model": 7, "messages": []}).to_string(), 400, &["model"]),
        case("two models", "{\"model\":\"a/m1\",\"model\":\"b/m1\",\"messages\":[]}", 400, &["model"]),
        case("unknown model", ask("none-such").to_string(), 404, &["none-such", "m1"]),
        case("unknown provider", ask("zzz/m1").to_string(), 404, &["zzz/m1"]),
        Case { method: Method::GET, ..case("wrong method", "", 405, &[]) },
        Case { method: Method::PUT, ..case("another wrong method", ok(), 405, &[]) },
        Case { content_type: "text/plain", ..case("wrong type", ok(), 415, &["application/json"]) },
        Case { content_type: "multipart/form-data; boundary=x", ..case("a form", ok(), 415, &[]) },
        Case { path: "/v1/nothing/here", ..case("unknown path", ok(), 404, &["/v1/nothing/here"]) },
        Case { path: "/nothing", method: Method::GET, ..case("unknown page", "", 404, &[]) },
    ]
}

#[tokio::test]
async fn every_mistake_is_told_in_the_clients_own_words() -> Result<()> {
    let scene = Scene::one().await?;
    let client = scene.client();
    for case in cases() {
        let mut request = client.request(case.method, case.path, case.body)?;
        request.headers_mut().insert("content-type", case.content_type.parse()?);
        let reply = client.send(request).await.with_context(|| case.name)?;
        assert_error(case.name, &reply, case.status, case.words);
    }
    assert_eq!(scene.upstream("a")?.request_count(), 0, "nothing of this reached the provider");
    let wrong = client.send(client.request(Method::DELETE, "/v1/chat/completions", "")?).await?;
    assert_eq!(wrong.header("allow").map(|a| a.contains("POST")), Some(true), "{:?}", wrong.headers);
    assert_eq!(client.chat("a/m1").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_is_401_and_a_right_one_is_not() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let cast = cast.configure(|c, place| Ok(c.app("web", &place.key("web", "right-key")?)))?;
    let scene = cast.start().await?;
    let client = scene.client();
    assert_error("wrong", &client.clone().with_key("wrong-key").chat("a/m1").await?, 401, &[]);
    let text = client.clone().with_key("wrong-key").chat("a/m1").await?.text();
    assert!(!text.contains("wrong-key") && !text.contains("right-key"), "{text}");
    assert_eq!(client.clone().with_key("right-key").chat("a/m1").await?.status, 200);
    assert_eq!(client.with_header("x-api-key", "right-key").chat("a/m1").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn sizes_have_a_limit_that_is_told() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.configure(|c, _| Ok(c.server("body_limit", "1MiB")))?.start().await?;
    let client = scene.client();
    let body_of = |len: usize| {
        let mut body = ask("a/m1");
        body["filler"] = "x".repeat(len - ask("a/m1").to_string().len() - 12).into();
        body.to_string()
    };
    assert_eq!(client.post("/v1/chat/completions", body_of(1 << 20)).await?.status, 200);
    let over = client.post("/v1/chat/completions", body_of((1 << 20) + 1)).await?;
    assert_error("too large", &over, 413, &[]);
    // Without a length, the limit counts what comes.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(20) + "0\r\n\r\n";
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\n\r\n";
    let answer = client.raw(format!("{head}{chunk}").as_bytes(), Duration::from_secs(5)).await?;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    let client_with = |len: usize| client.clone().with_header("x-long", &"y".repeat(len));
    assert_error("a long head", &client_with(100_000).chat("a/m1").await?, 431, &[]);
    let long = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "y".repeat(300_000));
    let answer = client.raw(long.as_bytes(), Duration::from_secs(5)).await?;
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

#[tokio::test]
async fn malformed_http_is_refused_and_harms_nobody() -> Result<()> {
    let scene = Scene::one().await?;
    let client = scene.client();
    let length = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let cases = [
        "\r\n\r\n\0\x01\x02garbage\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "G@T / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        format!("{length}content-length: -1\r\n\r\n"),
        format!("{length}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef"),
        format!("{length}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
        format!("{length}bad header\r\n\r\n"),
    ];
    for case in cases {
        let answer = client.raw(case.as_bytes(), Duration::from_secs(5)).await?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{case:?}: {text}");
    }
    assert_eq!(client.chat("a/m1").await?.status, 200);
    assert_eq!(scene.upstream("a")?.request_count(), 1);
    Ok(())
}

/// Writes a byte now and then; gives the time until the other side had enough of it.
async fn drip(client: &Client, start: &str, patience: Duration) -> Result<(Duration, String)> {
    let mut socket = TcpStream::connect(client.address()).await?;
    socket.write_all(start.as_bytes()).await?;
    let begin = Instant::now();
    let mut answer = Vec::new();
    let mut buf = [0u8; 1024];
    while begin.elapsed() < patience {
        if socket.write_all(b"x").await.is_err() {
            break;
        }
        match tokio::time::timeout(Duration::from_millis(100), socket.read(&mut buf)).await {
            Ok(Ok(0) | Err(_)) => {
                return Ok((begin.elapsed(), String::from_utf8_lossy(&answer).into_owned()));
            }
            Ok(Ok(n)) => answer.extend_from_slice(&buf[..n]),
            Err(_) => {}
        }
    }
    Ok((begin.elapsed(), String::from_utf8_lossy(&answer).into_owned()))
}

#[tokio::test]
async fn a_slow_loris_is_shown_the_door() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.configure(|c, _| Ok(c.server("read_timeout", "1s")))?.start().await?;
    let client = scene.client();
    let patience = Duration::from_secs(20);
    let paths = [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/api/chat",
        "/v1beta/models/a%2Fm1:generateContent",
    ];
    for path in paths {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-slow: ");
        let (took, answer) = drip(&client, &head, patience).await?;
        assert!(took < Duration::from_secs(15), "a slow head for {path} was borne for {took:?}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
    }
    let silent = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 100000\r\n\r\n{";
    let begin = Instant::now();
    let answer = client.raw(silent.as_bytes(), patience).await?;
    assert!(begin.elapsed() < Duration::from_secs(15), "a silent body was borne for {:?}", begin.elapsed());
    let text = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || text.starts_with("HTTP/1.1 408 "), "{text}");
    let calls = async || client.chat("a/m1").await.ok().filter(|r| r.status == 200);
    wait::until("an answer beside the loris", Duration::from_secs(5), calls).await?;
    Ok(())
}

#[tokio::test]
async fn an_error_before_a_stream_is_no_stream() -> Result<()> {
    let scene = Scene::one().await?;
    let mut body = ask("none-such");
    body["stream"] = true.into();
    let reply = scene.client().post("/v1/chat/completions", body.to_string()).await?;
    assert_error("streamed", &reply, 404, &["none-such"]);
    assert_eq!(reply.json()["error"]["code"], Value::from("model_not_found"));
    Ok(())
}
