//! Plans as a client would see them: the steps are folded back into an answer, and shown to the tap that judges
//! real upstreams.

use super::*;
use proptest::prelude::*;
use protocol::dialect::{Dialect, Observed, Tap};
use protocol::framing::SseDecoder;
use protocol::model::{FailureKind, Usage};
use serde_json::{Value, json};

fn stamp(usage: StreamUsage) -> Stamp {
    Stamp { created: 1_700_000_000, id: "c1".into(), usage, found: None }
}

fn run(model: &str, body: &Value) -> Result<Vec<Step>, Failure> {
    let stamp = stamp(StreamUsage::Unasked);
    Ok(plan(&Knobs::parse(model)?, body.to_string().as_bytes(), &stamp)?.collect())
}

fn steps(model: &str, body: &Value) -> Vec<Step> {
    run(model, body).unwrap_or_else(|failure| panic!("{model}: {failure:?}"))
}

fn hello() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hello there"}]})
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    body
}

fn tools(choice: &str) -> Value {
    let weather = json!({"type": "object", "required": ["city", "days"], "additionalProperties": false, "properties":
        {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}, "unit": {"enum": ["c", "f"]}}});
    let mut body = hello();
    body["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": weather}},
        {"type": "function", "function": {"name": "now"}}]);
    body["tool_choice"] = json!(choice);
    body
}

/// The data of every event, in order.
fn events(steps: &[Step]) -> Vec<String> {
    let mut decoder = SseDecoder::new();
    let mut data = Vec::new();
    for step in steps {
        if let Step::Piece(bytes) | Step::Frame(bytes) = step {
            decoder.push(bytes);
            while let Some(event) = decoder.next_event().unwrap() {
                data.push(String::from_utf8(event.data.unwrap().to_vec()).unwrap());
            }
        }
    }
    data
}

/// Message, finish reason and usage.
#[derive(Debug, PartialEq)]
struct Folded(Value, Value, Value);

/// What an OpenAI client makes of a stream.
fn folded(steps: &[Step]) -> Folded {
    let (mut content, mut calls, mut finish, mut usage) =
        (None, Vec::<Value>::new(), Value::Null, Value::Null);
    let events = events(steps);
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    for chunk in &events[..events.len() - 1] {
        let chunk: Value = serde_json::from_str(chunk).unwrap();
        assert_eq!(
            (&chunk["object"], &chunk["id"]),
            (&json!("chat.completion.chunk"), &json!("chatcmpl-c1"))
        );
        if chunk["choices"].as_array().unwrap().is_empty() {
            usage = chunk["usage"].clone();
            continue;
        }
        let choice = &chunk["choices"][0];
        if let Some(text) = choice["delta"]["content"].as_str() {
            content.get_or_insert_with(String::new).push_str(text);
        }
        for part in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let (index, mut part) = (part["index"].as_u64().unwrap() as usize, part.clone());
            if index == calls.len() {
                part.as_object_mut().unwrap().remove("index");
                calls.push(part);
            } else {
                let text =
                    [&calls[index], &part].map(|p| p["function"]["arguments"].as_str().unwrap()).concat();
                calls[index]["function"]["arguments"] = json!(text);
            }
        }
        finish = choice["finish_reason"].clone();
    }
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    Folded(message, finish, usage)
}

fn document_of(steps: &[Step]) -> Value {
    let Some(Step::Document(bytes)) = steps.last() else { panic!("no document: {steps:?}") };
    serde_json::from_slice(bytes).unwrap()
}

fn whole(steps: &[Step]) -> Folded {
    let mut document = document_of(steps);
    let mut choice = document["choices"][0].take();
    Folded(choice["message"].take(), choice["finish_reason"].take(), document["usage"].take())
}

/// What the judge of real upstreams says at the end of the stream.
fn judged(steps: &[Step]) -> Result<Usage, FailureKind> {
    let mut tap = Tap::new(Dialect::OpenAiChat);
    let mut decoder = SseDecoder::new();
    for step in steps {
        let (bytes, bears) = match step {
            Step::Piece(bytes) => (bytes, true),
            Step::Frame(bytes) => (bytes, false),
            _ => continue,
        };
        decoder.push(bytes);
        while let Some(event) = decoder.next_event().unwrap() {
            match tap.event(&event) {
                Observed::Failure(failure) => return Err(failure.kind),
                // In the middle of content the judge does not parse what looks like more of it.
                Observed::Content if event.data.as_deref() == Some(trouble::GARBAGE.as_bytes()) => {}
                observed => assert_eq!(observed == Observed::Content, bears, "{event:?}"),
            }
        }
    }
    tap.end().map(|()| tap.usage()).map_err(|failure| failure.kind)
}

