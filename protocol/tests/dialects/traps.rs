//! The traps that gateways fall into, each with its test. Those of others:
//!
//! | trap | test |
//! | --- | --- |
//! | errors after a 200, streams that break off | `conformance::an_error_in_the_middle_is_a_failure`, `a_cut_stream_is_never_a_success` |
//! | CRLF, BOM, comments, split UTF-8, no last blank line | `framing::sse::tests`, `laws::splits_do_not_matter`, `fuzz` |
//! | usage that only we asked for is hidden | `dialect::tap::tests`, and through the executable in `tests/tests/chat.rs` |
//! | key order, big numbers, duplicate keys, `0.7` | `golden::order_and_numbers_survive`, `dialect::fields::tests` |
//! | `max_tokens` that must be invented | `adapt::limits::tests`, `translate::tests` of the worker |
//! | where the system speaks, alternation, tool results | `adapt::system::tests`, `adapt::turns::tests` |
//! | `n`, kept conversations | `conformance::what_cannot_be_left_out_is_refused` |
//! | error bodies of every kind | `dialect::failure::tests` |
//! | patching in place | `dialect::peek::tests`, `body::tests` of the worker |

use super::common::{answer_of, events_of, fixtures, head, meaning, stamp, streams, style, translate};
use protocol::dialect::{Dialect, Quirks};
use protocol::model::{Effort, FailureKind, Loss, Part, ReasoningAsk, StopKind, Token, Usage};
use serde_json::{Value, json};

fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// A stream of Anthropic's, names included.
fn anthropic(events: &[Value]) -> String {
    let named = |e: &Value| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap());
    events.iter().map(named).collect()
}

fn chunks(client: Dialect, out: &[u8]) -> Vec<Value> {
    let frames = super::common::frames(client, out);
    frames.iter().filter_map(|(_, data)| serde_json::from_slice(data).ok()).collect()
}

/// One event may mean none or many, and an opened call has said nothing yet: no `{}` before its arguments.
#[test]
fn arguments_are_the_pieces_and_nothing_else() {
    let (_, stream) = streams(Dialect::Anthropic).into_iter().find(|(case, _)| case == "calls").unwrap();
    let (out, verdict) = translate(Dialect::Anthropic, Dialect::OpenAiChat, &[stream.as_bytes()]);
    verdict.unwrap();
    let mut arguments = std::collections::BTreeMap::<u64, String>::new();
    for chunk in chunks(Dialect::OpenAiChat, &out) {
        assert_eq!(
            chunk["choices"].as_array().map_or(0, Vec::len).min(1),
            usize::from(chunk["usage"].is_null())
        );
        for call in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            // The client's index counts calls, not the blocks before them.
            let text = call["function"]["arguments"].as_str().unwrap();
            arguments.entry(call["index"].as_u64().unwrap()).or_default().push_str(text);
        }
    }
    let found: Vec<(u64, Value)> =
        arguments.into_iter().map(|(index, text)| (index, serde_json::from_str(&text).unwrap())).collect();
    assert_eq!(found, [(0, json!({"zone": "x", "city": "Paris"})), (1, json!({}))]);
}

/// Counts come at the start, at the end, in every chunk, beside the answer or inside its choice.
#[test]
fn usage_is_found_wherever_it_stands() {
    let text = json!({"choices": [{"index": 0, "delta": {"content": "x"}}]});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let counts = json!({"prompt_tokens": 10, "completion_tokens": 4});
    let mut inside = end.clone();
    inside["choices"][0]["usage"] = counts.clone();
    let mut beside = end.clone();
    beside["x_groq"] = json!({"usage": counts});
    let mut early = text.clone();
    early["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 1});
    let mut with_end = end.clone();
    with_end["usage"] = counts.clone();
    let alone = json!({"choices": [], "usage": counts});
    for events in [
        vec![text.clone(), end.clone(), alone.clone()],
        vec![text.clone(), with_end],
        vec![text.clone(), inside],
        vec![text.clone(), beside],
        vec![early, end, alone],
    ] {
        let stream = sse(&events) + "data: [DONE]\n\n";
        let usage = answer_of(Dialect::OpenAiChat, stream.as_bytes()).unwrap().usage;
        assert_eq!((usage.input_total(), usage.output), (Some(10), Some(4)), "{stream}");
    }
}

/// A later part that has nothing to say says 0: that takes no count back.
#[test]
fn zero_is_no_news() {
    let stream = anthropic(&[
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "x"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 7}}),
        json!({"type": "message_stop"}),
    ]);
    let usage = answer_of(Dialect::Anthropic, stream.as_bytes()).unwrap().usage;
    let want = Usage { input_fresh: Some(10), cache_read: Some(5), output: Some(7), ..Usage::default() };
    assert_eq!(usage, want);
}

