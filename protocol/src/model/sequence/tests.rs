use super::*;
use proptest::prelude::*;

fn run(events: Vec<Event>) -> Vec<Event> {
    let mut sequencer = Sequencer::new();
    let mut out = Vec::new();
    for event in events {
        sequencer.event(event, &mut out);
    }
    sequencer.end(&mut out);
    out
}

/// Panics unless the events follow the grammar.
fn assert_grammar(events: &[Event]) {
    let mut open = None;
    let mut next = 0;
    for (i, event) in events.iter().enumerate() {
        let last = i + 1 == events.len();
        match event {
            Event::Start(_) => assert_eq!(i, 0, "Start comes first and once"),
            Event::PartStart { key, .. } => {
                assert!(i > 0 && open.is_none(), "one part at a time");
                assert_eq!(*key, next, "keys count from 0");
                open = Some(*key);
                next += 1;
            }
            Event::Delta { key, .. } => assert_eq!(Some(*key), open),
            Event::PartEnd { key } => assert_eq!(open.take(), Some(*key)),
            Event::Finish { .. } => assert!(last && open.is_none() && i > 0),
            Event::Fail(_) => assert!(last),
            Event::Usage(_) | Event::Complete | Event::End => panic!("not part of the grammar"),
        }
    }
    assert!(matches!(events.last(), Some(Event::Finish { .. } | Event::Fail(_))));
}

fn text(key: PartKey, text: &str) -> Event {
    Event::Delta { key, delta: Delta::Text(text.to_owned()) }
}

fn arguments(key: PartKey, text: &str) -> Event {
    Event::Delta { key, delta: Delta::Arguments(text.to_owned()) }
}

fn call(key: PartKey) -> Event {
    Event::PartStart { key, head: PartHead::ToolCall { id: format!("c{key}"), name: format!("f{key}") } }
}

fn stop() -> Event {
    Event::Finish { stop: StopReason::new(StopKind::Stop, Some("stop")), usage: Usage::default() }
}

#[test]
fn interleaved_calls_are_kept_apart() {
    let events = vec![
        call(0),
        arguments(0, "{\"a\":"),
        call(1),
        arguments(1, "{\"b\":"),
        arguments(0, "\"}\"}"),
        arguments(1, "2}"),
        stop(),
        Event::End,
    ];
    let out = run(events);
    assert_grammar(&out);
    let answer = fold(out).unwrap();
    let calls: Vec<_> = answer
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall(call) => (call.name.as_str(), call.arguments.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(calls, [("f0", "{\"a\":\"}\"}"), ("f1", "{\"b\":2}")]);
    assert_eq!(answer.stop.kind, StopKind::Tool, "a stop after calls is a call");
    assert_eq!(answer.stop.raw.as_deref(), Some("stop"));
}

#[test]
fn a_complete_call_closes_when_the_next_begins() {
    let out = run(vec![call(0), arguments(0, "{}"), call(1)]);
    assert!(out[..4].contains(&Event::PartEnd { key: 0 }), "{out:?}");
}

#[test]
fn usage_is_merged_wherever_it_comes() {
    let early = Usage { input_fresh: Some(3), output: Some(1), ..Usage::default() };
    let late = Usage { output: Some(9), ..Usage::default() };
    let out = run(vec![
        Event::Start(Start { usage: early, ..Start::default() }),
        text(0, "a"),
        stop(),
        Event::Usage(late),
        Event::End,
    ]);
    let Some(Event::Finish { usage, .. }) = out.last() else { panic!("{out:?}") };
    assert_eq!((usage.input_fresh, usage.output), (Some(3), Some(9)));
}

#[test]
fn a_stream_without_its_end_is_a_failure() {
    for events in [vec![], vec![text(0, "a")], vec![Event::End]] {
        assert!(fold(run(events)).is_err());
    }
    assert!(fold(run(vec![text(0, "a"), Event::End])).is_ok(), "vendors leave the reason out");
}

fn any_event() -> impl Strategy<Value = Event> {
    let key = 0..4u32;
    let piece = "[{}\"a:]{0,3}";
    prop_oneof![
        Just(Event::Start(Start::default())),
        key.clone().prop_map(call),
        key.clone().prop_map(|key| Event::PartStart { key, head: PartHead::Reasoning }),
        (key.clone(), piece).prop_map(|(key, piece)| text(key, &piece)),
        (key.clone(), piece).prop_map(|(key, piece)| arguments(key, &piece)),
        key.prop_map(|key| Event::PartEnd { key }),
        any::<Option<u64>>().prop_map(|output| Event::Usage(Usage { output, ..Usage::default() })),
        Just(stop()),
        Just(Event::End),
        Just(Event::Fail(Failure::new(FailureKind::Upstream, "x"))),
    ]
}

proptest! {
    /// L5: whatever the decoder yields, the grammar holds.
    #[test]
    fn any_events_give_the_grammar(events in prop::collection::vec(any_event(), 0..40)) {
        assert_grammar(&run(events));
    }
}
