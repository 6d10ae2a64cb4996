//! Fixtures on disk and the few things every test of the dialects needs. A new case is a new file, never new code.

use protocol::dialect::codec::Frame;
use protocol::dialect::{
    Dialect, Operation, Quirks, ReplyStyle, RequestHead, Stamp, StreamTranslation, UsageInStream,
};
use protocol::framing::{NdjsonDecoder, SseDecoder};
use protocol::model::{ChatResponse, Event, Failure, Part, Sequencer, StopKind, Usage, fold};
use serde_json::Value;
use std::path::PathBuf;

pub(crate) fn stamp() -> Stamp {
    Stamp { id: "abc123".to_owned(), created: 1_700_000_000, model: "public".to_owned() }
}

pub(crate) fn head(stream: bool) -> RequestHead<'static> {
    RequestHead { operation: Operation::Chat, model: "m", stream }
}

pub(crate) fn style() -> ReplyStyle {
    ReplyStyle::new(Operation::Chat, UsageInStream::Shown)
}

fn folder(dialect: Dialect) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(dialect.name())
}

/// The fixtures of a dialect whose names end like this: (case, text), in order of their names.
pub(crate) fn fixtures(dialect: Dialect, ending: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder(dialect))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let case = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            Some((case, std::fs::read_to_string(path).unwrap()))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{dialect} has no fixtures that end in {ending}");
    found
}

pub(crate) fn streams(dialect: Dialect) -> Vec<(String, String)> {
    fixtures(dialect, if dialect == Dialect::Ollama { ".stream.ndjson" } else { ".stream.sse" })
}

/// Decodes a stream to sequenced events.
pub(crate) fn events_of(dialect: Dialect, text: &[u8]) -> Vec<Event> {
    let mut decoder = dialect.event_decoder(&stamp(), &Quirks::default());
    let mut sloppy = Vec::new();
    for (event, data) in frames(dialect, text) {
        decoder.frame(Frame { event: event.as_deref(), data: &data }, &mut sloppy);
    }
    let mut sequencer = Sequencer::new();
    let mut out = Vec::new();
    for event in sloppy {
        sequencer.event(event, &mut out);
    }
    sequencer.end(&mut out);
    out
}

type OwnedFrame = (Option<Vec<u8>>, Vec<u8>);

pub(crate) fn frames(dialect: Dialect, text: &[u8]) -> Vec<OwnedFrame> {
    let mut out = Vec::new();
    if dialect == Dialect::Ollama {
        let mut lines = NdjsonDecoder::new();
        lines.push(text);
        while let Some(line) = lines.next_line().unwrap().or_else(|| lines.finish()) {
            out.extend(line.json.map(|json| (None, json.to_vec())));
        }
        return out;
    }
    let mut events = SseDecoder::new();
    events.push(text);
    while let Some(event) = events.next_event().unwrap().or_else(|| events.finish()) {
        out.extend(event.data.map(|data| (event.event.map(|name| name.to_vec()), data.to_vec())));
    }
    out
}

/// A stream through the whole pipeline, in pieces; what was written, and the verdict.
pub(crate) fn translate(from: Dialect, to: Dialect, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Failure>) {
    let mut translation = StreamTranslation::new(from, to, &stamp(), &Quirks::default(), &style());
    through(pieces, |piece, out| match piece {
        Some(piece) => translation.push(piece, out),
        None => translation.finish(out),
    })
}

/// Pieces of a stream and then its end through `step`; what was written, and the verdict.
pub(crate) fn through(
    pieces: &[&[u8]],
    mut step: impl FnMut(Option<&[u8]>, &mut Vec<u8>) -> Result<(), Failure>,
) -> (Vec<u8>, Result<(), Failure>) {
    let mut out = Vec::new();
    let mut all = pieces.iter().map(|piece| Some(*piece)).chain([None]);
    let verdict = all.try_for_each(|piece| step(piece, &mut out));
    (out, verdict)
}

/// What every dialect can say of an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<(String, Value)>,
    pub(crate) stop: StopKind,
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
}

pub(crate) fn meaning(answer: &ChatResponse) -> Meaning {
    let usage: Usage = answer.usage;
    let mut out = Meaning {
        text: String::new(),
        reasoning: String::new(),
        calls: Vec::new(),
        stop: answer.stop.kind,
        input: usage.input_total(),
        output: usage.output,
    };
    for part in &answer.parts {
        match part {
            Part::Text(text) => out.text.push_str(&text.text),
            Part::Refusal(text) => out.text.push_str(text),
            Part::Reasoning(found) => out.reasoning.push_str(&found.text),
            Part::ToolCall(call) => {
                let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
                out.calls.push((call.name.clone(), serde_json::from_str(arguments).unwrap()));
            }
            Part::Media(_) | Part::ToolResult(_) | Part::Opaque(_) => {}
        }
    }
    out
}

pub(crate) fn answer_of(dialect: Dialect, stream: &[u8]) -> Result<ChatResponse, Failure> {
    fold(events_of(dialect, stream))
}
