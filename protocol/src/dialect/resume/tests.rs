use super::*;
use crate::dialect::{Operation, StreamTranslation, UsageInStream};
use crate::model::{StopReason, Usage};

fn stamp() -> Stamp {
    Stamp { id: "abc".into(), created: 7, model: "m1".into() }
}

fn style() -> ReplyStyle {
    ReplyStyle::new(Operation::Chat, UsageInStream::Shown)
}

fn written(dialect: Dialect, events: &[Event]) -> Vec<u8> {
    let mut encoder = dialect.event_encoder(&stamp(), &style());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    out
}

fn begun(head: PartHead, delta: Delta) -> Vec<Event> {
    let start = Start { model: Some("first".into()), ..Start::default() };
    vec![Event::Start(start), Event::PartStart { key: 0, head }, Event::Delta { key: 0, delta }]
}

fn text(text: &str) -> Delta {
    Delta::Text(text.to_owned())
}

/// The answer that a client of the dialect understands.
fn understood(dialect: Dialect, bytes: &[u8]) -> crate::model::ChatResponse {
    let mut reader = EventReader::new(dialect, &stamp(), &Quirks::default());
    let mut events = Vec::new();
    reader.push(bytes, &mut events).unwrap();
    reader.finish(&mut events);
    crate::model::fold(events).unwrap()
}

#[test]
fn a_text_goes_on_in_every_dialect_as_one_stream() {
    for dialect in Dialect::ALL {
        let mut bytes = written(dialect, &begun(PartHead::Text, text("Hello wor")));
        let mut resumed = dialect.resume(&bytes, &stamp(), &style()).unwrap();
        assert_eq!(resumed.text, "Hello wor", "{dialect}");
        resumed.encoder.mark("b/m2", &mut bytes);
        let usage = Usage { input_fresh: Some(4), output: Some(5), ..Usage::default() };
        for event in [
            Event::Delta { key: 0, delta: text("ld") },
            Event::PartEnd { key: 0 },
            Event::Finish { stop: StopReason::new(crate::model::StopKind::Stop, None), usage },
        ] {
            resumed.encoder.event(&event, &mut bytes);
        }
        let answer = understood(dialect, &bytes);
        assert_eq!(answer.parts, [crate::model::Part::text("Hello world")], "{dialect}");
        assert_eq!(answer.usage.output, Some(5), "{dialect}");
        let said = String::from_utf8(bytes).unwrap();
        assert_eq!(said.matches(r#""llm_link":{"continued_by":"b/m2"}"#).count(), 1, "{dialect}: {said}");
        // Byte for byte what one writer would have said, but for the mark.
        let mut whole = begun(PartHead::Text, text("Hello wor"));
        whole.extend([Event::Delta { key: 0, delta: text("ld") }, Event::PartEnd { key: 0 }]);
        let plain = String::from_utf8(written(dialect, &whole)).unwrap();
        let last = plain.lines().rfind(|line| !line.is_empty()).unwrap();
        if dialect != Dialect::OpenAiResponses {
            assert!(said.contains(last), "{dialect}: {last}\n{said}");
        }
    }
}

#[test]
fn responses_go_on_with_the_next_number_in_the_same_item() {
    let event = |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{rest}}}\n\n");
    let sent = [
        event("response.created", r#""sequence_number":0,"response":{"id":"resp_1","model":"g"}"#),
        event(
            "response.output_item.added",
            r#""sequence_number":1,"output_index":0,"item":{"id":"msg_theirs","type":"message","role":"assistant","content":[]}"#,
        ),
        event(
            "response.output_text.delta",
            r#""sequence_number":40,"item_id":"msg_theirs","output_index":0,"content_index":0,"delta":"Hi"#,
        )
        .replace("Hi}", "Hi\"}"),
    ]
    .concat();
    let mut resumed = Dialect::OpenAiResponses.resume(sent.as_bytes(), &stamp(), &style()).unwrap();
    let mut out = Vec::new();
    resumed.encoder.mark("b/m", &mut out);
    resumed.encoder.event(&Event::Delta { key: 0, delta: text("!") }, &mut out);
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains(r#""sequence_number":41,"item_id":"msg_theirs""#), "{said}");
    assert!(said.contains(r#""sequence_number":42,"item_id":"msg_theirs""#), "{said}");
}

#[test]
fn what_is_no_open_text_is_not_taken_up() {
    let call = PartHead::ToolCall { id: "call_1".into(), name: "f".into() };
    for dialect in Dialect::ALL {
        let refused = |bytes: &[u8]| dialect.resume(bytes, &stamp(), &style()).map(|r| r.text).unwrap_err();
        let thinking = written(dialect, &begun(PartHead::Reasoning, text("hm")));
        assert_eq!(refused(&thinking).kind, FailureKind::Unsupported, "{dialect}");
        let mut calling = begun(call.clone(), Delta::Arguments("{\"a\":1}".into()));
        calling.push(Event::PartEnd { key: 0 });
        assert_eq!(refused(&written(dialect, &calling)).kind, FailureKind::Unsupported, "{dialect}");
        let mut after_text = begun(PartHead::Text, text("I ask"));
        after_text.extend([
            Event::PartEnd { key: 0 },
            Event::PartStart { key: 1, head: call.clone() },
            Event::Delta { key: 1, delta: Delta::Arguments("{}".into()) },
            Event::PartEnd { key: 1 },
        ]);
        assert_eq!(refused(&written(dialect, &after_text)).kind, FailureKind::Unsupported, "{dialect}");
        assert_eq!(refused(b"").kind, FailureKind::Unsupported, "{dialect}");
        assert_eq!(refused(b"data: nonsense\n\n").kind, FailureKind::Unsupported, "{dialect}");
        let mut ended = begun(PartHead::Text, text("Hi"));
        ended.push(Event::PartEnd { key: 0 });
        ended.push(Event::Finish { stop: StopReason::default(), usage: Usage::default() });
        assert_eq!(refused(&written(dialect, &ended)).kind, FailureKind::Unsupported, "{dialect}");
    }
}

#[test]
fn a_continued_translation_writes_one_answer() {
    for (to, from) in Dialect::ALL.into_iter().flat_map(|to| Dialect::ALL.map(|from| (to, from))) {
        let sent = written(to, &begun(PartHead::Text, text("Hello wor ")));
        let resumed = to.resume(&sent, &stamp(), &style()).unwrap();
        let before = Usage { output: Some(2), ..Usage::default() };
        let mut second = begun(PartHead::Text, text("ld and"));
        second.push(Event::Delta { key: 0, delta: text(" all") });
        second.push(Event::PartEnd { key: 0 });
        let usage = Usage { input_fresh: Some(4), output: Some(5), ..Usage::default() };
        second.push(Event::Finish { stop: StopReason::new(crate::model::StopKind::Stop, None), usage });
        let upstream = written(from, &second);
        let mut bytes = sent.clone();
        let quirks = Quirks::default();
        let mut translation =
            StreamTranslation::continued(from, &stamp(), &quirks, &style(), resumed, ("b/m2", before));
        for byte in upstream.chunks(7) {
            translation.push(byte, &mut bytes).unwrap();
        }
        translation.finish(&mut bytes).unwrap();
        let answer = understood(to, &bytes);
        assert_eq!(answer.parts, [crate::model::Part::text("Hello wor ld and all")], "{from} to {to}");
        assert_eq!(answer.usage.output, Some(7), "{from} to {to}");
        assert_eq!(translation.usage().output, Some(7));
        assert_eq!(String::from_utf8_lossy(&bytes).matches("continued_by").count(), 1, "{from} to {to}");
    }
}
