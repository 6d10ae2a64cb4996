use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn stamp() -> Stamp {
    Stamp { created: 1_700_000_000, id: "abc".into() }
}

fn run(model: &str, body: &Value) -> Vec<Step> {
    plan(model, body.to_string().as_bytes(), stamp()).steps
}

fn hello(stream: bool) -> Value {
    json!({"model": "x", "stream": stream, "messages": [{"role": "user", "content": "hello there"}]})
}

fn bytes(steps: &[Step]) -> Vec<Bytes> {
    let chunk = |s: &Step| if let Step::Chunk(b) = s { Some(b.clone()) } else { None };
    steps.iter().filter_map(chunk).collect()
}

fn document(steps: &[Step]) -> Value {
    serde_json::from_slice(&bytes(steps).concat()).unwrap()
}

/// The JSON of each event, and whether the terminator came last.
fn events(steps: &[Step]) -> (Vec<Value>, bool) {
    let text = String::from_utf8(bytes(steps).concat()).unwrap();
    let lines: Vec<&str> = text.split("\n\n").filter(|e| !e.is_empty()).map(|e| &e[6..]).collect();
    let done = lines.last() == Some(&"[DONE]");
    (lines.iter().filter(|l| **l != "[DONE]").map(|l| serde_json::from_str(l).unwrap()).collect(), done)
}

/// Text, calls (id, name, arguments), stop reason and usage.
type Folded = (String, Vec<(String, String, String)>, Option<String>, Value);

/// The message that a stream's chunks add up to.
fn folded(steps: &[Step]) -> Folded {
    let (mut text, mut calls, mut stop, mut usage) = (String::new(), Vec::new(), None, Value::Null);
    for event in events(steps).0 {
        usage = if event["usage"].is_null() { usage } else { event["usage"].clone() };
        let choice = &event["choices"][0];
        text += choice["delta"]["content"].as_str().unwrap_or_default();
        stop = choice["finish_reason"].as_str().map(str::to_owned).or(stop);
        for part in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let at = part["index"].as_u64().unwrap() as usize;
            if let Some(id) = part["id"].as_str() {
                assert_eq!(at, calls.len());
                let name = part["function"]["name"].as_str().unwrap();
                calls.push((id.to_owned(), name.to_owned(), String::new()));
            }
            calls[at].2 += part["function"]["arguments"].as_str().unwrap();
        }
    }
    (text, calls, stop, usage)
}

#[test]
fn a_newcomer_gets_a_sentence_with_their_own_words() {
    let answer = document(&run("demo", &hello(false)));
    let said = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(said.contains("hello there") && said.contains("llm-link providers list"), "{said}");
    assert_eq!(answer["usage"]["prompt_tokens"], 3 + 3);
    assert_eq!(answer["id"], "chatcmpl-abc");
}

#[test]
fn a_stream_has_the_chunks_and_waits_it_was_asked_for() {
    let steps = run("demo-chunks=50-delay=20-first=500", &hello(true));
    assert_eq!(steps.iter().filter(|s| **s == Step::Wait(20)).count(), 50);
    assert_eq!(steps[0], Step::Head { status: 200, framing: Framing::EventStream });
    assert_eq!(steps[2], Step::Wait(500));
    let (chunks, done) = events(&steps);
    assert_eq!((chunks.len(), done), (1 + 50 + 1, true));
    let many = bytes(&run("demo-chunks=2000", &hello(true)));
    let empty = many[1..].iter().filter(|b| b.windows(12).any(|w| w == b"\"content\":\"\"")).count();
    assert_eq!((many.len(), empty), (1 + 2000 + 2, 0));
}

#[test]
fn faults_come_where_they_were_asked_for() {
    let last = |model: &str, stream| run(model, &hello(stream)).pop().unwrap();
    for stream in [true, false] {
        for (fault, step) in
            [("cut", Step::Cut), ("hang", Step::Hang), ("abort", Step::Abort), ("exit78", Step::Exit(78))]
        {
            assert_eq!(run(&format!("demo-fail={fault}"), &hello(stream)), std::slice::from_ref(&step));
            assert_eq!(last(&format!("demo-fail={fault}-after=2"), stream), step);
        }
        let empty = run("demo-fail=empty", &hello(stream));
        assert!(matches!(empty.as_slice(), [Step::Head { status: 200, .. }]));
        assert_eq!(last("demo-fail=garbage", stream), Step::Chunk(wire::GARBAGE));
    }
    assert_eq!(bytes(&run("demo-fail=cut-after=2", &hello(true))).len(), 1 + 2);
    let (chunks, done) = events(&run("demo-fail=no-done", &hello(true)));
    assert!(!done && chunks.iter().all(|c| c["choices"][0]["finish_reason"].is_null()));
    let (chunks, done) = events(&run("demo-fail=error-event-after=3", &hello(true)));
    assert_eq!((chunks.len(), done), (1 + 3 + 1, false));
    assert_eq!(chunks.last().unwrap()["error"]["type"], "server_error");
}