/// Cached tokens are inside the input count of two dialects and beside that of a third.
#[test]
fn cached_tokens_are_counted_once() {
    let usage = Usage {
        input_fresh: Some(60),
        cache_read: Some(40),
        output: Some(30),
        reasoning: Some(10),
        ..Usage::default()
    };
    let answer = protocol::model::ChatResponse { usage, ..Default::default() };
    let said = |dialect: Dialect| -> Value {
        serde_json::from_slice(&dialect.encode_response(&answer, &stamp(), &style())).unwrap()
    };
    let chat = said(Dialect::OpenAiChat)["usage"].clone();
    assert_eq!(
        (&chat["prompt_tokens"], &chat["prompt_tokens_details"]["cached_tokens"]),
        (&json!(100), &json!(40))
    );
    let messages = said(Dialect::Anthropic)["usage"].clone();
    assert_eq!((&messages["input_tokens"], &messages["cache_read_input_tokens"]), (&json!(60), &json!(40)));
    let gemini = said(Dialect::Gemini)["usageMetadata"].clone();
    assert_eq!((&gemini["promptTokenCount"], &gemini["cachedContentTokenCount"]), (&json!(100), &json!(40)));
    // The candidates exclude thoughts, which OpenAI's completion includes.
    assert_eq!((&gemini["candidatesTokenCount"], &gemini["thoughtsTokenCount"]), (&json!(20), &json!(10)));
    assert_eq!(chat["completion_tokens"], json!(30));
}

/// Gemini leaves zeros out: an answer that speaks of counts has counted.
#[test]
fn counts_that_gemini_leaves_out_are_zero() {
    let blocked =
        json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}});
    let read = |body: &Value| {
        let answer =
            Dialect::Gemini.decode_response(body.to_string().as_bytes(), &stamp(), &Quirks::default());
        let answer = answer.unwrap();
        (answer.stop.kind, answer.usage.input_fresh, answer.usage.output)
    };
    assert_eq!(read(&blocked), (StopKind::Filter, Some(8), Some(0)));
    let empty =
        json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"trafficType": "ON_DEMAND"}});
    assert_eq!(read(&empty), (StopKind::Filter, Some(0), Some(0)));
    let silent = json!({"promptFeedback": {"blockReason": "SAFETY"}});
    assert_eq!(read(&silent), (StopKind::Filter, None, None));
}

