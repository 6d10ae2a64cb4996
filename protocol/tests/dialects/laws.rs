//! Laws L2, L3 and L6: what is said is read back, splits do not matter, and no bytes do harm.

use super::common::{answer_of, fixtures, frames, head, meaning, stamp, streams, style, translate};
use proptest::prelude::*;
use protocol::dialect::{Dialect, ErrorAnswer, Quirks, Tap, peek};
use protocol::framing::{SseDecoder, SseEvent};
use protocol::model::{
    ChatRequest, ChatResponse, Extras, FunctionTool, Media, MediaKind, MediaSource, Message, OutputLimit,
    Part, RawJson, Reasoning, Role, Sampling, Shape, StopKind, StopReason, Tool, ToolCall, ToolChoice,
    ToolResult, Usage,
};

fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\\\\\"\n\r\u{e9}\u{4f60}\u{1f600}<>{}]{1,12}"
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{}".to_owned()),
        text().prop_map(|value| serde_json::json!({"b": value, "a": 1}).to_string()),
    ]
}

/// Parts that every dialect can say, in the order all of them keep: reasoning, text, calls.
fn answer() -> impl Strategy<Value = ChatResponse> {
    let calls = prop::collection::vec((text(), arguments()), 0..3);
    let counts = (1u64..1000, 0u64..100, 1u64..1000);
    (prop::option::of(text()), prop::option::of(text()), calls, counts, any::<bool>()).prop_map(
        |(reasoning, said, calls, (fresh, cached, output), long)| {
            let mut parts = Vec::new();
            parts.extend(reasoning.map(|text| Part::Reasoning(Reasoning { text, ..Reasoning::default() })));
            parts.extend(said.map(Part::text));
            let kind = match (long, calls.is_empty()) {
                (true, _) => StopKind::Length,
                (false, true) => StopKind::Stop,
                (false, false) => StopKind::Tool,
            };
            for (i, (name, arguments)) in calls.into_iter().enumerate() {
                parts.push(call(&format!("call_{i}"), &name, arguments));
            }
            let usage = Usage {
                input_fresh: Some(fresh),
                cache_read: Some(cached),
                output: Some(output),
                ..Usage::default()
            };
            ChatResponse { parts, stop: StopReason::new(kind, None), usage, ..ChatResponse::default() }
        },
    )
}

fn call(id: &str, name: &str, arguments: String) -> Part {
    let (id, name) = (id.to_owned(), name.to_owned());
    Part::ToolCall(ToolCall { id, name, arguments, continuation: None, extras: Extras::default() })
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, shape: Shape::Text, extras: Extras::default() }
}