fn pieces(steps: &[Step]) -> usize {
    steps.iter().filter(|step| matches!(step, Step::Piece(_))).count()
}

fn waits(steps: &[Step]) -> Vec<u64> {
    let ms = |step: &Step| if let Step::Wait(time) = step { Some(time.as_millis() as u64) } else { None };
    steps.iter().filter_map(ms).collect()
}

#[test]
fn a_newcomer_gets_their_own_words_and_the_next_step() {
    let Folded(message, finish, usage) = whole(&steps("demo", &hello()));
    let text = message["content"].as_str().unwrap();
    assert!(text.contains("hello there") && text.contains("[[providers]]"), "{text}");
    let output = text.len().div_ceil(4);
    assert_eq!(finish, "stop");
    assert_eq!(usage, json!({"prompt_tokens": 7, "completion_tokens": output, "total_tokens": 7 + output}));
}

#[test]
fn pieces_are_made_when_they_are_taken() {
    let plan = |model: &str| {
        let body = streamed(hello()).to_string();
        plan(&Knobs::parse(model).unwrap(), body.as_bytes(), &stamp(StreamUsage::Unasked)).unwrap()
    };
    // Made at once, these would take minutes and gigabytes.
    let first: Vec<Step> = plan("demo-chunks=10000000-delay=5").take(6).collect();
    let [Step::Head(_), Step::Frame(_), Step::Wait(_), Step::Piece(_), Step::Wait(_), Step::Piece(_)] =
        &first[..]
    else {
        panic!("{first:?}")
    };
    let (pieces, frames) = plan("demo-chunks=20000").fold((0, 0), |(pieces, frames), step| match step {
        Step::Piece(_) => (pieces + 1, frames),
        Step::Frame(_) => (pieces, frames + 1),
        _ => (pieces, frames),
    });
    assert_eq!((pieces, frames), (20_000, 4), "role, finish, usage, done");
}

#[test]
fn waits_come_before_the_head_and_before_each_piece() {
    let made = steps("demo-first=500-delay=20-chunks=3", &streamed(hello()));
    assert_eq!(waits(&made), [500, 20, 20, 20]);
    assert!(matches!(made[..2], [Step::Wait(_), Step::Head(_)]));
    assert_eq!(waits(&steps("demo-first=500-delay=20-chunks=3", &hello())), [500, 60]);
    let made = steps("demo-flood=2-leak=3-spin=4-first=5", &hello());
    assert!(matches!(made[..4], [Step::Flood(2), Step::Leak(3), Step::Spin(_), Step::Wait(_)]), "{made:?}");
}

#[test]
fn usage_is_streamed_only_when_someone_asks() {
    let body = |usage: bool| {
        let mut body = streamed(hello());
        body["stream_options"] = json!({ "include_usage": usage });
        body
    };
    let silent = events(&steps("demo", &body(false)));
    assert!(silent.iter().all(|event| !event.contains("\"usage\"")));
    let asked = events(&steps("demo", &body(true)));
    assert_eq!(asked.len(), silent.len() + 1);
    assert_eq!(asked.iter().filter(|event| event.contains("\"usage\":null")).count(), asked.len() - 2);
    let knobs = Knobs::parse("demo").unwrap();
    let routers = plan(&knobs, body(false).to_string().as_bytes(), &stamp(StreamUsage::Asked)).unwrap();
    let routers = events(&routers.collect::<Vec<_>>());
    assert_eq!(routers.len(), asked.len());
    assert!(routers.iter().all(|event| !event.contains("\"usage\":null")));
}

