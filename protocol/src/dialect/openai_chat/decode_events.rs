//! Chat completion chunks, and whole answers, as events.

use super::quirks::{Quirks, ReasoningField};
use super::think::{Piece, ThinkScanner};
use super::wire::{Annotation, Answer, Audio, Choice, Delta as WireDelta, FunctionDelta, Image, ToolDelta};
use crate::dialect::codec::{DecodeEvents, Frame, Stamp};
use crate::dialect::failure::{in_band, instead};
use crate::dialect::lanes::{Lane, Lanes};
use crate::dialect::lenient::Loose;
use crate::dialect::openai_chat::wire;
use crate::model::PARTS_LIMIT;
use crate::model::{
    Citation, Delta, Event, Failure, FailureKind, PartHead, PartKey, Start, StopKind, StopReason, Usage,
};

pub(crate) struct Decoder {
    stamp: Stamp,
    /// Which of the choices is read.
    choice: u64,
    think: Option<ThinkScanner>,
    started: bool,
    lanes: Lanes,
    calls: Vec<Call>,
    /// Pieces have come: a whole message after them repeats them.
    pieces: bool,
    /// Sources named beside the choices, told at the end of the text; how many have been.
    sources: Vec<String>,
    cited: usize,
    finished: bool,
}

/// What a choice brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Something to add to what came before.
    Piece,
    /// All of it: each of its tool calls is one of its own, whatever their ids.
    Whole,
}

/// A tool call in the making.
#[derive(Debug)]
struct Call {
    /// The wire's index, if it has one.
    index: Option<u64>,
    id: String,
    key: PartKey,
    /// The part has been opened: its name is known.
    open: bool,
    held: String,
}

impl Decoder {
    pub(crate) fn new(stamp: &Stamp, quirks: &Quirks) -> Self {
        let tags = quirks.reasoning_field == ReasoningField::ThinkTags;
        Self {
            stamp: stamp.clone(),
            choice: 0,
            think: tags.then(ThinkScanner::default),
            started: false,
            lanes: Lanes::default(),
            calls: Vec::new(),
            pieces: false,
            sources: Vec::new(),
            cited: 0,
            finished: false,
        }
    }

    /// The reader of another choice than the first.
    pub(crate) fn of_choice(mut self, choice: u64) -> Self {
        self.choice = choice;
        self
    }

    /// A whole answer. Nothing may be missing but a reason to stop.
    pub(crate) fn document(&mut self, body: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut answer = wire::read(body)?;
        if answer.choices.is_none() && answer.usage.0.is_none() {
            return Err(instead(body, "choices"));
        }
        // Whole choices are told apart by their order: servers exist that count from 1, or do not count.
        let choices = answer.choices.get_or_insert_default();
        choices.sort_by_key(|choice| choice.index.0);
        choices.iter_mut().zip(0..).for_each(|(choice, place)| choice.index.0 = Some(place));
        let mut out = Vec::new();
        self.answer(answer, &mut out);
        self.flush(&mut out);
        self.cite(&mut out);
        let finished = out.iter().any(|event| matches!(event, Event::Finish { .. } | Event::Fail(_)));
        if !finished {
            out.push(finish(StopReason::default()));
        }
        out.push(Event::End);
        Ok(out)
    }

    fn answer(&mut self, answer: Answer<'_>, out: &mut Vec<Event>) {
        if !self.started && (answer.id.0.is_some() || answer.choices.is_some()) {
            self.started = true;
            let id = answer.id.0.filter(|id| !id.is_empty());
            let model = answer.model.0.filter(|model| !model.is_empty());
            out.push(Event::Start(Start { id, model, created: answer.created.0, usage: Usage::default() }));
        }
        let beside = answer.usage.0.or(answer.x_groq.0.and_then(|groq| groq.usage.0));
        let own = |choice: &Choice<'_>| choice.index.0.unwrap_or(0) == self.choice;
        let choice = answer.choices.unwrap_or_default().into_iter().find(own);
        let inside = choice.as_ref().and_then(|choice| choice.usage.0);
        if let Some(usage) = beside.or(inside) {
            out.push(Event::Usage(usage.canonical()));
        }
        // Vendors repeat the whole list in each chunk.
        if answer.citations.0.len() > self.sources.len() {
            self.sources = answer.citations.0;
        }
        if let Some(choice) = choice {
            self.choice(choice, out);
        }
        if self.finished {
            self.cite(out);
        }
    }