/// A conversation with a tool loop, a picture and the options that every dialect knows.
fn request() -> impl Strategy<Value = ChatRequest> {
    let words = (text(), text(), text(), text());
    (
        words,
        arguments(),
        prop::option::of(1u64..10_000),
        prop::option::of(0u8..10),
        prop::collection::vec(text(), 0..3),
    )
        .prop_map(|((system, asked, answered, after), arguments, limit, warm, stop)| {
            let image = Media {
                kind: MediaKind::Image,
                source: MediaSource::Inline { mime: "image/png".to_owned(), base64: "iVBORw0=".to_owned() },
                name: None,
                extras: Extras::default(),
            };
            let result = ToolResult {
                call_id: "call_0".to_owned(),
                name: None,
                parts: vec![Part::text(format!("-{answered}"))],
                shape: Shape::Text,
                is_error: None,
                extras: Extras::default(),
            };
            let stop = stop.into_iter().filter(|word| !word.trim().is_empty()).collect::<Vec<_>>();
            ChatRequest {
                model: "m".to_owned(),
                messages: vec![
                    message(Role::System, vec![Part::text(system)]),
                    message(Role::User, vec![Part::text(asked), Part::Media(image)]),
                    message(Role::Assistant, vec![call("call_0", "f", arguments)]),
                    message(Role::Tool, vec![Part::ToolResult(result)]),
                    message(Role::User, vec![Part::text(after)]),
                ],
                tools: vec![Tool::Function(FunctionTool {
                    name: "f".to_owned(),
                    description: Some("d".to_owned()),
                    schema: RawJson::parse(r#"{"type":"object","properties":{"b":{},"a":{}}}"#),
                    strict: None,
                    extras: Extras::default(),
                })],
                tool_choice: Some(ToolChoice::Auto),
                output_limit: limit.map(|tokens| OutputLimit { tokens, word: Default::default() }),
                sampling: Sampling {
                    temperature: warm
                        .map(|tenths| serde_json::Number::from_f64(f64::from(tenths) / 10.0).unwrap()),
                    stop: (!stop.is_empty())
                        .then_some(protocol::model::Stop { words: stop, shape: Shape::List }),
                    ..Sampling::default()
                },
                ..ChatRequest::default()
            }
        })
}

/// What every dialect can say of a request.
fn gist(request: &ChatRequest, target: Dialect) -> Vec<String> {
    let mut out = vec![format!("{:?} {:?}", request.tools.len(), request.tool_choice)];
    let turns = request.messages.iter().flat_map(|m| m.parts.iter().map(move |part| (m.role, part)));
    for (role, part) in turns {
        match part {
            Part::Text(text) => out.push(format!("{role:?} {}", text.text)),
            Part::Media(media) => out.push(format!("{role:?} {:?}", media.source)),
            Part::ToolCall(call) => {
                let arguments: serde_json::Value = serde_json::from_str(&call.arguments).unwrap();
                out.push(format!("{role:?} {} {arguments}", call.name));
            }
            Part::ToolResult(result) => out.push(result_text(result)),
            Part::Reasoning(_) | Part::Refusal(_) | Part::Opaque(_) => {}
        }
    }
    // Anthropic requires a limit, Responses knows no stop words: both are declared losses.
    if target != Dialect::Anthropic {
        out.push(format!("{:?}", request.output_limit.map(|limit| limit.tokens)));
    }
    if target != Dialect::OpenAiResponses {
        out.push(format!("{:?}", request.sampling.stop.as_ref().map(|stop| &stop.words)));
    }
    out.push(format!("{:?}", request.sampling.temperature.as_ref().and_then(serde_json::Number::as_f64)));
    out
}

fn result_text(result: &ToolResult) -> String {
    let text = protocol::model::joined_text(&result.parts);
    let wrapped: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let inner = wrapped.as_ref().and_then(|value| value["output"].as_str()).map(str::to_owned);
    format!("result {}", inner.unwrap_or(text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// L2, answers: whole and streamed.
    #[test]
    fn an_answer_is_read_back(answer in answer(), dialect in dialects()) {
        let document = dialect.encode_response(&answer, &stamp(), &style());
        let back = dialect.decode_response(&document, &stamp(), &Quirks::default()).unwrap();
        prop_assert_eq!(meaning(&back), meaning(&answer));
        let (stream, verdict) = translate(dialect, Dialect::OpenAiChat, &[&said_in(dialect, &answer)]);
        prop_assert_eq!(verdict, Ok(()));
        prop_assert_eq!(meaning(&answer_of(Dialect::OpenAiChat, &stream).unwrap()), meaning(&answer));
    }

    /// L2, requests, minus the declared losses.
    #[test]
    fn a_request_is_read_back(request in request(), dialect in dialects()) {
        let encoded = dialect.encode_request(request.clone(), &Quirks::default()).unwrap();
        let back = dialect.decode_request(&encoded.body, &head(false)).unwrap();
        let mut want = gist(&request, dialect);
        if matches!(dialect, Dialect::Ollama) {
            want[0] = want[0].replace("Some(Auto)", "None");
        }
        prop_assert_eq!(gist(&back, dialect), want);
    }

    /// L3: the bytes of a translated stream do not depend on how the upstream's bytes were cut.
    #[test]
    fn splits_do_not_matter(from in dialects(), to in dialects(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        for (_, text) in streams(from) {
            let bytes = text.as_bytes();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            places.push(bytes.len());
            places.sort_unstable();
            let mut at = 0;
            let pieces: Vec<&[u8]> = places.iter().map(|end| &bytes[std::mem::replace(&mut at, *end)..*end]).collect();
            prop_assert_eq!(translate(from, to, &pieces), translate(from, to, &[bytes]));
        }
    }

    /// L6: damaged bytes give a value or an error, never a panic.
    #[test]
    fn damaged_bytes_do_no_harm(dialect in dialects(), at in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..8), cut in any::<bool>()) {
        for (_, text) in fixtures(dialect, ".request.json").into_iter().chain(fixtures(dialect, ".response.json")) {
            let damaged = damage(text.as_bytes(), at, &noise, cut);
            let _ = peek::peek(&damaged);
            if let Ok(request) = dialect.decode_request(&damaged, &head(false)) {
                for target in Dialect::ALL {
                    let _ = target.encode_request(request.clone(), &Quirks::default());
                }
            }
            let _ = dialect.decode_response(&damaged, &stamp(), &Quirks::default());
            let _ = Tap::new(dialect).document(&damaged);
            let headers = [("retry-after".to_owned(), String::from_utf8_lossy(&noise).into_owned())];
            let answer = ErrorAnswer { status: 429, headers: &headers, body: &damaged, now_unix_s: 0 };
            let _ = dialect.decode_failure(&answer);
        }
        for (_, text) in streams(dialect) {
            let damaged = damage(text.as_bytes(), at, &noise, cut);
            let _ = translate(dialect, Dialect::Anthropic, &[&damaged]);
            let mut tap = Tap::new(dialect);
            for (_, data) in frames(dialect, &damaged) {
                let data = bytes::Bytes::from(data);
                let _ = tap.event(&SseEvent { raw: data.clone(), range: 0..0, event: None, data: Some(data), terminated: false });
            }
            let _ = tap.end();
        }
    }

    /// L6, framing: any bytes, no loss.
    #[test]
    fn framing_keeps_every_byte(bytes in prop::collection::vec(prop::sample::select(b"data: x\r\n:\xEF\xBB\xBF".to_vec()), 0..60), cut in any::<prop::sample::Index>()) {
        let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
        let mut decoder = SseDecoder::new();
        let mut kept = Vec::new();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            decoder.push(piece);
            while let Some(event) = decoder.next_event().unwrap() {
                kept.extend_from_slice(&event.raw);
            }
        }
        while let Some(event) = decoder.finish() {
            kept.extend_from_slice(&event.raw);
        }
        prop_assert_eq!(kept, bytes);
    }
}

fn damage(bytes: &[u8], at: prop::sample::Index, noise: &[u8], cut: bool) -> Vec<u8> {
    let at = at.index(bytes.len());
    let mut out = bytes[..at].to_vec();
    out.extend_from_slice(noise);
    if !cut {
        out.extend_from_slice(bytes.get(at + noise.len()..).unwrap_or_default());
    }
    out
}

/// An answer as a stream of a dialect: its document's events, written out.
fn said_in(dialect: Dialect, answer: &ChatResponse) -> Vec<u8> {
    let document = dialect.encode_response(answer, &stamp(), &style());
    let events = dialect.decode_document(&document, &stamp(), &Quirks::default()).unwrap();
    let mut encoder = dialect.event_encoder(&stamp(), &style());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    out
}