/// Whatever an upstream calls the end, a client only ever sees words of its own.
#[test]
fn stop_words_never_leak() {
    let words = [
        "stop",
        "eos",
        "",
        "sensitive",
        "repetition_truncation",
        "model_length",
        "MAX_TOKENS",
        "function_call",
    ];
    for word in words {
        let events = [
            json!({"choices": [{"index": 0, "delta": {"content": "x"}}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": word}]}),
        ];
        let stream = sse(&events) + "data: [DONE]\n\n";
        for client in Dialect::ALL {
            let (out, verdict) = translate(Dialect::OpenAiChat, client, &[stream.as_bytes()]);
            verdict.unwrap();
            let found = chunks(client, &out);
            let said: Vec<&str> = found.iter().filter_map(|chunk| told(client, chunk)).collect();
            let [said] = said.as_slice() else { panic!("{client} is told {said:?} for {word}") };
            assert!(closed(client).contains(said), "{client} is told {said} for {word}");
        }
    }
}

fn told(client: Dialect, chunk: &Value) -> Option<&str> {
    match client {
        Dialect::OpenAiChat => chunk["choices"][0]["finish_reason"].as_str(),
        Dialect::OpenAiResponses => chunk["type"]
            .as_str()
            .filter(|kind| matches!(*kind, "response.completed" | "response.incomplete")),
        Dialect::Anthropic => chunk["delta"]["stop_reason"].as_str(),
        Dialect::Ollama => chunk["done_reason"].as_str(),
        Dialect::Gemini => chunk["candidates"][0]["finishReason"].as_str(),
    }
}

fn closed(client: Dialect) -> &'static [&'static str] {
    match client {
        Dialect::OpenAiChat => &["stop", "length", "tool_calls", "content_filter"],
        Dialect::OpenAiResponses => &["response.completed", "response.incomplete"],
        Dialect::Anthropic => {
            &["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn"]
        }
        Dialect::Ollama => &["stop", "length", "content_filter"],
        Dialect::Gemini => &["STOP", "MAX_TOKENS", "SAFETY"],
    }
}

/// Arguments are the model's own text: not reformatted, not repaired; an object where the dialect has no text.
#[test]
fn arguments_keep_their_spelling() {
    let call = |arguments: &str| {
        json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "a", "content": "y"}]})
        .to_string()
    };
    for (arguments, object) in
        [(r#"{"b": 1.0,  "a":12345678901234567890123}"#, None), ("", Some(json!({}))), ("{\"a\":", None)]
    {
        let request = Dialect::OpenAiChat.decode_request(call(arguments).as_bytes(), &head(false)).unwrap();
        for target in Dialect::ALL {
            let body = target.encode_request(request.clone(), &Quirks::default()).unwrap().body;
            let text = String::from_utf8(body).unwrap();
            let said: Value = serde_json::from_str(&text).unwrap();
            if target == Dialect::OpenAiChat && !arguments.is_empty() {
                assert_eq!(said["messages"][1]["tool_calls"][0]["function"]["arguments"], json!(arguments));
            }
            let input = match target {
                Dialect::Anthropic => said["messages"][1]["content"][0]["input"].clone(),
                Dialect::Ollama => said["messages"][1]["tool_calls"][0]["function"]["arguments"].clone(),
                Dialect::Gemini => said["contents"][1]["parts"][0]["functionCall"]["args"].clone(),
                Dialect::OpenAiChat | Dialect::OpenAiResponses => continue,
            };
            assert!(input.is_object(), "{target}: {text}");
            if let Some(object) = &object {
                assert_eq!(input, *object, "{target}");
            }
            if arguments.ends_with('}') {
                assert!(text.contains(r#""b": 1.0,  "a":12345678901234567890123"#), "{target}: {text}");
            }
        }
    }
}

/// Words for effort and numbers of tokens are turned into each other once, and back to the same word.
#[test]
fn efforts_and_budgets_meet() {
    for effort in [Effort::None, Effort::Minimal, Effort::Low, Effort::Medium, Effort::High] {
        assert_eq!(Effort::from_budget(effort.budget()), effort);
        assert_eq!(Effort::from_word(effort.word()), Some(effort));
        assert_eq!(ReasoningAsk::of_effort(effort).as_effort(), effort);
    }
    let body = r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":20000,"thinking":{"type":"enabled","budget_tokens":5000}}"#;
    let request = Dialect::Anthropic.decode_request(body.as_bytes(), &head(false)).unwrap();
    let said = |target: Dialect| -> Value {
        serde_json::from_slice(&target.encode_request(request.clone(), &Quirks::default()).unwrap().body)
            .unwrap()
    };
    assert_eq!(said(Dialect::OpenAiChat)["reasoning_effort"], json!("medium"));
    let thinking = &said(Dialect::Gemini)["generationConfig"]["thinkingConfig"];
    assert_eq!(thinking["thinkingBudget"], json!(5000));
}

/// A file stored at one vendor means nothing to another, and nothing is fetched to mend that.
#[test]
fn stored_files_never_cross() {
    let body = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"file","file":{"file_id":"file-1"}}]}]}"#;
    let request = Dialect::OpenAiChat.decode_request(body.as_bytes(), &head(false)).unwrap();
    for target in [Dialect::Anthropic, Dialect::Ollama, Dialect::Gemini] {
        let encoded = target.encode_request(request.clone(), &Quirks::default()).unwrap();
        assert!(!String::from_utf8(encoded.body).unwrap().contains("file-1"), "{target}");
        let named = |loss: &Loss| loss.field.starts_with("messages[0].content");
        assert!(encoded.losses.iter().any(named), "{target}: {:?}", encoded.losses);
    }
}

/// Signed and hidden reasoning goes back to its maker and to nobody else.
#[test]
fn signatures_never_cross() {
    let signed = r#"{"max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2lnbmVk"},{"type":"redacted_thinking","data":"aGlkZGVu"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}"#;
    let request = Dialect::Anthropic.decode_request(signed.as_bytes(), &head(false)).unwrap();
    for target in Dialect::ALL {
        let body = target.encode_request(request.clone(), &Quirks::default()).unwrap().body;
        let text = String::from_utf8(body).unwrap();
        let home = target == Dialect::Anthropic;
        assert_eq!((text.contains("c2lnbmVk"), text.contains("aGlkZGVu")), (home, home), "{target}: {text}");
    }
}

