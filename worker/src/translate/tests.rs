//! Requests on their way out and answers on their way back, whichever side streams.

use super::*;
use protocol::model::fold;
use serde_json::{Value, json};

struct Scene {
    quirks: Arc<Quirks>,
    facts: ModelFacts,
}

impl Scene {
    fn plain() -> Self {
        Self { quirks: Arc::default(), facts: ModelFacts::default() }
    }

    fn ask(
        &self,
        head: &CallHead,
        body: &Value,
        target: Dialect,
        upstream: Transport,
    ) -> Result<Asked, Failure> {
        let pair = Pair { target, upstream, quirks: &self.quirks, facts: &self.facts, now: 1_700_000_000 };
        request(head, body.to_string().as_bytes(), &pair)
    }
}

pub(super) fn head(dialect: Dialect, stream: bool) -> CallHead {
    CallHead {
        call_id: "0190-ab".to_owned(),
        attempt: 1,
        dialect,
        operation: Operation::Chat,
        method: "POST".to_owned(),
        path: String::new(),
        headers: vec![
            ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
            ("anthropic-beta".to_owned(), "x".to_owned()),
            ("traceparent".to_owned(), "00-1".to_owned()),
        ],
        model: "up".to_owned(),
        model_span: Some((1, 2)),
        stream,
        wants_usage: true,
        usage_edit: None,
        strict: false,
        body_len: 0,
        deadline_ms: None,
    }
}

fn upstream_head(stream: bool) -> ReplyHead {
    let headers =
        [("content-type", "text/event-stream"), ("content-encoding", "identity"), ("x-request-id", "r")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    ReplyHead { status: 200, headers, stream, losses: Vec::new() }
}

fn hello() -> Value {
    json!({"model": "public", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
}

const DOCUMENT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
const STREAM: &str = concat!(
    "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n\n"
);

/// Head, body and translator after an answer in pieces of seven bytes.
fn answered(
    client: Dialect,
    wants_stream: bool,
    answer: &str,
    streams: bool,
) -> (ReplyHead, String, Translator) {
    let upstream = if streams { Transport::Stream } else { Transport::Document };
    let body = match client {
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        Dialect::OpenAiResponses => json!({"input": "hi"}),
        _ => hello(),
    };
    let asked =
        Scene::plain().ask(&head(client, wants_stream), &body, Dialect::OpenAiChat, upstream).unwrap();
    let mut back = asked.back;
    let told = back.head(&upstream_head(streams));
    let mut out = Vec::new();
    for piece in answer.as_bytes().chunks(7) {
        back.push(piece, &mut out).unwrap();
    }
    back.finish(&mut out).unwrap();
    (told, String::from_utf8(out).unwrap(), back)
}

#[test]
fn the_request_is_said_anew_and_only_fitting_headers_travel() {
    let asked =
        Scene::plain().ask(&head(Dialect::Anthropic, true), &hello(), Dialect::OpenAiChat, Transport::Stream);
    let Asked { head, body, back } = asked.unwrap();
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&said["model"], &said["max_tokens"], &said["stream"]),
        (&json!("up"), &json!(9), &json!(true))
    );
    assert_eq!(head.body_len, body.len() as u64);
    assert_eq!((head.dialect, head.model_span, head.stream), (Dialect::OpenAiChat, None, true));
    let names: Vec<&str> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["traceparent", "content-type"]);
    assert!(back.changes_dialect());
}

#[test]
fn every_client_is_answered_in_its_own_form_whichever_side_streams() {
    for client in Dialect::ALL {
        for (wants_stream, streams) in [(false, false), (false, true), (true, false), (true, true)] {
            let answer = if streams { STREAM } else { DOCUMENT };
            let (told, out, back) = answered(client, wants_stream, answer, streams);
            let case = format!("{client}, stream wanted {wants_stream}, streams {streams}: {out}");
            let kind = if wants_stream { client.stream_content_type() } else { "application/json" };
            let value = |name: &str| told.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
            assert_eq!((value("content-type"), told.stream), (Some(kind), wants_stream), "{case}");
            assert_eq!((value("content-encoding"), value("x-request-id")), (None, Some("r")), "{case}");
            assert!(back.content_seen(), "{case}");
            assert_eq!(back.stop_reason(), Some("length"), "{case}");
            assert_eq!((back.usage().input_total(), back.usage().output), (Some(3), Some(2)), "{case}");
            let stamp = Stamp { id: "x".to_owned(), created: 1, model: "m".to_owned() };
            let events = match wants_stream {
                false => client.decode_document(out.as_bytes(), &stamp, &Quirks::default()).unwrap(),
                true => {
                    let mut reader = EventReader::new(client, &stamp, &Quirks::default());
                    let mut events = Vec::new();
                    reader.push(out.as_bytes(), &mut events).unwrap();
                    reader.finish(&mut events);
                    events
                }
            };
            let said = fold(events).unwrap();
            assert_eq!(said.parts.iter().filter_map(|p| p.as_text()).collect::<String>(), "hi", "{case}");
            assert_eq!(said.stop.kind, StopKind::Length, "{case}");
        }
    }
}

