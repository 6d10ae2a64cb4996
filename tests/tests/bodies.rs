//! Bodies of every size: the same bytes at the other end, in both directions.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use protocol::dialect::Dialect;
use serde_json::json;
use std::time::Duration;
use tests::client::{Client, Connection, ask};
use tests::request::digest;
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::say;
use tests::stream::End;

const MIB: usize = 1 << 20;

/// A request of exactly that many bytes for `a/m1`, filled with every kind of JSON character.
fn body_of(len: usize) -> String {
    let mut body = ask("a/m1");
    body["filler"] = "".into();
    let bare = body.to_string().len();
    let pattern = "abcdefghijklmnopqrstuvwxyz0123456789 {}[],:";
    let filler: String = pattern.chars().cycle().take(len.saturating_sub(bare)).collect();
    body["filler"] = filler.into();
    body.to_string()
}

/// What the upstream must receive of it.
fn patched(body: &str) -> String {
    body.replacen("\"model\":\"a/m1\"", "\"model\":\"m1\"", 1)
}

async fn assert_echo(client: &Client, scene: &Scene, len: usize) -> Result<()> {
    let sent = body_of(len);
    let expected = digest(patched(&sent).as_bytes());
    let reply = client.post("/v1/chat/completions", sent).await.with_context(|| format!("{len} bytes"))?;
    assert_eq!(reply.status, 200, "{len} bytes: {}", reply.text().chars().take(300).collect::<String>());
    assert_eq!(digest(&reply.body), expected, "{len} bytes");
    assert_eq!(reply.header("x-request-id"), Some(expected.as_str()), "{len} bytes");
    scene.upstream("a")?.forget();
    say(&format!("{len} bytes there and back in {:?}", reply.took));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_every_size_are_the_same_at_the_other_end() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::Echo);
    let client = scene.client();
    let edges = [16 * 1024, 64 * 1024, 128 * 1024, MIB, 8 * MIB];
    assert_echo(&client, &scene, 0).await?;
    for edge in edges {
        // Around every frame and credit size; the model's patch makes the upstream's body two bytes shorter.
        for len in [edge - 1, edge, edge + 1, edge + 2, edge + 3] {
            assert_echo(&client, &scene, len).await?;
        }
    }
    for len in [20 * MIB, 64 * MIB] {
        assert_echo(&client, &scene, len).await?;
    }
    Ok(())
}