/// Reasoning under an id of ours is unknown to the API that such ids are of; its own is said again.
#[test]
fn reasoning_of_ours_is_not_said_to_openai() {
    let item = |id: &str| {
        format!(r#"{{"type":"reasoning","id":"{id}","summary":[{{"type":"summary_text","text":"hm"}}]}}"#)
    };
    let body = format!(r#"{{"input":[{},{}]}}"#, item("rs_llmlink_0190ab_0"), item("rs_0190ab"));
    let request = Dialect::OpenAiResponses.decode_request(body.as_bytes(), &head(false)).unwrap();
    let encoded = Dialect::OpenAiResponses.encode_request(request, &Quirks::default()).unwrap();
    let said: Value = serde_json::from_slice(&encoded.body).unwrap();
    let ids: Vec<&Value> = said["input"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [&json!("rs_0190ab")]);
    let lost: Vec<&str> = encoded.losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(lost, ["messages[0].content"]);
}

/// The same answer with a field of the wrong type in every place: less is known, nothing is lost.
#[test]
fn a_wrong_type_is_not_said() {
    let odd = [
        (
            Dialect::OpenAiChat,
            r#"{"id":7,"choices":[{"index":"0","message":{"content":"x","tool_calls":{},"refusal":[],"function_call":"auto"},"delta":"","finish_reason":7,"logprobs":1}],"usage":[]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"x","thought":null,"thoughtSignature":7}]},"finishReason":"STOP"}],"usageMetadata":"n","promptFeedback":[]}"#,
        ),
        (
            Dialect::Anthropic,
            r#"{"id":[],"content":[{"type":"text","text":"x","citations":7}],"stop_reason":{},"usage":null}"#,
        ),
        (
            Dialect::Ollama,
            r#"{"model":7,"message":{"content":"x","tool_calls":{},"thinking":null},"done":"yes","eval_count":"2"}"#,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"id":7,"output":[{"type":"message","content":[{"type":"output_text","text":"x","annotations":7}]}],"incomplete_details":"no","usage":7}"#,
        ),
    ];
    for (dialect, body) in odd {
        let answer = dialect.decode_response(body.as_bytes(), &stamp(), &Quirks::default());
        assert_eq!(meaning(&answer.unwrap()).text, "x", "{dialect}");
    }
}

/// Responses servers that leave out events, numbers or both still say one answer.
#[test]
fn responses_that_say_less_are_read_from_their_end() {
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "namespace": "f", "arguments": "{\"x\":1}"});
    let said = json!({"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "hi"}]});
    let done =
        json!({"type": "response.completed", "response": {"status": "completed", "output": [said, call]}});
    let added = json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}});
    let item = |kind: &str, item: &Value| json!({"type": kind, "item": item});
    let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "hi"});
    for events in [
        vec![done.clone()],
        vec![delta.clone(), done.clone()],
        vec![delta, added, done.clone()],
        // No item has a number: all are 0.
        vec![item("response.output_item.done", &said), item("response.output_item.done", &call), done],
    ] {
        let found = meaning(&answer_of(Dialect::OpenAiResponses, sse(&events).as_bytes()).unwrap());
        assert_eq!(
            (found.text.as_str(), found.calls),
            ("hi", vec![("f".to_owned(), json!({"x": 1}))]),
            "{events:?}"
        );
    }
}

/// An answer that is still to come is none.
#[test]
fn a_queued_response_is_no_answer() {
    let queued = r#"{"id":"resp_1","object":"response","status":"queued","output":[]}"#;
    let read = Dialect::OpenAiResponses.decode_response(queued.as_bytes(), &stamp(), &Quirks::default());
    assert_eq!(read.unwrap_err().kind, FailureKind::BadAnswer);
}

/// Gemini's complaints about its own calls: an answer that holds them is worth more than the complaint.
#[test]
fn gemini_ends_are_read_with_what_came_before() {
    let ended = |reason: &str, parts: Value| {
        let body = json!({"candidates": [{"content": {"parts": parts}, "finishReason": reason}]}).to_string();
        let answer = Dialect::Gemini.decode_response(body.as_bytes(), &stamp(), &Quirks::default());
        answer.map(|answer| answer.stop.kind).map_err(|failure| failure.kind)
    };
    let called = json!([{"functionCall": {"name": "f", "args": {}}}]);
    assert_eq!(ended("UNEXPECTED_TOOL_CALL", called.clone()), Ok(StopKind::Tool));
    assert_eq!(ended("UNEXPECTED_TOOL_CALL", json!([])), Err(FailureKind::Upstream));
    assert_eq!(ended("MALFORMED_FUNCTION_CALL", called), Err(FailureKind::Upstream));
    assert_eq!(ended("OTHER", json!([{"text": "x"}])), Ok(StopKind::Stop));
    assert_eq!(ended("OTHER", json!([])), Err(FailureKind::Upstream));
    assert_eq!(ended("SOMETHING_NEW", json!([{"text": "x"}])), Ok(StopKind::Stop));
}

