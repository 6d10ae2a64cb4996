//! Law L9: every dialect passes the same scenarios, as upstream and as client.

use super::common::{answer_of, events_of, frames, stamp, streams, style, translate};
use protocol::dialect::{
    Dialect, Observed, Operation, Quirks, ReplyStyle, RequestHead, StreamTranslation, Tap, UsageInStream,
};
use protocol::framing::{NdjsonDecoder, SseDecoder};
use protocol::model::{Event, Failure, FailureKind, Role, StopKind};

/// What a client reads as a success: the terminator of its dialect.
fn looks_finished(client: Dialect, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match client {
        Dialect::OpenAiChat => text.contains("[DONE]") || text.contains("\"finish_reason\":\""),
        Dialect::OpenAiResponses => {
            text.contains("response.completed") || text.contains("response.incomplete")
        }
        Dialect::Anthropic => text.contains("message_stop"),
        Dialect::Ollama => text.contains("\"done\":true"),
        Dialect::Gemini => text.contains("finishReason"),
    }
}

/// True from the upstream's own word for the end on: what comes after it adds counts, not content.
fn said_its_end(upstream: Dialect, bytes: &[u8]) -> bool {
    let frames = frames(upstream, bytes);
    let ended = |data: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
        match upstream {
            Dialect::OpenAiChat => value["choices"][0]["finish_reason"].is_string(),
            Dialect::OpenAiResponses => {
                value["response"]["status"] == "completed" || value["response"]["status"] == "incomplete"
            }
            Dialect::Anthropic => value["delta"]["stop_reason"].is_string(),
            Dialect::Ollama => value["done"] == true,
            Dialect::Gemini => value["candidates"][0]["finishReason"].is_string(),
        }
    };
    frames.iter().any(|(_, data)| ended(data))
}

/// Truncation: a stream cut anywhere is a failure, and the client has seen no terminator.
#[test]
fn a_cut_stream_is_never_a_success() {
    for from in Dialect::ALL {
        for (case, text) in streams(from) {
            let bytes = text.as_bytes();
            for at in (0..bytes.len()).filter(|at| !said_its_end(from, &bytes[..*at])) {
                // Every client dialect in turn: a stream has enough places for all of them.
                let to = Dialect::ALL[at % Dialect::ALL.len()];
                let (out, verdict) = translate(from, to, &[&bytes[..at]]);
                let failure = verdict.expect_err("a cut stream");
                assert_eq!(failure.kind, FailureKind::Interrupted, "{case}: {from} cut at {at}");
                assert!(!looks_finished(to, &out), "{case}: {from} to {to} cut at {at}");
                assert!(watched(from, &bytes[..at]).is_err(), "{case}: the tap of {from} cut at {at}");
            }
            assert_eq!(watched(from, bytes), Ok(()), "{case}: {from}");
        }
    }
}

/// The verdict of a pass-through.
fn watched(dialect: Dialect, bytes: &[u8]) -> Result<(), Failure> {
    let mut tap = Tap::new(dialect);
    let mut seen = Vec::new();
    if dialect == Dialect::Ollama {
        let mut lines = NdjsonDecoder::new();
        lines.push(bytes);
        while let Some(line) = lines.next_line().unwrap().or_else(|| lines.finish()) {
            seen.push(tap.line(&line));
        }
    } else {
        let mut events = SseDecoder::new();
        events.push(bytes);
        while let Some(event) = events.next_event().unwrap().or_else(|| events.finish()) {
            seen.push(tap.event(&event));
        }
    }
    for observed in seen {
        if let Observed::Failure(failure) = observed {
            return Err(failure);
        }
    }
    tap.end()
}

/// The first half of a stream's frames.
fn half(dialect: Dialect) -> String {
    let (_, text) = streams(dialect).remove(0);
    let mark = if dialect == Dialect::Ollama { "\n" } else { "data: " };
    let places: Vec<usize> = text.match_indices(mark).map(|(at, _)| at).collect();
    let end = match dialect {
        Dialect::Ollama => places[places.len() / 2] + 1,
        _ => {
            text[..places[places.len() / 2]]
                .rfind("\n\n")
                .or_else(|| text[..places[places.len() / 2]].rfind("\r\n\r\n"))
                .unwrap()
                + 2
        }
    };
    text[..end].to_owned() + if text.contains("\r\n") { "\r\n" } else { "" }
}