    fn cite(&mut self, out: &mut Vec<Event>) {
        for url in self.sources.iter().skip(self.cited) {
            if let Some(citation) = Citation::new(Some(url.clone()), None) {
                self.lanes.cite(citation, out);
            }
        }
        self.cited = self.sources.len();
    }

    fn choice(&mut self, choice: Choice<'_>, out: &mut Vec<Event>) {
        if let Some(text) = choice.text.0 {
            self.text(&text, out);
        }
        let before = out.len();
        self.lanes.tokens(choice.logprobs.0.unwrap_or_default().content.0, out);
        match (choice.delta.0, choice.message.0) {
            (Some(delta), _) => self.delta(delta, Extent::Piece, out),
            (None, Some(message)) if !self.pieces => self.delta(message, Extent::Whole, out),
            (None, _) => {}
        }
        self.pieces |= out.len() > before;
        if let Some(reason) = choice.finish_reason.0.filter(|reason| !reason.is_empty()) {
            self.flush(out);
            self.finished = true;
            out.push(match broken_finish(&reason) {
                Some(failure) => Event::Fail(failure),
                None => finish(stop_reason(&reason)),
            });
        }
    }

    fn delta(&mut self, delta: WireDelta<'_>, extent: Extent, out: &mut Vec<Event>) {
        if let Some(text) = delta.reasoning() {
            self.lanes.piece(Lane::Reasoning, text, out);
        }
        for piece in delta.content_pieces() {
            match piece {
                Piece::Reasoning(text) => self.lanes.piece(Lane::Reasoning, text, out),
                Piece::Text(text) => self.text(&text, out),
            }
        }
        if let Some(text) = delta.refusal.0 {
            self.lanes.piece(Lane::Refusal, text, out);
        }
        for citation in delta.annotations.0.into_iter().filter_map(Annotation::citation) {
            self.lanes.cite(citation, out);
        }
        self.media(delta.images.0, delta.audio.0, out);
        for call in delta.tool_calls.0 {
            self.call(call, extent, out);
        }
        if let Some(function) = delta.function_call.0 {
            self.call(ToolDelta { function: Loose(Some(function)), ..ToolDelta::default() }, extent, out);
        }
    }