/// A piece that does not fit its part is the upstream's slip: it does not become text.
#[test]
fn pieces_that_do_not_fit_are_left_out() {
    let stream = anthropic(&[
        json!({"type": "message_start", "message": {}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        json!({"type": "message_stop"}),
    ]);
    for client in Dialect::ALL {
        let (out, verdict) = translate(Dialect::Anthropic, client, &[stream.as_bytes()]);
        verdict.unwrap();
        assert_eq!(meaning(&answer_of(client, &out).unwrap()).text, "ab", "{client}");
    }
}

/// Two answers in one stream: the first is the answer; what follows its end is nobody's. (Gemini's has no end, and
/// streams of Responses exist that go on: there the second is read behind the first.)
#[test]
fn a_second_answer_in_the_same_stream_is_read_where_streams_go_on() {
    let (_, once) = streams(Dialect::OpenAiResponses).remove(0);
    let of = |text: &str| answer_of(Dialect::OpenAiResponses, text.as_bytes()).unwrap();
    let (one, two) = (of(&once), of(&format!("{once}{once}")));
    assert_eq!(two.parts, [one.parts.clone(), one.parts].concat());
    assert_eq!((two.stop, two.usage), (one.stop, one.usage), "those of the last");
    for dialect in [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::Ollama] {
        let (_, once) = streams(dialect).remove(0);
        let twice = format!("{once}{once}");
        assert_eq!(events_of(dialect, twice.as_bytes()), events_of(dialect, once.as_bytes()), "{dialect}");
    }
}

/// What clients send that no codec models reaches their own dialect unchanged, and no other.
#[test]
fn unknown_fields_go_home_only() {
    for from in Dialect::ALL {
        for (case, text) in fixtures(from, ".request.json") {
            let mut body: Value = serde_json::from_str(&text).unwrap();
            body["x_unknown"] = json!({"z": 1, "a": [true]});
            let request = from.decode_request(body.to_string().as_bytes(), &head(false)).unwrap();
            for to in Dialect::ALL {
                let encoded = to.encode_request(request.clone(), &Quirks::default()).unwrap();
                let said: Value = serde_json::from_slice(&encoded.body).unwrap();
                let lost = encoded.losses.iter().any(|loss| loss.field == "x_unknown");
                assert_eq!(
                    (said.get("x_unknown").is_some(), lost),
                    (from == to, from != to),
                    "{case}: {from} to {to}"
                );
            }
        }
    }
}

/// Vendors exist whose last chunk repeats the whole message; a stream that is nothing but a whole message is read.
#[test]
fn a_message_after_its_pieces_is_not_said_twice() {
    let piece = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let whole = json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "ab"}}]});
    for events in [vec![piece("a"), piece("b"), whole.clone()], vec![whole]] {
        let answer = answer_of(Dialect::OpenAiChat, sse(&events).as_bytes()).unwrap();
        assert_eq!(meaning(&answer).text, "ab", "{events:?}");
    }
}

