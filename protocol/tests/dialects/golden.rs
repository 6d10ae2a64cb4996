//! Laws L1, L4 and L7 over the fixtures: a request survives its own dialect, a stream means what its document means,
//! and every case in every dialect is a reviewed snapshot.

use super::common::{answer_of, fixtures, head, meaning, stamp, streams, style, translate};
use protocol::dialect::openai_chat::quirks::ReasoningField;
use protocol::dialect::{Dialect, Quirks};
use serde_json::Value;

/// L1. The request head's model and stream flag are the caller's, not the body's.
#[test]
fn a_request_survives_its_own_dialect() {
    for dialect in Dialect::ALL {
        for (case, text) in fixtures(dialect, ".request.json") {
            let request = dialect.decode_request(text.as_bytes(), &head(false)).unwrap();
            let encoded = dialect.encode_request(request.clone(), &Quirks::default()).unwrap();
            assert_eq!(encoded.losses, [], "{dialect} {case}");
            let (want, got): (Value, Value) =
                (serde_json::from_str(&text).unwrap(), serde_json::from_slice(&encoded.body).unwrap());
            let mut got = got;
            if dialect == Dialect::Gemini && got["generationConfig"] == serde_json::json!({}) {
                got.as_object_mut().unwrap().remove("generationConfig");
            }
            assert_eq!(got, want, "{dialect} {case}");
        }
    }
}