/// An error in the middle: each dialect's own spelling, written by us, is read as the failure it was.
#[test]
fn an_error_in_the_middle_is_a_failure() {
    for from in Dialect::ALL {
        for kind in [FailureKind::Overloaded, FailureKind::RateLimited, FailureKind::Upstream] {
            let mut bytes = half(from).into_bytes();
            bytes.extend(from.encode_stream_failure(&Failure::new(kind, "no luck today")));
            for to in Dialect::ALL {
                let (out, verdict) = translate(from, to, &[&bytes]);
                let failure = verdict.expect_err("an error event");
                assert_eq!(failure.message, "no luck today", "{from}");
                assert!(!looks_finished(to, &out), "{from} to {to}");
                let mut whole = out;
                whole.extend(to.encode_stream_failure(&failure));
                assert!(answer_of(to, &whole).is_err(), "{from} to {to}: a client reads a failure");
            }
            let failure = watched(from, &bytes).expect_err("the tap sees the error");
            assert_eq!(failure.message, "no luck today");
        }
    }
}

/// Unknown events, comments and keep-alives between all frames change nothing.
#[test]
fn unknown_events_are_passed_over() {
    for from in Dialect::ALL {
        for (case, text) in streams(from) {
            let noise = match from {
                Dialect::Ollama => "\n",
                _ => ": keep-alive\n\nevent: brand_new\ndata: {\"type\":\"brand_new.event\",\"x\":[1]}\n\n",
            };
            let unix = text.replace("\r\n", "\n");
            let end = if from == Dialect::Ollama { "\n" } else { "\n\n" };
            let noisy = noise.to_owned() + &unix.replace(end, &format!("{end}{noise}"));
            assert_eq!(events_of(from, noisy.as_bytes()), events_of(from, text.as_bytes()), "{from} {case}");
        }
    }
}

/// Usage may be missing altogether; unknown stays unknown.
#[test]
fn missing_usage_is_unknown_not_zero() {
    for from in Dialect::ALL {
        for (_, text) in streams(from) {
            let bare = text
                .replace("\"usage\":{", "\"usage_gone\":{")
                .replace("\"usageMetadata\":{", "\"gone\":{")
                .replace("\"prompt_eval_count\"", "\"gone\"")
                .replace("\"eval_count\"", "\"gone_too\"");
            let answer = answer_of(from, bare.as_bytes()).unwrap();
            assert!(answer.usage.is_empty(), "{from}: {:?}", answer.usage);
        }
    }
}

/// Nothing is written after the end, whatever the upstream still sends.
#[test]
fn what_comes_after_the_end_is_dropped() {
    for from in Dialect::ALL {
        let (_, text) = streams(from).remove(0);
        let mut translation =
            StreamTranslation::new(from, Dialect::Anthropic, &stamp(), &Quirks::default(), &style());
        let mut out = Vec::new();
        translation.push(text.as_bytes(), &mut out).unwrap();
        translation.finish(&mut out).unwrap();
        let before = out.len();
        let _ = translation.push(text.as_bytes(), &mut out);
        let _ = translation.finish(&mut out);
        assert_eq!(out.len(), before, "{from}");
        assert!(translation.is_over() && translation.content_seen());
    }
}

/// A stream that fails has not ended well, even when its content comes in the same piece as its failure.
#[test]
fn a_failure_beside_content_is_not_a_good_end() {
    let upstream = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"so far\"}}]}\n\n",
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n",
    );
    for to in Dialect::ALL {
        for text in [upstream, &upstream[..upstream.find("\n\n").unwrap() + 1]] {
            let from = Dialect::OpenAiChat;
            let mut translation = StreamTranslation::new(from, to, &stamp(), &Quirks::default(), &style());
            let mut out = Vec::new();
            let pushed = translation.push(text.as_bytes(), &mut out);
            assert!(pushed.and_then(|()| translation.finish(&mut out)).is_err(), "{to}");
            assert!(translation.content_seen() && !translation.is_over(), "{to}");
        }
    }
}

