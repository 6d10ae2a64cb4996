//! Several answers to one question cross between the two dialects that know them, whole and streamed.

use super::common::{head, meaning, stamp, style, through};
use protocol::dialect::choices::{documents, write_stream, write_whole};
use protocol::dialect::{ChoicesTranslation, Dialect, EventReader, Quirks, ReplyStyle, UsageInStream};
use protocol::model::{Failure, FailureKind, Usage, fold};
use serde_json::{Value, json};

const KNOWING: [Dialect; 2] = [Dialect::OpenAiChat, Dialect::Gemini];

fn two() -> ReplyStyle {
    ReplyStyle { choices: 2, ..style() }
}

/// Two answers, the second of which calls a tool; their pieces interleave.
fn stream(from: Dialect) -> String {
    let chunks = match from {
        Dialect::OpenAiChat => vec![
            json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Red"}}]}),
            json!({"choices": [{"index": 1, "delta": {"role": "assistant", "content": "Blue"}}]}),
            json!({"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "mix", "arguments": "{\"a\":"}}]}},
                {"index": 0, "delta": {"content": "."}}]}),
            json!({"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}),
            json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 9}}),
        ],
        _ => vec![
            json!({"candidates": [{"content": {"parts": [{"text": "Red"}]}}, {"index": 1, "content": {"parts": [{"text": "Blue"}]}}]}),
            json!({"candidates": [{"content": {"parts": [{"text": "."}]}, "finishReason": "MAX_TOKENS"}]}),
            json!({"candidates": [{"index": 1, "content": {"parts": [{"functionCall": {"name": "mix", "args": {"a": 1}}}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 9}}),
        ],
    };
    let text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    if from == Dialect::OpenAiChat { text + "data: [DONE]\n\n" } else { text }
}

fn translate(from: Dialect, to: Dialect, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Failure>) {
    let mut translation = ChoicesTranslation::new(from, to, &stamp(), &Quirks::default(), &two());
    through(pieces, |piece, out| match piece {
        Some(piece) => translation.push(piece, out),
        None => translation.finish(out),
    })
}

/// What one choice of a stream means: text, calls, end and counts.
fn read(dialect: Dialect, text: &[u8], choice: u64) -> Value {
    let mut reader = EventReader::of_choice(dialect, &stamp(), &Quirks::default(), choice);
    let mut events = Vec::new();
    reader.push(text, &mut events).unwrap();
    reader.finish(&mut events);
    said(events)
}

fn said(events: Vec<protocol::model::Event>) -> Value {
    let found = meaning(&fold(events).unwrap());
    json!([found.text, found.calls, format!("{:?}", found.stop), found.input, found.output])
}

fn want() -> [Value; 2] {
    [json!(["Red.", [], "Length", 7, 9]), json!(["Blue", [["mix", {"a": 1}]], "Tool", 7, 9])]
}

#[test]
fn both_answers_of_a_stream_arrive_at_any_split() {
    for from in KNOWING {
        let text = stream(from);
        for to in KNOWING {
            for size in [1, 7, 64, text.len()] {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                let (out, verdict) = translate(from, to, &pieces);
                verdict.unwrap();
                let found = [0, 1].map(|choice| read(to, &out, choice));
                assert_eq!(found, want(), "{from} to {to} in pieces of {size}");
                let text = String::from_utf8(out).unwrap();
                assert_eq!(text.matches("[DONE]").count(), usize::from(to == Dialect::OpenAiChat));
                assert_eq!(text.matches("\"usage\":{").count(), usize::from(to == Dialect::OpenAiChat));
            }
        }
    }
}

#[test]
fn both_answers_of_a_document_arrive() {
    let chat = json!({"id": "c", "choices": [
        {"index": 0, "message": {"content": "Red."}, "finish_reason": "length"},
        {"index": 1, "message": {"content": "Blue", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "mix", "arguments": "{\"a\":1}"}}]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 9}});
    let gemini = json!({"candidates": [
        {"content": {"parts": [{"text": "Red."}]}, "finishReason": "MAX_TOKENS"},
        {"content": {"parts": [{"text": "Blue"}, {"functionCall": {"name": "mix", "args": {"a": 1}}}]}, "finishReason": "STOP", "index": 1}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 9}});
    for (from, body) in [(Dialect::OpenAiChat, chat), (Dialect::Gemini, gemini)] {
        for to in KNOWING {
            let body = body.to_string();
            let all = documents(from, body.as_bytes(), &stamp(), &Quirks::default(), 2).unwrap();
            let whole = write_whole(to, all.clone(), &stamp(), &two()).unwrap();
            let back = documents(to, &whole, &stamp(), &Quirks::default(), 3).unwrap();
            assert_eq!(back.into_iter().map(said).collect::<Vec<_>>(), want(), "{from} to {to}, whole");
            let streamed = write_stream(to, &all, &stamp(), &two());
            assert_eq!([0, 1].map(|choice| read(to, &streamed, choice)), want(), "{from} to {to}, streamed");
        }
    }
}