/// L1 in the parts a tree would hide: the order of schema properties and the spelling of numbers.
#[test]
fn order_and_numbers_survive() {
    let body = r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"b":1.10,"a":{"z":1e400,"y":12345678901234567890123}}}}],"x":[1.0,-0]}"#;
    for target in
        [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Ollama, Dialect::Gemini]
    {
        let request = Dialect::OpenAiChat.decode_request(body.as_bytes(), &head(false)).unwrap();
        let encoded = target.encode_request(request.clone(), &Quirks::default()).unwrap();
        let text = String::from_utf8(encoded.body).unwrap();
        assert!(
            text.contains(r#"{"b":1.10,"a":{"z":1e400,"y":12345678901234567890123}}"#),
            "{target}: {text}"
        );
        assert_eq!(text.contains(r#""x":[1.0,-0]"#), target == Dialect::OpenAiChat);
    }
}

/// L4.
#[test]
fn a_stream_means_what_its_document_means() {
    for dialect in Dialect::ALL {
        let documents = fixtures(dialect, ".response.json");
        for (case, stream) in streams(dialect) {
            let (_, document) = documents.iter().find(|(name, _)| *name == case).unwrap();
            // White space inside arguments is the fixture's, not the answer's.
            let document = serde_json::from_str::<Value>(document).unwrap().to_string();
            let streamed = answer_of(dialect, stream.as_bytes()).unwrap();
            let whole = dialect.decode_response(document.as_bytes(), &stamp(), &Quirks::default()).unwrap();
            assert_eq!(streamed, whole, "{dialect} {case}");
        }
    }
}

/// The fixtures of one case say the same in every dialect, so their meanings are equal.
#[test]
fn one_case_means_the_same_in_every_dialect() {
    for case in ["calls", "length"] {
        let meanings: Vec<_> = Dialect::ALL
            .into_iter()
            .map(|dialect| {
                let (_, text) = streams(dialect).into_iter().find(|(name, _)| name == case).unwrap();
                meaning(&answer_of(dialect, text.as_bytes()).unwrap())
            })
            .collect();
        for other in &meanings[1..] {
            assert_eq!(other, &meanings[0]);
        }
    }
}

/// Every stream and every document, said in every other dialect and read back, means the same.
#[test]
fn answers_keep_their_meaning_in_every_dialect() {
    for from in Dialect::ALL {
        for (case, text) in streams(from) {
            let want = answer_of(from, text.as_bytes()).unwrap();
            for to in Dialect::ALL {
                let (out, verdict) = translate(from, to, &[text.as_bytes()]);
                verdict.unwrap();
                assert_eq!(meaning(&answer_of(to, &out).unwrap()), meaning(&want), "{case}: {from} to {to}");
                let document = to.encode_response(&want, &stamp(), &style());
                let back = to.decode_response(&document, &stamp(), &Quirks::default()).unwrap();
                assert_eq!(meaning(&back), meaning(&want), "{case}: {from} to {to}, whole");
            }
        }
    }
}

/// L7, requests.
#[test]
fn requests_in_every_dialect() {
    for from in Dialect::ALL {
        for (case, text) in fixtures(from, ".request.json") {
            let request = from.decode_request(text.as_bytes(), &head(true)).unwrap();
            for to in Dialect::ALL {
                let encoded = to.encode_request(request.clone(), &Quirks::default()).unwrap();
                let body: Value = serde_json::from_slice(&encoded.body).unwrap();
                let losses: Vec<String> =
                    encoded.losses.iter().map(|loss| format!("{} {:?}", loss.field, loss.reason)).collect();
                let shown = serde_json::json!({"losses": losses, "body": body});
                let shown = serde_json::to_string_pretty(&shown).unwrap();
                insta::assert_snapshot!(format!("request_{case}_{from}_to_{to}"), shown);
            }
        }
    }
}

/// L7, answers.
#[test]
fn answers_in_every_dialect() {
    for from in Dialect::ALL {
        for (case, text) in streams(from) {
            let whole = answer_of(from, text.as_bytes()).unwrap();
            for to in Dialect::ALL {
                let (out, _) = translate(from, to, &[text.as_bytes()]);
                let document: Value =
                    serde_json::from_slice(&to.encode_response(&whole, &stamp(), &style())).unwrap();
                let document = serde_json::to_string_pretty(&document).unwrap();
                let shown = format!("{}\n--- whole ---\n{document}", String::from_utf8(out).unwrap());
                insta::assert_snapshot!(format!("answer_{case}_{from}_to_{to}"), shown);
            }
        }
    }
}

/// Vendors' deviations are data.
#[test]
fn quirks_change_what_is_said() {
    let (_, text) = fixtures(Dialect::OpenAiChat, ".request.json").remove(0);
    let request = Dialect::OpenAiChat.decode_request(text.as_bytes(), &head(true)).unwrap();
    let config = serde_json::json!({
        "openai-chat": {"max_tokens": "max_tokens", "drop": ["seed", "logit_bias"], "tool_choice": "auto",
            "thinking": "type", "reasoning_field": "reasoning_content", "echo_reasoning": true, "text_content": true,
            "roles": "no-developer", "stop_with_tools": true, "stream_options": false, "tool_ids": "alnum9",
            "error_in_ok": "base_resp", "temperature_max": 1.0, "stream_only": true}
    });
    let quirks = Quirks::from_config(&serde_json::from_value(config).unwrap()).unwrap();
    assert_eq!(quirks.openai_chat.reasoning_field, ReasoningField::ReasoningContent);
    let encoded = Dialect::OpenAiChat.encode_request(request.clone(), &quirks).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["max_tokens"], 400);
    assert_eq!(body["temperature"], 1.0);
    assert_eq!(body["thinking"]["type"], "enabled");
    for gone in
        ["max_completion_tokens", "seed", "logit_bias", "tool_choice", "stream_options", "reasoning_effort"]
    {
        assert_eq!(body.get(gone), None, "{gone}");
    }
    assert!(body["messages"].as_array().unwrap().iter().all(|message| message["role"] != "developer"));
    let id = body["messages"][2]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!((id.len(), &body["messages"][3]["tool_call_id"]), (9, &Value::from(id)));
    let lost: Vec<&str> = encoded.losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(lost, ["temperature", "seed", "tool_choice", "logit_bias"]);
    let unknown = serde_json::json!({"openai-chat": {"colour": "red"}});
    assert!(Quirks::from_config(&serde_json::from_value(unknown).unwrap()).is_err());
}