#[test]
fn tools_are_called_when_asked_and_answered_with_text() {
    let Folded(message, finish, _) = folded(&steps("demo-tools=2", &streamed(tools("auto"))));
    assert_eq!((&message["content"], finish), (&Value::Null, json!("tool_calls")));
    let calls = message["tool_calls"].as_array().unwrap();
    let names: Vec<&Value> = calls.iter().map(|call| &call["function"]["name"]).collect();
    assert_eq!(names, ["weather", "now"]);
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let arguments = |call: &Value| -> Value {
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap()
    };
    assert_eq!(arguments(&calls[0]), json!({"city": "example city", "days": 3}));
    assert_eq!(arguments(&calls[1]), json!({}));
    assert!(pieces(&steps("demo", &streamed(tools("required")))) > 3, "several pieces of arguments");
    assert_eq!(whole(&steps("demo", &tools("auto"))).1, "stop");
    assert_eq!(whole(&steps("demo-tools", &tools("none"))).1, "stop");
    let mut alone = tools("auto");
    alone["parallel_tool_calls"] = json!(false);
    assert_eq!(whole(&steps("demo-tools=2", &alone)).0["tool_calls"].as_array().unwrap().len(), 1);
    let mut answered = tools("required");
    answered["messages"] = json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "21 degrees"}]);
    assert!(whole(&steps("demo-tools", &answered)).0["content"].as_str().unwrap().contains("21 degrees"));
}