/// A provider may give fewer answers than were asked for, but none that broke off.
#[test]
fn fewer_answers_are_answers_and_broken_ones_are_not() {
    let one =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n";
    for to in KNOWING {
        let (out, verdict) = translate(Dialect::OpenAiChat, to, &[one.as_bytes(), b"data: [DONE]\n\n"]);
        verdict.unwrap();
        assert_eq!(read(to, &out, 0)[0], "x", "{to}");
        for from in KNOWING {
            let text = stream(from);
            let blue = text.find("Blue").unwrap();
            let cut = blue + text[blue..].find("\n\n").unwrap() + 2;
            let (out, verdict) = translate(from, to, &[&text.as_bytes()[..cut]]);
            let failure = verdict.expect_err("a cut stream");
            assert_eq!(failure.kind, FailureKind::Interrupted, "{from} to {to}");
            let text = String::from_utf8(out).unwrap();
            assert!(!text.contains("[DONE]") && !text.contains("STOP"), "{from} to {to}: {text}");
        }
    }
    let body =
        json!({"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}).to_string();
    let all = documents(Dialect::OpenAiChat, body.as_bytes(), &stamp(), &Quirks::default(), 2).unwrap();
    assert_eq!(all.len(), 1);
    let none = json!({"error": {"message": "no"}}).to_string();
    assert!(documents(Dialect::OpenAiChat, none.as_bytes(), &stamp(), &Quirks::default(), 2).is_err());
}

/// Counts that a client did not ask for stay hidden, and what all choices consumed is told by the stream once.
#[test]
fn counts_are_those_of_all_answers() {
    let mut translation = ChoicesTranslation::new(
        Dialect::Gemini,
        Dialect::OpenAiChat,
        &stamp(),
        &Quirks::default(),
        &ReplyStyle { usage: UsageInStream::Hidden, ..two() },
    );
    let mut out = Vec::new();
    translation.push(stream(Dialect::Gemini).as_bytes(), &mut out).unwrap();
    assert!(translation.content_seen() && !translation.is_over());
    translation.finish(&mut out).unwrap();
    assert!(translation.is_over());
    assert!(!String::from_utf8(out).unwrap().contains("usage"));
    let want = Usage { input_fresh: Some(7), output: Some(9), ..Usage::default() };
    assert_eq!(translation.usage(), want);
    assert_eq!(translation.stop_reason(), Some("MAX_TOKENS"));
}

#[test]
fn the_number_is_said_where_there_is_a_word_and_refused_elsewhere() {
    let asked = [
        (Dialect::OpenAiChat, json!({"messages": [{"role": "user", "content": "x"}], "n": 2}), "n"),
        (
            Dialect::Gemini,
            json!({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"candidateCount": 2}}),
            "generationConfig.candidateCount",
        ),
    ];
    for (from, body, field) in asked {
        let request = from.decode_request(body.to_string().as_bytes(), &head(false)).unwrap();
        assert_eq!(request.answers(), 2);
        for to in Dialect::ALL {
            match to.encode_request(request.clone(), &Quirks::default()) {
                Ok(encoded) => {
                    let said: Value = serde_json::from_slice(&encoded.body).unwrap();
                    let there = [&said["n"], &said["generationConfig"]["candidateCount"]];
                    assert!(there.contains(&&json!(2)), "{from} to {to}: {said}");
                    assert!(encoded.losses.is_empty() && KNOWING.contains(&to), "{from} to {to}");
                }
                Err(failure) => {
                    assert!(!KNOWING.contains(&to), "{from} to {to}");
                    let found = (failure.kind, failure.param.as_deref());
                    assert_eq!(found, (FailureKind::Unsupported, Some(field)), "{from} to {to}");
                }
            }
        }
    }
}