/// Numbers beyond every type, half a surrogate pair, a key twice: a JSON parser refuses or changes each of these, so
/// what passes unchanged was not read by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_parses_what_passes_through() -> Result<()> {
    let scene = Scene::one().await?;
    // The upstream of the tests cannot read it either: it finds no model in it.
    scene.upstream("a")?.on("", Script::Echo);
    let filler = "x".repeat(MIB);
    let body = format!(
        "{{ \"x\":[1e400,-0.0,1.10,12345678901234567890123],\"s\":\"\\ud800\\u0041\\/\",\n\t\"o\":{{\"k\":1,\"k\":2}},\
         \"model\":\"a/m1\",\"messages\":7,\"filler\":\"{filler}\" }}\r\n"
    );
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(&body);
    assert!(parsed.is_err(), "no parser reads this");
    let reply = scene.client().post("/v1/chat/completions", body.clone()).await?;
    assert_eq!((reply.status, digest(&reply.body)), (200, digest(patched(&body).as_bytes())));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_a_length_is_the_same_too() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::Echo);
    let sent = body_of(300_000);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let mut wire = head.as_bytes().to_vec();
    for piece in sent.as_bytes().chunks(7919) {
        wire.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        wire.extend(piece);
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\n\r\n");
    let answer = scene.client().raw(&wire, Duration::from_secs(10)).await?;
    assert!(
        answer.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&answer[..answer.len().min(300)])
    );
    let seen = scene.upstream("a")?.requests().pop().context("a request")?;
    assert_eq!(digest(&seen.body), digest(patched(&sent).as_bytes()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_stream_is_the_same_at_the_other_end() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.start().await?;
    let piece = |i: usize| format!("{i}:{} ", "y".repeat(i % 5000));
    let chunks =
        (0..6000).map(|i| Step::Chunk(script::event(&script::delta(json!({"content": piece(i)}), None))));
    let stop = Step::Chunk(script::event(&script::delta(json!({}), Some("stop"))));
    let end = [stop, Step::Chunk(script::done()), Step::End];
    scene.upstream("a")?.on("m1", Script::just([script::stream_head()].into_iter().chain(chunks).chain(end)));
    let story = scene.client().stream("a/m1").await?.finish().await?;
    assert_eq!(story.end, End::Done);
    let expected: String = (0..6000).map(piece).collect();
    assert_eq!(digest(story.text().as_bytes()), digest(expected.as_bytes()));
    Ok(())
}

#[tokio::test]
async fn any_split_of_the_providers_bytes_gives_the_same_stream() -> Result<()> {
    let scene = Scene::one().await?;
    let event = |text: &str| script::event(&script::delta(json!({"content": text}), None));
    let body =
        [event("ä你"), event("b"), Bytes::from_static(b": comment\r\n\r\n"), event("c"), script::done()]
            .concat();
    for (size, pause) in [(1, Duration::ZERO), (7, Duration::from_millis(1)), (1000, Duration::ZERO)] {
        let head = Step::Head {
            status: 200,
            headers: vec![
                ("content-type".to_owned(), "text/event-stream".to_owned()),
                ("content-length".to_owned(), body.len().to_string()),
            ],
        };
        let slices = Step::Slice { bytes: body.clone().into(), size, pause };
        scene.upstream("a")?.on("m1", Script::just([head, slices]));
        let story = scene.client().stream("a/m1").await?.finish().await?;
        assert_eq!(
            (story.end.clone(), story.text().as_str()),
            (End::Done, "ä你bc"),
            "{size} bytes at a time"
        );
    }
    Ok(())
}

/// Servers and proxies exist that call a stream something else.
#[tokio::test]
async fn a_stream_under_another_name_is_a_stream() -> Result<()> {
    let scene = Scene::one().await?;
    let event = |text: &str| script::event(&script::delta(json!({"content": text}), None));
    let body = [event("a"), event("b"), script::done()].concat();
    for name in
        ["Text/Event-Stream", "text/plain; charset=utf-8", "application/octet-stream", "application/json"]
    {
        let head = Step::Head {
            status: 200,
            headers: vec![
                ("content-type".to_owned(), name.to_owned()),
                ("content-length".to_owned(), body.len().to_string()),
            ],
        };
        let slices = Step::Slice { bytes: body.clone().into(), size: 9, pause: Duration::from_millis(1) };
        scene.upstream("a")?.on("m1", Script::just([head, slices]));
        let story = scene.client().stream("a/m1").await?.finish().await?;
        assert_eq!((story.end.clone(), story.text().as_str()), (End::Done, "ab"), "{name}");
        let asked = json!({"model": "a/m1", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "x"}]});
        let reply = scene.client().post("/v1/messages", asked.to_string()).await?;
        assert!(reply.text().contains("message_stop"), "{name}: {}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_without_a_body_is_no_success() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::status(200, "application/json", ""));
    let reply = scene.client().chat("a/m1").await?;
    assert_eq!(reply.status, 502, "{}", reply.text());
    let mut connection = Connection::open(scene.address()).await?;
    scene.upstream("a")?.on("m1", Script::answer("fine"));
    let request = scene.client().request(Method::POST, "/v1/chat/completions", ask("a/m1").to_string())?;
    assert_eq!(connection.exchange(request).await?.content(), "fine");
    Ok(())
}

/// What only we can have written into a conversation (the signature of another vendor's thinking, sources without
/// the maker's index) does not go to the maker it pretends to be of. All else passes: the request without any byte
/// for byte, and the answers of both.
#[tokio::test]
async fn what_we_signed_ourselves_does_not_reach_its_maker() -> Result<()> {
    let scene = Cast::new()?.player(Dialect::Anthropic, &["text"]).await?.start().await?;
    let source = |url: &str, index: &str| json!({"type": "web_search_result_location", "url": url, "title": "t", "encrypted_index": index, "cited_text": "c"});
    let history = |signature: &str, index: &str| {
        json!({"model": "anthropic/text", "max_tokens": 64, "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "so", "signature": signature},
                {"type": "text", "text": "y", "citations": [source("https://a.example", index), source("https://b.example", "RW8=")]}]},
            {"role": "user", "content": "z"}]})
    };
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/anthropic/text.json"))?;
    let ask = async |body: &serde_json::Value| {
        let reply = scene.client().post("/v1/messages", body.to_string()).await?;
        assert_eq!((reply.status, digest(&reply.body)), (200, digest(&whole)), "{}", reply.text());
        let seen = scene.upstream("anthropic")?.requests().pop().context("a request")?;
        let dropped = reply.header("x-llm-link-dropped").map(str::to_owned);
        anyhow::Ok((seen, dropped))
    };
    let theirs = history("RXJVQg==", "RW8=");
    let (seen, dropped) = ask(&theirs).await?;
    let expected = theirs.to_string().replacen("anthropic/text", "text", 1);
    assert_eq!((digest(&seen.body), dropped), (digest(expected.as_bytes()), None));

    let (seen, dropped) = ask(&history("bGxtLWxpbms=", "")).await?;
    let said = seen.json();
    assert_eq!(
        said["messages"][1]["content"],
        json!([{"type": "text", "text": "y", "citations": [source("https://b.example", "RW8=")]}])
    );
    assert_eq!((&said["model"], &said["max_tokens"]), (&json!("text"), &json!(64)));
    assert_eq!(dropped.as_deref(), Some("messages[1].content;reason=foreign"));

    // A turn of nothing else is none.
    let mut bare = history("bGxtLWxpbms=", "");
    bare["messages"][1]["content"].as_array_mut().context("a list")?.truncate(1);
    let (seen, _) = ask(&bare).await?;
    let turns = json!([{"role": "user", "content": "x"}, {"role": "user", "content": "z"}]);
    assert_eq!(seen.json()["messages"], turns);
    Ok(())
}