/// A refusal and a filtered answer reach every client as such.
#[test]
fn refusals_are_told() {
    let upstream = concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"refusal\":\"I can\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"not\"},\"finish_reason\":\"content_filter\"}]}\n\n",
        "data: [DONE]\n\n"
    );
    let words = [
        (Dialect::OpenAiChat, "\"content_filter\""),
        (Dialect::OpenAiResponses, "\"content_filter\""),
        (Dialect::Anthropic, "\"refusal\""),
        (Dialect::Ollama, "\"done\":true"),
        (Dialect::Gemini, "\"SAFETY\""),
    ];
    for (client, word) in words {
        let (out, verdict) = translate(Dialect::OpenAiChat, client, &[upstream.as_bytes()]);
        verdict.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("I can") && out.contains("not") && out.contains(word), "{client}: {out}");
    }
}

/// Reasoning between texts stays between them where the dialect has an order.
#[test]
fn interleaved_reasoning_keeps_its_place() {
    let piece = |key: &str, text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"{key}\":\"{text}\"}}}}]}}\n\n")
    };
    let upstream = piece("reasoning", "r1")
        + &piece("content", "t1")
        + &piece("reasoning", "r2")
        + &piece("content", "t2")
        + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for client in [Dialect::Anthropic, Dialect::OpenAiResponses, Dialect::Gemini] {
        let (out, verdict) = translate(Dialect::OpenAiChat, client, &[upstream.as_bytes()]);
        verdict.unwrap();
        let starts = events_of(client, &out);
        let parts = starts.iter().filter(|event| matches!(event, Event::PartStart { .. })).count();
        assert_eq!(parts, 4, "{client}");
    }
}