#[test]
fn a_loss_is_told_and_the_strict_are_refused_with_its_name() {
    let mut body = hello();
    body["logit_bias"] = json!({"5": 1});
    let mut head = head(Dialect::OpenAiChat, false);
    let ask = |head: &CallHead| Scene::plain().ask(head, &body, Dialect::Anthropic, Transport::Document);
    let mut back = ask(&head).unwrap().back;
    let losses = back.head(&upstream_head(false)).losses;
    assert_eq!(losses, [Loss { field: "logit_bias".to_owned(), reason: LossReason::Unsupported }]);
    head.strict = true;
    let refused = ask(&head).unwrap_err();
    assert_eq!((refused.kind, refused.param.as_deref()), (FailureKind::Unsupported, Some("logit_bias")));
}

#[test]
fn what_must_be_invented_refuses_nobody() {
    let mut head = head(Dialect::OpenAiChat, false);
    head.strict = true;
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    let asked = Scene::plain().ask(&head, &body, Dialect::Anthropic, Transport::Document).unwrap();
    let said: Value = serde_json::from_slice(&asked.body).unwrap();
    assert!(said["max_tokens"].as_u64().is_some_and(|most| most > 0), "{said}");
    let mut back = asked.back;
    assert_eq!(back.head(&upstream_head(false)).losses[0].reason, LossReason::Invented);
}

#[test]
fn a_hint_is_told_and_refuses_nobody() {
    let cached = json!({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}});
    let claude = json!({"max_tokens": 9, "metadata": {"user_id": "u".repeat(65)}, "system": [cached],
        "messages": [{"role": "user", "content": "hi"}]});
    let mut chat = hello();
    chat["prompt_cache_key"] = json!("k");
    for (client, body, target, want) in [
        (Dialect::OpenAiChat, &chat, Dialect::Gemini, &["prompt_cache_key"][..]),
        (
            Dialect::Anthropic,
            &claude,
            Dialect::OpenAiChat,
            &["system[0].cache_control", "metadata.user_id"][..],
        ),
    ] {
        let mut head = head(client, false);
        head.strict = true;
        let asked = Scene::plain().ask(&head, body, target, Transport::Document);
        let losses = asked.unwrap().back.head(&upstream_head(false)).losses;
        assert_eq!(losses.iter().map(|loss| loss.field.as_str()).collect::<Vec<_>>(), want);
        let mut body = body.clone();
        body["service_tier"] = json!("priority");
        let refused = Scene::plain().ask(&head, &body, Dialect::Ollama, Transport::Document).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("service_tier"), "{client}");
    }
}

#[test]
fn a_body_that_cannot_be_read_names_the_field() {
    let body = json!({"messages": [{"role": "oracle", "content": "hi"}]});
    let asked =
        Scene::plain().ask(&head(Dialect::Anthropic, false), &body, Dialect::OpenAiChat, Transport::Document);
    let failure = asked.unwrap_err();
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (FailureKind::InvalidRequest, Some("messages[0].role"))
    );
}

#[test]
fn a_stream_that_breaks_off_is_a_failure_for_every_client() {
    let cut = &STREAM[..STREAM.find("data: {\"choices\"").unwrap()];
    for client in [Dialect::Anthropic, Dialect::Ollama, Dialect::OpenAiChat] {
        for wants_stream in [true, false] {
            let head = head(client, wants_stream);
            let asked = Scene::plain().ask(&head, &hello(), Dialect::OpenAiChat, Transport::Stream).unwrap();
            let mut back = asked.back;
            back.head(&upstream_head(true));
            let mut out = Vec::new();
            back.push(cut.as_bytes(), &mut out).unwrap();
            let failure = back.finish(&mut out).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Interrupted, "{client}");
            // Committed is what the client has seen: a document has not begun.
            assert_eq!(back.content_seen(), wants_stream, "{client}");
            assert_eq!(out.is_empty(), !wants_stream, "{client}");
        }
    }
}