/// The same for Responses: reasoning of another vendor's model came under an id of ours, which its maker's API would
/// look for in vain. It alone is cut out of the history; all around it stays byte for byte.
#[tokio::test]
async fn reasoning_under_an_id_of_ours_does_not_reach_openai() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?.player(Dialect::OpenAiResponses, &["text"]).await?;
    let scene = cast.start().await?;
    let thought = json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m1", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "y", "reasoning_content": "so"}}]});
    scene.upstream("a")?.on("m1", Script::status(200, "application/json", thought.to_string()));
    let question = json!({"type": "message", "role": "user", "content": "x"});
    let first = json!({"model": "a/m1", "input": [question]});
    let answer = scene.client().post("/v1/responses", first.to_string()).await?;
    let output = answer.json()["output"].as_array().context("output")?.clone();
    let [ours, said] = output.as_slice() else { anyhow::bail!("two items: {}", answer.text()) };
    assert_eq!((&ours["type"], &ours["summary"][0]["text"]), (&json!("reasoning"), &json!("so")));

    let ask = async |items: &[String]| {
        let body = format!(
            "{{\"x\": 1.10, \"input\": [{}\n], \"model\": \"openai-responses/text\"}}",
            items.join(" , ")
        );
        let reply = scene.client().post("/v1/responses", body.clone()).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let seen = scene.upstream("openai-responses")?.requests().pop().context("a request")?;
        let dropped = reply.header("x-llm-link-dropped").map(str::to_owned);
        anyhow::Ok((String::from_utf8(seen.body.to_vec())?, dropped))
    };
    let expected = |items: &[&str]| {
        format!("{{\"x\": 1.10, \"input\": [{}\n], \"model\": \"text\"}}", items.join(" , "))
    };
    let (question, ours, said) = (question.to_string(), ours.to_string(), said.to_string());
    let theirs =
        r#"{"type":"reasoning", "summary":[], "id":"rs_68af4030", "encrypted_content":"gAAA"}"#.to_owned();
    let (seen, dropped) = ask(&[question.clone(), theirs.clone(), said.clone()]).await?;
    assert_eq!((seen, dropped), (expected(&[&question, &theirs, &said]), None));

    let told = Some("input[1];reason=foreign".to_owned());
    let (seen, dropped) = ask(&[question.clone(), ours.clone(), theirs.clone(), said.clone()]).await?;
    assert_eq!((seen, dropped), (expected(&[&question, &theirs, &said]), told.clone()));
    let (seen, dropped) = ask(&[question.clone(), ours.clone(), ours.clone()]).await?;
    assert_eq!((seen, dropped), (expected(&[&question]), told));
    Ok(())
}