/// The ways vendors write calls in chunks, all meaning two calls.
#[test]
fn vendors_spellings_of_calls() {
    let chunk = |calls: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{calls}]}}}}]}}\n\n")
    };
    let end =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let cases = [
        // Whole calls, no index, no type.
        chunk(
            r#"{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}"#,
        ),
        // The object itself.
        chunk(
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}},{"index":1,"id":"b","function":{"name":"g","arguments":{"y":2}}}"#,
        ),
        // Empty or repeated ids and names in later pieces.
        chunk(r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#)
            + &chunk(r#"{"index":0,"id":"","function":{"name":null,"arguments":"{\"x\""}}"#)
            + &chunk(r#"{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}"#)
            + &chunk(r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}"#),
        // Every call is number 0.
        chunk(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#)
            + &chunk(r#"{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}"#),
        // Pieces without an index belong to the last call.
        chunk(r#"{"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#)
            + &chunk(r#"{"function":{"arguments":":1}"}}"#)
            + &chunk(r#"{"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}"#),
    ];
    for text in cases {
        let answer = answer_of(Dialect::OpenAiChat, (text.clone() + end).as_bytes()).unwrap();
        let found = super::common::meaning(&answer);
        let want =
            [("f".to_owned(), serde_json::json!({"x": 1})), ("g".to_owned(), serde_json::json!({"y": 2}))];
        assert_eq!(found.calls, want, "{text}");
        assert_eq!(found.stop, StopKind::Tool);
    }
}

/// Every preset's quirks are words that the dialects know.
#[test]
fn the_quirks_of_all_presets_are_known() {
    for preset in protocol::preset::all() {
        if let Err(error) = Quirks::from_config(&preset.quirks) {
            panic!("{}: {error}", preset.id);
        }
    }
    let unknown = serde_json::json!({"ollama": {}});
    assert!(Quirks::from_config(&serde_json::from_value(unknown).unwrap()).is_err());
}

/// The old completion shapes of two dialects: asked there, answered by any upstream, told there.
#[test]
fn old_completions_are_asked_and_answered() {
    let cases = [
        (
            Dialect::OpenAiChat,
            r#"{"model":"x","prompt":["Say hi"],"max_tokens":5,"suffix":"!"}"#,
            "\"text\":\"Once upon\"",
        ),
        (
            Dialect::Ollama,
            r#"{"model":"x","prompt":"Say hi","system":"be brief","options":{"num_predict":5}}"#,
            "\"response\":\"Once upon\"",
        ),
    ];
    for (client, body, told) in cases {
        let head = RequestHead { operation: Operation::Complete, model: "m", stream: true };
        let request = client.decode_request(body.as_bytes(), &head).unwrap();
        let said = request.messages.last().unwrap();
        assert_eq!((said.role, said.text()), (Role::User, "Say hi".to_owned()));
        for upstream in Dialect::ALL {
            let encoded = upstream.encode_request(request.clone(), &Quirks::default()).unwrap();
            assert!(String::from_utf8(encoded.body).unwrap().contains("Say hi"), "{client} to {upstream}");
            let (_, stream) = streams(upstream).into_iter().find(|(case, _)| case == "length").unwrap();
            let style = ReplyStyle::of(&request, Operation::Complete, UsageInStream::Shown);
            let mut translation =
                StreamTranslation::new(upstream, client, &stamp(), &Quirks::default(), &style);
            let mut out = Vec::new();
            translation.push(stream.as_bytes(), &mut out).unwrap();
            translation.finish(&mut out).unwrap();
            let back = answer_of(client, &out).unwrap();
            assert_eq!(super::common::meaning(&back).text, "Once upon", "{upstream} to {client}");
            assert_eq!(back.stop.kind, StopKind::Length);
            let whole = client.encode_response(&back, &stamp(), &style);
            assert!(String::from_utf8(whole).unwrap().contains(told), "{upstream} to {client}");
        }
    }
}

/// A tool inside a namespace is flat for upstreams and apart again for the client.
#[test]
fn namespaces_are_taken_apart_again() {
    let body = r#"{"input":"x","tools":[{"type":"namespace","name":"get","tools":[{"type":"function","name":"time","parameters":{}}]}]}"#;
    let head = RequestHead { operation: Operation::Chat, model: "m", stream: true };
    let request = Dialect::OpenAiResponses.decode_request(body.as_bytes(), &head).unwrap();
    let encoded = Dialect::OpenAiChat.encode_request(request.clone(), &Quirks::default()).unwrap();
    assert!(String::from_utf8(encoded.body).unwrap().contains(r#""name":"get__time""#));
    let style = ReplyStyle::of(&request, Operation::Chat, UsageInStream::Shown);
    let upstream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"get__time\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let mut translation = StreamTranslation::new(
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        &stamp(),
        &Quirks::default(),
        &style,
    );
    let mut out = Vec::new();
    translation.push(upstream.as_bytes(), &mut out).unwrap();
    translation.finish(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(r#""name":"time","namespace":"get""#) && !out.contains("get__time"), "{out}");
}

/// A tool that takes a text is a function for other upstreams, and takes a text again for its client.
#[test]
fn custom_tools_are_functions_elsewhere() {
    let body = r#"{"input":[{"role":"user","content":"x"},
        {"type":"custom_tool_call","id":"ctc_1","call_id":"c0","name":"patch","input":"a \"b\""},
        {"type":"custom_tool_call_output","call_id":"c0","output":"done"}],
        "tools":[{"type":"custom","name":"patch","description":"d","format":{"type":"grammar","syntax":"lark","definition":"start: X"}}]}"#;
    let head = RequestHead { operation: Operation::Chat, model: "m", stream: true };
    let request = Dialect::OpenAiResponses.decode_request(body.as_bytes(), &head).unwrap();
    let said = |target: Dialect| -> serde_json::Value {
        serde_json::from_slice(&target.encode_request(request.clone(), &Quirks::default()).unwrap().body)
            .unwrap()
    };
    let home: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&said(Dialect::OpenAiResponses)["tools"], &said(Dialect::OpenAiResponses)["input"]),
        (&home["tools"], &home["input"])
    );
    let chat = said(Dialect::OpenAiChat);
    assert!(chat["tools"][0]["function"]["description"].as_str().unwrap().contains("start: X"), "{chat}");
    assert_eq!(chat["messages"][1]["tool_calls"][0]["function"]["arguments"], r#"{"input":"a \"b\""}"#);
    assert_eq!(
        (&chat["messages"][2]["role"], &chat["messages"][2]["content"]),
        (&"tool".into(), &"done".into())
    );
    let style = ReplyStyle::of(&request, Operation::Chat, UsageInStream::Shown);
    let piece = |text: &str| {
        let call =
            serde_json::json!({"index": 0, "id": "a", "function": {"name": "patch", "arguments": text}});
        format!(
            "data: {}\n\n",
            serde_json::json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        )
    };
    let upstream = piece("{\"inp")
        + &piece("ut\":\"1\\n2\"}")
        + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
    let mut translation = StreamTranslation::new(
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        &stamp(),
        &Quirks::default(),
        &style,
    );
    let mut out = Vec::new();
    translation.push(upstream.as_bytes(), &mut out).unwrap();
    translation.finish(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("response.custom_tool_call_input.delta") && !out.contains("function_call_arguments"),
        "{out}"
    );
    assert_eq!(
        out.matches(
            r#""type":"custom_tool_call","status":"completed","call_id":"a","name":"patch","input":"1\n2""#
        )
        .count(),
        2,
        "{out}"
    );
    let answer = answer_of(Dialect::OpenAiChat, upstream.as_bytes()).unwrap();
    let whole = Dialect::OpenAiResponses.encode_response(&answer, &stamp(), &style);
    assert!(String::from_utf8(whole).unwrap().contains(r#""input":"1\n2""#));
}

/// A name that was made shorter for the upstream is the client's own again, streamed and whole.
#[test]
fn renamed_tools_have_their_own_names_again() {
    let style = ReplyStyle { renamed: vec![("get_time".to_owned(), "mcp.get time".to_owned())], ..style() };
    for (from, to) in Dialect::ALL.into_iter().flat_map(|from| Dialect::ALL.map(|to| (from, to))) {
        let (_, stream) = streams(from).into_iter().find(|(case, _)| case == "calls").unwrap();
        let mut translation = StreamTranslation::new(from, to, &stamp(), &Quirks::default(), &style);
        let mut out = Vec::new();
        translation.push(stream.as_bytes(), &mut out).unwrap();
        translation.finish(&mut out).unwrap();
        let names: Vec<String> = answer_of(to, &out)
            .unwrap()
            .parts
            .iter()
            .filter_map(|part| Some(part.as_call()?.name.clone()))
            .collect();
        assert_eq!(names, ["get_weather", "mcp.get time"], "{from} to {to}");
    }
}

/// What cannot be left out without changing the question is refused, not dropped.
#[test]
fn what_cannot_be_left_out_is_refused() {
    let head = RequestHead { operation: Operation::Chat, model: "m", stream: false };
    let cases = [
        (Dialect::OpenAiChat, r#"{"messages":[{"role":"user","content":"x"}],"n":2}"#, "n"),
        (
            Dialect::OpenAiResponses,
            r#"{"input":"x","previous_response_id":"resp_1"}"#,
            "previous_response_id",
        ),
        (Dialect::OpenAiResponses, r#"{"input":"x","background":true}"#, "background"),
    ];
    for (client, body, field) in cases {
        let request = client.decode_request(body.as_bytes(), &head).unwrap();
        for upstream in Dialect::ALL {
            let encoded = upstream.encode_request(request.clone(), &Quirks::default());
            let several = field == "n" && upstream == Dialect::Gemini;
            match upstream == client || several {
                true => assert!(encoded.is_ok(), "{client}"),
                false => {
                    let failure = encoded.expect_err("a refusal");
                    assert_eq!(
                        (failure.kind, failure.param.as_deref()),
                        (FailureKind::Unsupported, Some(field))
                    );
                }
            }
        }
    }
}