    /// A sound's words are the text of the answer: beside one the API says no other.
    fn media(&mut self, images: Vec<Image>, audio: Option<Audio>, out: &mut Vec<Event>) {
        let mut audio = audio.unwrap_or_default();
        self.lanes.piece(Lane::Text, audio.transcript.0.take().unwrap_or_default(), out);
        for media in images.into_iter().filter_map(Image::media).chain(audio.media()) {
            self.lanes.media(media, out);
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        let Some(scanner) = &mut self.think else {
            return self.lanes.piece(Lane::Text, text.to_owned(), out);
        };
        let mut pieces = Vec::new();
        scanner.read(text, &mut pieces);
        self.pieces(pieces, out);
    }

    fn pieces(&mut self, pieces: Vec<Piece>, out: &mut Vec<Event>) {
        for piece in pieces {
            match piece {
                Piece::Reasoning(text) => self.lanes.piece(Lane::Reasoning, text, out),
                Piece::Text(text) => self.lanes.piece(Lane::Text, text, out),
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<Event>) {
        let mut pieces = Vec::new();
        if let Some(scanner) = &mut self.think {
            scanner.flush(&mut pieces);
        }
        self.pieces(pieces, out);
    }

    fn call(&mut self, wire: ToolDelta<'_>, extent: Extent, out: &mut Vec<Event>) {
        let function = wire.function.0.unwrap_or_default();
        let id = wire.id.0.filter(|id| !id.is_empty());
        let name = function.name.0.clone().filter(|name| !name.is_empty());
        let begun = match extent {
            Extent::Piece => self.find(wire.index.0, id.as_deref(), name.is_some()),
            Extent::Whole => None,
        };
        let slot = match begun {
            Some(slot) => slot,
            None if self.calls.len() >= PARTS_LIMIT => return,
            None => self.add(wire.index.0, id),
        };
        let arguments = arguments(&function);
        let call = &mut self.calls[slot];
        if let (false, Some(name)) = (call.open, name) {
            call.open = true;
            self.lanes.interrupt();
            out.push(Event::PartStart {
                key: call.key,
                head: PartHead::ToolCall { id: call.id.clone(), name },
            });
        }
        if !call.open {
            call.held.push_str(&arguments);
            return;
        }
        let text = std::mem::take(&mut call.held) + &arguments;
        if !text.is_empty() {
            out.push(Event::Delta { key: call.key, delta: Delta::Arguments(text) });
        }
    }

    /// The call a delta continues. The index decides; an index seen before with another id and a name is a vendor
    /// that numbers every call 0; without an index a new id is a new call and no id is the last call.
    fn find(&self, index: Option<u64>, id: Option<&str>, named: bool) -> Option<usize> {
        let same_id = |call: &Call| id.is_none_or(|id| id == call.id);
        match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index && (same_id(call) || !named)),
            None if id.is_some() => self.calls.iter().rposition(same_id),
            None if named => None,
            None => self.calls.len().checked_sub(1),
        }
    }

    fn add(&mut self, index: Option<u64>, id: Option<String>) -> usize {
        let id = id.unwrap_or_else(|| format!("call_{}_{}", self.stamp.id, self.calls.len()));
        let key = self.lanes.take_key();
        self.calls.push(Call { index, id, key, open: false, held: String::new() });
        self.calls.len() - 1
    }
}

/// A text, or the object itself at some vendors.
fn arguments(function: &FunctionDelta<'_>) -> String {
    match function.arguments {
        None => String::new(),
        Some(raw) if raw.get() == "null" => String::new(),
        Some(raw) => serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned()),
    }
}

impl DecodeEvents for Decoder {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) {
        if frame.data.starts_with(b"[DONE]") {
            self.flush(out);
            out.push(Event::End);
            return;
        }
        match wire::read(frame.data) {
            Ok(answer) => self.answer(answer, out),
            Err(failure) => out.push(Event::Fail(failure)),
        }
    }
}

fn finish(stop: StopReason) -> Event {
    Event::Finish { stop, usage: Usage::default() }
}

/// The vendors' words for an end that is no end.
fn broken_finish(reason: &str) -> Option<Failure> {
    let kind = match reason {
        "error" | "network_error" => FailureKind::Upstream,
        "insufficient_system_resource" => FailureKind::Overloaded,
        _ => return None,
    };
    let mut failure = Failure::new(kind, format!("the provider ended the answer with `{reason}`"));
    failure.code = Some(reason.to_owned());
    Some(failure)
}

fn stop_reason(reason: &str) -> StopReason {
    let kind = match reason {
        "length" | "max_tokens" | "model_length" => StopKind::Length,
        "tool_calls" | "function_call" | "tool_use" => StopKind::Tool,
        "content_filter" | "sensitive" => StopKind::Filter,
        _ => StopKind::Stop,
    };
    StopReason::new(kind, Some(reason))
}

/// The failure inside a 200 answer, if there is one.
pub(super) fn carried_failure(body: &[u8]) -> Option<Failure> {
    serde_json::from_slice(body).ok().as_ref().and_then(in_band)
}