#[test]
fn a_filter_that_refuses_under_a_200_is_an_answer() {
    let answer = r#"{"error":{"message":"no","code":"content_filter"}}"#;
    let (_, out, back) = answered(Dialect::Anthropic, false, answer, false);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["type"], &told["stop_reason"]), (&json!("message"), &json!("refusal")));
    assert!(back.content_seen());
    let asked = Scene::plain().ask(
        &head(Dialect::Anthropic, false),
        &hello(),
        Dialect::OpenAiChat,
        Transport::Document,
    );
    let mut back = asked.unwrap().back;
    back.head(&upstream_head(false));
    back.push(br#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#, &mut Vec::new()).unwrap();
    assert_eq!(back.finish(&mut Vec::new()).unwrap_err().kind, FailureKind::RateLimited);
}

#[test]
fn embeddings_are_asked_and_told_in_both_directions() {
    let mut head = head(Dialect::OpenAiChat, false);
    (head.operation, head.path) = (Operation::Embed, String::new());
    let body = json!({"model": "x", "input": ["a", "b"], "encoding_format": "base64", "user": "u"});
    let asked = embeddings(&head, body.to_string().as_bytes(), Dialect::Ollama).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&asked.body).unwrap(),
        json!({"model": "up", "input": ["a", "b"]})
    );
    assert_eq!((asked.head.dialect, asked.head.operation), (Dialect::Ollama, Operation::Embed));
    let mut back = asked.back;
    let losses = back.head(&upstream_head(false)).losses;
    assert!(losses.iter().any(|loss| loss.field == "user"), "{losses:?}");
    let mut out = Vec::new();
    back.push(br#"{"embeddings":[[0.5],[1.0]],"prompt_eval_count":4}"#, &mut out).unwrap();
    back.finish(&mut out).unwrap();
    let told: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(told["data"][1]["embedding"], json!("AACAPw=="));
    assert_eq!((back.usage().input_fresh, &told["usage"]["prompt_tokens"]), (Some(4), &json!(4)));
    head.strict = true;
    assert!(embeddings(&head, body.to_string().as_bytes(), Dialect::Ollama).is_ok(), "a hint");
    let body = json!({"input": "a", "user": "u", "truncate": true});
    let refused = embeddings(&head, body.to_string().as_bytes(), Dialect::Ollama).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("truncate"));
}

#[test]
fn a_tool_loop_of_ollama_becomes_one_of_anthropic() {
    let body = json!({"model": "x", "messages": [
        {"role": "user", "content": "time?"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now", "arguments": {"b": 1, "a": 2}}}]},
        {"role": "tool", "tool_name": "now", "content": "noon"}]});
    let asked = Scene::plain()
        .ask(&head(Dialect::Ollama, true), &body, Dialect::Anthropic, Transport::Stream)
        .unwrap();
    let said: Value = serde_json::from_slice(&asked.body).unwrap();
    let (call, result) = (&said["messages"][1]["content"][0], &said["messages"][2]["content"][0]);
    assert_eq!(
        (&call["type"], &call["input"].to_string()),
        (&json!("tool_use"), &r#"{"b":1,"a":2}"#.to_owned())
    );
    assert_eq!((&result["type"], &result["tool_use_id"]), (&json!("tool_result"), &call["id"]));
}

#[test]
fn what_the_client_has_no_word_for_is_a_loss_of_the_answer() {
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let whole = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"content": "here", "images": [picture], "audio": {"data": "UklGRg==", "transcript": ""}}}]});
    let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "here", "images": [picture]}, "finish_reason": "stop"}]});
    let stream = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    for (client, lost) in [
        (Dialect::Anthropic, vec!["answer.image", "answer.audio"]),
        (Dialect::Ollama, vec!["answer.image", "answer.audio"]),
        (Dialect::OpenAiResponses, vec!["answer.audio"]),
        (Dialect::Gemini, vec![]),
    ] {
        for wants_stream in [false, true] {
            let (_, out, mut back) = answered(client, wants_stream, &whole.to_string(), false);
            let found: Vec<String> = back.unsaid().into_iter().map(|loss| loss.field).collect();
            assert_eq!(found, lost, "{client}: {out}");
        }
        let (_, out, mut back) = answered(client, true, &stream, true);
        let found = back.unsaid();
        let pictures = usize::from(matches!(client, Dialect::Anthropic | Dialect::Ollama));
        assert_eq!(found.len(), pictures, "{client}: {found:?}: {out}");
        assert!(back.unsaid().is_empty(), "told once");
    }
}