#[test]
fn statuses_are_answers_with_an_error_and_a_wait() {
    for status in [400, 401, 404, 429, 500, 503, 529] {
        let steps = run(&format!("demo-fail={status}"), &hello(true));
        let [Step::Fail { status: said, headers, body }] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!(*said, status);
        let waits = headers.iter().any(|(name, _)| name == "retry-after");
        assert_eq!(waits, matches!(status, 429 | 503 | 529));
        let body: Value = serde_json::from_slice(body).unwrap();
        assert!(body["error"]["message"].is_string());
    }
}

#[test]
fn what_the_process_does_comes_first() {
    let steps = run("demo-flood=2-leak=3-spin=40", &hello(false));
    assert_eq!(steps[..3], [Step::Flood(2 << 20), Step::Leak(3 << 20), Step::Spin(40)]);
    assert!(matches!(steps[3], Step::Head { .. }));
}

#[test]
fn an_echo_is_the_hash_of_the_bytes_that_came() {
    let body = br#"{"messages":[{"role":"user","content":"x"}] }"#;
    let answer = document(&plan("demo-echo", body, stamp()).steps);
    let expected = {
        use sha2::{Digest, Sha256};
        Sha256::digest(body).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let said = format!("sha256={expected} length={}", body.len());
    assert_eq!(answer["choices"][0]["message"]["content"], said);
}

#[test]
fn a_probe_says_its_verdict_in_either_form() {
    for stream in [true, false] {
        let mut body = hello(stream);
        body["messages"][0]["content"] = json!("/var/lib/secret");
        let steps = run("demo-probe=open-state", &body);
        let Some(Step::Probe(probing)) = steps.last() else { panic!("{steps:?}") };
        assert_eq!((probing.probe, probing.argument.as_str()), (Probe::OpenState, "/var/lib/secret"));
        let verdict = Verdict::Denied("no".into());
        let chunks: Vec<Step> = probing.chunks(&verdict).into_iter().map(Step::Chunk).collect();
        let said = match stream {
            true => folded(&chunks).0,
            false => document(&chunks)["choices"][0]["message"]["content"].as_str().unwrap().to_owned(),
        };
        assert_eq!(said, "denied: no");
    }
}

fn with_tools(stream: bool) -> Value {
    let mut body = hello(stream);
    let tool = |name: &str| {
        let parameters = json!({"type": "object", "required": ["city", "days"], "properties": {
            "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}}});
        json!({"type": "function", "function": {"name": name, "parameters": parameters}})
    };
    body["tools"] = json!([tool("weather"), tool("trains")]);
    body
}

#[test]
fn tools_are_called_when_asked_for_and_answered_after() {
    assert!(folded(&run("demo", &with_tools(true))).1.is_empty());
    let (text, calls, stop, _) = folded(&run("demo-tools", &with_tools(true)));
    assert_eq!((text.as_str(), calls.len(), stop.as_deref()), ("", 1, Some("tool_calls")));
    assert_eq!(calls[0].1, "weather");
    let arguments: Value = serde_json::from_str(&calls[0].2).unwrap();
    assert_eq!(arguments, json!({"city": "demo", "days": 3}));

    let mut both = with_tools(true);
    both["messages"][0]["content"] = json!("ask weather and trains");
    assert_eq!(folded(&run("demo-tools", &both)).1.len(), 2);
    assert_eq!(folded(&run("demo-tools=2", &with_tools(true))).1.len(), 2);
    both["parallel_tool_calls"] = json!(false);
    assert_eq!(folded(&run("demo-tools", &both)).1.len(), 1);

    let mut forced = with_tools(true);
    forced["tool_choice"] = json!({"type": "function", "function": {"name": "trains"}});
    assert_eq!(folded(&run("demo", &forced)).1[0].1, "trains");
    forced["tool_choice"] = json!({"type": "function", "function": {"name": "ships"}});
    assert!(matches!(run("demo", &forced).as_slice(), [Step::Fail { status: 400, .. }]));

    let mut after = with_tools(true);
    let messages = after["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "tool", "tool_call_id": "c", "content": "sunny"}));
    assert!(folded(&run("demo-tools", &after)).0.contains("sunny"));
}

#[test]
fn formats_and_limits_are_kept() {
    let mut body = hello(false);
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "n", "schema":
        {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}}});
    let said = document(&run("demo", &body))["choices"][0]["message"]["content"].clone();
    assert_eq!(said, r#"{"ok":true}"#);
    body["response_format"] = json!({"type": "json_object"});
    let said = document(&run("demo", &body))["choices"][0]["message"]["content"].clone();
    assert!(serde_json::from_str::<Value>(said.as_str().unwrap()).unwrap()["answer"].is_string());
    let mut short = hello(false);
    short["max_tokens"] = json!(5);
    let answer = document(&run("demo", &short));
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 5);
    let sized = document(&run("demo-size=5000", &hello(false)));
    assert_eq!(sized["choices"][0]["message"]["content"].as_str().unwrap().len(), 5000);
}

#[test]
fn what_is_no_request_is_refused() {
    for body in ["", "[]", "{}", r#"{"messages":[]}"#, r#"{"messages":3}"#] {
        let steps = plan("demo", body.as_bytes(), stamp()).steps;
        assert!(matches!(steps.as_slice(), [Step::Fail { status: 400, .. }]), "{body}");
    }
    assert!(matches!(run("gpt-4o", &hello(true)).as_slice(), [Step::Fail { status: 404, .. }]));
    let listed: Value = serde_json::from_slice(&models(1)).unwrap();
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| Knobs::parse(id).is_ok()) && ids[0] == "demo");
}