/// Whole calls are as many as there are, whatever their ids.
#[test]
fn two_calls_of_one_id_are_two() {
    let call = json!({"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call, call]});
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let answer =
        Dialect::OpenAiChat.decode_response(body.to_string().as_bytes(), &stamp(), &Quirks::default());
    assert_eq!(answer.unwrap().parts.iter().filter_map(Part::as_call).count(), 2);
}

/// A signature of Gemini's goes through an OpenAI client and comes back to Gemini, and to nobody else.
#[test]
fn a_gemini_signature_survives_an_openai_client() {
    let part = json!({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"});
    let chunk = json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP", "index": 0}]});
    let upstream = format!("data: {chunk}\r\n\r\n");
    let (out, _) = translate(Dialect::Gemini, Dialect::OpenAiChat, &[upstream.as_bytes()]);
    let said = chunks(Dialect::OpenAiChat, &out);
    let call = said.iter().find_map(|c| c.pointer("/choices/0/delta/tool_calls/0/extra_content"));
    let extra = call.expect("the signature").clone();
    assert_eq!(extra, json!({"google": {"thought_signature": "c2ln"}}));
    let call = json!({"id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra});
    let body = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "y"}]});
    let request = Dialect::OpenAiChat.decode_request(body.to_string().as_bytes(), &head(false)).unwrap();
    for to in Dialect::ALL {
        let encoded = to.encode_request(request.clone(), &Quirks::default()).unwrap();
        let kept = String::from_utf8(encoded.body).unwrap().contains("c2ln");
        assert_eq!(kept, matches!(to, Dialect::Gemini | Dialect::OpenAiChat), "{to}");
    }
}

/// What would change the question if it were left out is refused, naming the field.
#[test]
fn what_cannot_be_left_out_is_refused() {
    let cases = [
        (Dialect::OpenAiChat, json!({"messages": [], "n": 2}), "n"),
        (
            Dialect::OpenAiResponses,
            json!({"input": "x", "previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (Dialect::OpenAiResponses, json!({"input": "x", "conversation": "conv_1"}), "conversation"),
        (Dialect::OpenAiResponses, json!({"input": "x", "background": true}), "background"),
        (Dialect::OpenAiResponses, json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "input"),
        (
            Dialect::Gemini,
            json!({"contents": [], "generationConfig": {"candidateCount": 2}}),
            "generationConfig.candidateCount",
        ),
    ];
    for (from, body, param) in cases {
        let request = from.decode_request(body.to_string().as_bytes(), &head(false)).unwrap();
        let several = request.answers() > 1;
        let knows =
            |to: Dialect| to == from || several && matches!(to, Dialect::OpenAiChat | Dialect::Gemini);
        for to in Dialect::ALL.into_iter().filter(|to| !knows(*to)) {
            let failure = to.encode_request(request.clone(), &Quirks::default()).unwrap_err();
            assert_eq!(
                (failure.kind, failure.param.as_deref()),
                (FailureKind::Unsupported, Some(param)),
                "{to}"
            );
        }
    }
}

/// How likely the tokens were crosses between all dialects that have a word for it, streamed and whole.
#[test]
fn likelihoods_cross() {
    let knowing = Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Anthropic);
    for from in knowing.clone() {
        let (_, text) = streams(from).into_iter().find(|(case, _)| case == "tokens").unwrap();
        let want = answer_of(from, text.as_bytes()).unwrap();
        assert_eq!(want.tokens.len(), 2, "{from}");
        // Gemini does not say the bytes.
        let plain = |tokens: &[Token]| -> Vec<Value> {
            let token = |token: &Token| {
                let top: Vec<_> = token.top.iter().map(|top| json!([top.token, top.logprob])).collect();
                json!([token.token, token.logprob, top])
            };
            tokens.iter().map(token).collect()
        };
        for to in knowing.clone() {
            let (out, verdict) = translate(from, to, &[text.as_bytes()]);
            verdict.unwrap();
            assert_eq!(plain(&answer_of(to, &out).unwrap().tokens), plain(&want.tokens), "{from} to {to}");
            let document = to.encode_response(&want, &stamp(), &style());
            let back = to.decode_response(&document, &stamp(), &Quirks::default()).unwrap();
            assert_eq!(plain(&back.tokens), plain(&want.tokens), "{from} to {to}, whole");
        }
    }
}

/// Compatible servers send an error that is the whole event; after it nothing is a success.
#[test]
fn an_error_that_is_the_whole_event_ends_the_answer() {
    let errors = [
        r#"{"object":"error","message":"the engine died","type":"InternalServerError","code":500}"#,
        r#"{"error":"the engine died"}"#,
    ];
    let begun = [
        (Dialect::OpenAiChat, r#"{"choices":[{"index":0,"delta":{"content":"hi"}}]}"#),
        (
            Dialect::OpenAiResponses,
            r#"{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"hi"}"#,
        ),
        (
            Dialect::Anthropic,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hi"}}"#,
        ),
    ];
    for ((from, first), error) in begun.into_iter().flat_map(|begun| errors.map(|error| (begun, error))) {
        for text in [format!("data: {error}\n\n"), format!("data: {first}\n\ndata: {error}\n\n")] {
            for to in Dialect::ALL {
                let failure = translate(from, to, &[text.as_bytes()]).1.unwrap_err();
                let seen = (failure.kind, failure.message.as_str());
                assert_eq!(seen, (FailureKind::Upstream, "the engine died"), "{from} to {to}");
            }
        }
    }
}
