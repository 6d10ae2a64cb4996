use super::*;
use crate::model::{Start, StopReason};
use proptest::prelude::*;

fn joined(said: &str, pieces: &[&str]) -> String {
    let mut seam = Seam::new(said, Usage::default());
    let mut out = Vec::new();
    seam.event(Event::Start(Start::default()), &mut out);
    seam.event(Event::PartStart { key: 0, head: PartHead::Text }, &mut out);
    for piece in pieces {
        seam.event(Event::Delta { key: 0, delta: Delta::Text((*piece).to_owned()) }, &mut out);
    }
    seam.event(Event::PartEnd { key: 0 }, &mut out);
    seam.event(Event::Finish { stop: StopReason::default(), usage: Usage::default() }, &mut out);
    let ends: Vec<_> = out.iter().filter(|e| !matches!(e, Event::Delta { .. })).collect();
    assert!(matches!(ends[..], [Event::PartEnd { .. }, Event::Finish { .. }]), "{ends:?}");
    let text = out.iter().filter_map(|event| match event {
        Event::Delta { delta: Delta::Text(text), .. } => Some(text.as_str()),
        _ => None,
    });
    format!("{said}{}", text.collect::<String>())
}

#[test]
fn a_half_that_simply_goes_on_is_kept_whole() {
    assert_eq!(joined("Hello wor", &["ld", ", all of you"]), "Hello world, all of you");
    assert_eq!(joined("a a a ", &["a a", " b"]), "a a a a a b", "a short repetition is what it is");
    assert_eq!(joined("One", &[]), "One");
}

#[test]
fn the_blank_at_the_seam_is_there_once() {
    assert_eq!(joined("Hello ", &[" world"]), "Hello world");
    assert_eq!(joined("Hello ", &["world"]), "Hello world");
    assert_eq!(joined("End.\n\n", &["\n", "\nNext"]), "End.\n\nNext");
}

#[test]
fn a_half_that_begins_again_is_cut() {
    let said = "The quick brown fox jumps over the lazy dog. And th";
    assert_eq!(joined(said, &[said, "en it sleeps."]), format!("{said}en it sleeps."));
    let tail = "jumps over the lazy dog. And then";
    let pieces: Vec<String> = tail.chars().map(String::from).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(joined(said, &pieces), format!("{said}en"));
    assert_eq!(joined("Hello, wor", &["Hello", ", world"]), "Hello, world", "a short answer, whole");
}

#[test]
fn thinking_of_the_second_half_is_hidden_and_its_tools_follow() {
    let mut seam = Seam::new("I look it up", Usage { output: Some(3), ..Usage::default() });
    let mut out = Vec::new();
    let call = PartHead::ToolCall { id: "c".into(), name: "f".into() };
    for event in [
        Event::PartStart { key: 0, head: PartHead::Reasoning },
        Event::Delta { key: 0, delta: Delta::Text("hm".into()) },
        Event::PartEnd { key: 0 },
        Event::PartStart { key: 1, head: PartHead::Text },
        Event::Delta { key: 1, delta: Delta::Text(".".into()) },
        Event::PartEnd { key: 1 },
        Event::PartStart { key: 2, head: call.clone() },
        Event::Delta { key: 2, delta: Delta::Arguments("{}".into()) },
        Event::PartEnd { key: 2 },
        Event::Finish {
            stop: StopReason::default(),
            usage: Usage { input_fresh: Some(5), output: Some(4), ..Usage::default() },
        },
    ] {
        seam.event(event, &mut out);
    }
    let usage = Usage { input_fresh: Some(5), output: Some(7), ..Usage::default() };
    assert_eq!(
        out,
        [
            Event::Delta { key: 0, delta: Delta::Text(".".into()) },
            Event::PartEnd { key: 0 },
            Event::PartStart { key: 1, head: call },
            Event::Delta { key: 1, delta: Delta::Arguments("{}".into()) },
            Event::PartEnd { key: 1 },
            Event::Finish { stop: StopReason::default(), usage },
        ]
    );
}

proptest! {
    /// Wherever an answer is cut, and however much of it the second half says again, it is read once.
    #[test]
    fn an_answer_is_read_once(
        words in prop::collection::vec("[a-z模型é]{1,9}", 12..60),
        cut in 0.2..0.8f64,
        again in 0..80usize,
        sizes in prop::collection::vec(1..12usize, 1..40),
    ) {
        let all: String = words.iter().enumerate().map(|(i, w)| format!("{w}{i} ")).collect();
        let boundary = |at: usize| (0..=at.min(all.len())).rev().find(|i| all.is_char_boundary(*i)).unwrap_or(0);
        let cut = boundary((all.len() as f64 * cut) as usize);
        let back = all[..cut].chars().rev().take(if again < CHANCE { 0 } else { again });
        let from = cut - back.map(char::len_utf8).sum::<usize>();
        let mut rest = &all[from..];
        let mut pieces = Vec::new();
        for size in sizes {
            let at = (size..=size + 4).find(|at| rest.is_char_boundary((*at).min(rest.len()))).unwrap_or(0);
            let (piece, after) = rest.split_at(at.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        // A model that goes on is not shown the blanks at the end, and may say them or not.
        prop_assert_eq!(joined(&all[..cut], &pieces), all.clone());
    }

    #[test]
    fn overlaps_are_the_longest(said in "[ab]{0,30}", next in "[ab]{0,30}") {
        let longest = (0..=next.len().min(said.len())).rev().find(|n| said.ends_with(&next[..*n]));
        prop_assert_eq!(overlap(&said, &next), longest.unwrap_or(0));
    }
}