/// A head once and first, no bytes before it; an error answer alone; nothing after what ends an answer.
fn is_valid(steps: &[Step]) -> bool {
    let head = steps.iter().position(|s| matches!(s, Step::Head { .. }));
    let body_after_head =
        steps.iter().position(|s| matches!(s, Step::Chunk(_))).is_none_or(|at| head.is_some_and(|h| h < at));
    let heads = steps.iter().filter(|s| matches!(s, Step::Head { .. } | Step::Fail { .. })).count();
    let ends = |s: &Step| {
        matches!(s, Step::Cut | Step::Hang | Step::Fail { .. } | Step::Abort | Step::Exit(_) | Step::Probe(_))
    };
    let ending = steps.iter().position(ends);
    heads <= 1 && body_after_head && ending.is_none_or(|at| at + 1 == steps.len()) && !steps.is_empty()
}

proptest! {
    #[test]
    fn any_name_and_body_give_a_valid_plan(
        model in "(demo)?(-(chunks|delay|after|fail|size|tools|echo|probe|leak|x)(=(1|7|cut|500|error-event|exec|é))?){0,4}",
        body in "\\PC{0,40}",
        stream in any::<bool>(),
    ) {
        prop_assert!(is_valid(&plan(&model, body.as_bytes(), stamp()).steps));
        prop_assert!(is_valid(&run(&model, &hello(stream))));
        prop_assert_eq!(run(&model, &hello(stream)), run(&model, &hello(stream)));
    }

    #[test]
    fn a_stream_adds_up_to_the_document(
        said in "\\PC{0,80}", chunks in 1usize..40, tools in any::<bool>(), max in proptest::option::of(0u64..60),
    ) {
        let model = format!("demo-chunks={chunks}{}", if tools { "-tools" } else { "" });
        let mut body = with_tools(false);
        body["messages"][0]["content"] = json!(said);
        if let Some(max) = max {
            body["max_tokens"] = json!(max);
        }
        let whole = document(&run(&model, &body));
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
        let (text, calls, stop, usage) = folded(&run(&model, &body));
        let message = &whole["choices"][0]["message"];
        prop_assert_eq!(&text, message["content"].as_str().unwrap_or_default());
        prop_assert_eq!(stop.as_deref(), whole["choices"][0]["finish_reason"].as_str());
        prop_assert_eq!(&usage, &whole["usage"]);
        let listed = message["tool_calls"].as_array().cloned().unwrap_or_default();
        prop_assert_eq!(calls.len(), listed.len());
        for (call, other) in calls.iter().zip(&listed) {
            prop_assert_eq!(&call.0, other["id"].as_str().unwrap());
            prop_assert_eq!(&call.2, other["function"]["arguments"].as_str().unwrap());
        }
    }
}