#[test]
fn json_is_answered_when_asked_for() {
    let mut body = hello();
    body["response_format"] = json!({"type": "json_object"});
    let content = |body: &Value| -> Value {
        serde_json::from_str(whole(&steps("demo", body)).0["content"].as_str().unwrap()).unwrap()
    };
    assert!(content(&body).is_object());
    let schema = json!({"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}});
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    assert_eq!(content(&body), json!({"ok": true}));
    body["response_format"]["json_schema"]["schema"] = json!({"enum": []});
    assert_eq!(run("demo", &body).unwrap_err().param.as_deref(), Some("response_format"));
}

#[test]
fn sizes_echoes_probes_and_limits() {
    let content =
        |model: &str, body: &Value| whole(&steps(model, body)).0["content"].as_str().unwrap().to_owned();
    assert_eq!(content("demo-size=100000", &hello()).len(), 100_000);
    assert_eq!(content("demo-size=0", &hello()), "");
    let echo: Value = serde_json::from_str(&content("demo-echo", &hello())).unwrap();
    assert_eq!(
        (echo["length"].as_u64(), echo["sha256"].as_str().map(str::len)),
        (Some(hello().to_string().len() as u64), Some(64))
    );
    let found = Stamp { found: Some("denied: exec".into()), ..stamp(StreamUsage::Unasked) };
    let probed =
        plan(&Knobs::parse("demo-probe=exec").unwrap(), hello().to_string().as_bytes(), &found).unwrap();
    assert_eq!(whole(&probed.collect::<Vec<_>>()).0["content"], "exec: denied: exec");
    let mut short = hello();
    short["max_tokens"] = json!(2);
    let Folded(message, finish, usage) = whole(&steps("demo", &short));
    assert_eq!((&message["content"], finish), (&json!("Hello! Y"), json!("length")));
    assert_eq!(usage["completion_tokens"], 2);
}

#[test]
fn a_failure_of_a_stream_strikes_after_the_pieces_it_was_told() {
    use FailureKind as K;
    let table = [
        ("cut", K::Interrupted),
        ("hang", K::Interrupted),
        ("no-done", K::Interrupted),
        ("empty", K::Interrupted),
        ("abort", K::Interrupted),
        ("exit78", K::Interrupted),
        ("garbage", K::Interrupted),
        ("error-event", K::Upstream),
        ("429", K::RateLimited),
        ("500", K::Upstream),
    ];
    for (fail, kind) in table {
        let made = steps(&format!("demo-fail={fail}-after=3"), &streamed(hello()));
        assert_eq!((pieces(&made), judged(&made)), (3, Err(kind)), "{fail}");
    }
    let last = |fail: &str| steps(&format!("demo-fail={fail}-after=1"), &streamed(hello())).pop().unwrap();
    assert!(matches!(last("cut"), Step::Cut(_)) && matches!(last("hang"), Step::Hang));
    assert!(matches!(last("abort"), Step::Abort) && matches!(last("exit78"), Step::Exit(78)));
    let open = steps("demo-fail=no-done", &streamed(hello()));
    assert_eq!(
        (pieces(&open), judged(&open)),
        (pieces(&steps("demo", &streamed(hello()))), Err(K::Interrupted))
    );
    assert!(matches!(steps("demo-fail=empty", &streamed(hello()))[..], [Step::Head(_), Step::Complete]));
}

#[test]
fn a_failure_at_once_leaves_no_content() {
    for body in [hello(), streamed(hello())] {
        for fail in ["400", "401", "404", "429", "500", "503", "529"] {
            let made = steps(&format!("demo-fail={fail}"), &body);
            let [Step::Refuse(failed)] = made.as_slice() else { panic!("{made:?}") };
            assert_eq!(failed.failure.status.map(|status| status.to_string()).as_deref(), Some(fail));
        }
        assert!(matches!(steps("demo-fail=hang", &body)[..], [Step::Hang]));
        assert!(matches!(steps("demo-fail=abort", &body)[..], [Step::Abort]));
        assert!(matches!(steps("demo-fail=exit78-first=9", &body)[..], [Step::Wait(_), Step::Exit(78)]));
        assert_eq!(pieces(&steps("demo-fail=cut", &body)), 0);
    }
    let failed = |fail: &str| {
        let mut tap = Tap::new(Dialect::OpenAiChat);
        match steps(&format!("demo-fail={fail}"), &hello()).pop() {
            Some(Step::Document(bytes)) => tap.document(&bytes).unwrap_err().kind,
            other => panic!("{fail}: {other:?}"),
        }
    };
    assert_eq!(failed("error-event"), FailureKind::Upstream);
    for fail in ["no-done", "empty", "garbage"] {
        assert_eq!(failed(fail), FailureKind::BadAnswer, "{fail}");
    }
}

/// Models that answer, with whatever combination of knobs.
fn model() -> impl Strategy<Value = String> {
    let knob = |name: &'static str, range: std::ops::Range<u64>| {
        proptest::option::of(range).prop_map(move |n| n.map_or(String::new(), |n| format!("-{name}={n}")))
    };
    let said = prop_oneof![
        Just(String::new()),
        Just("-tools".to_owned()),
        Just("-tools=3".to_owned()),
        Just("-echo".to_owned()),
        (200_u64..3000).prop_map(|n| format!("-size={n}")),
    ];
    (knob("chunks", 1..200), knob("delay", 0..9), said).prop_map(|(a, b, c)| format!("demo{a}{b}{c}"))
}

proptest! {
    #[test]
    fn any_name_and_any_body_is_a_plan_or_a_failure(name in "demo(-(\\PC{0,3}|[a-z]{2,6}(=[a-z0-9:-]{0,9})?)){0,3}", body in "\\PC{0,40}") {
        let stamp = stamp(StreamUsage::Unasked);
        for body in [body.as_str(), &hello().to_string(), &streamed(hello()).to_string()] {
            let made = Knobs::parse(&name).and_then(|knobs| plan(&knobs, body.as_bytes(), &stamp));
            if let Ok(steps) = made {
                prop_assert!(steps.take(50).count() > 0);
            }
        }
    }

    #[test]
    fn a_stream_says_what_the_document_says(model in model(), tools_offered: bool, question in "\\PC{0,200}") {
        let mut body = if tools_offered { tools("auto") } else { hello() };
        body["messages"][0]["content"] = json!(question);
        let mut document = streamed(body);
        let stream = steps(&model, &document);
        // The echo tells the bytes of the request: both forms must send the same, but for one letter.
        document["stream"] = json!(false);
        let document = steps(&model, &document);
        let (Folded(mut said, finish, usage), Folded(mut told, why, cost)) = (folded(&stream), whole(&document));
        if model.contains("echo") {
            prop_assert_ne!(said["content"].take(), told["content"].take());
        } else {
            prop_assert_eq!(&usage, &cost);
        }
        prop_assert_eq!((said, finish), (told, why));
        let judged = judged(&stream).unwrap();
        prop_assert_eq!(judged.output, usage["completion_tokens"].as_u64());
        prop_assert_eq!(judged.input_total(), usage["prompt_tokens"].as_u64());
    }

    #[test]
    fn as_many_pieces_as_asked_for(chunks in 1_u64..300) {
        let made = steps(&format!("demo-chunks={chunks}"), &streamed(hello()));
        prop_assert_eq!(pieces(&made) as u64, chunks);
        let sized = steps(&format!("demo-size=300-chunks={chunks}"), &streamed(hello()));
        prop_assert_eq!(pieces(&sized) as u64, chunks);
    }
}
