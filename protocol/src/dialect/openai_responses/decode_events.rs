//! Responses events, and whole answers, as events.

use super::wire::{self, Annotation, Body, OutputItem};
use crate::dialect::Dialect;
use crate::dialect::codec::{DecodeEvents, Frame, Stamp, bad_answer};
use crate::dialect::failure::{in_band, instead};
use crate::model::PARTS_LIMIT;
use crate::model::{
    Citation, Continuation, ContinuationKind, Delta, Event, Failure, FailureKind, Opaque, PartHead, PartKey,
    RawJson, Start, StopKind, StopReason, Token, Usage,
};

const HERE: Dialect = Dialect::OpenAiResponses;
/// The item that holds what a model drew.
const IMAGE: &str = "image_generation_call";

pub(crate) struct Decoder {
    stamp: Stamp,
    next: PartKey,
    open: Vec<Open>,
    /// Items that have begun: what the last event repeats of them is no news.
    begun: Vec<u64>,
    /// How many were said to be complete.
    completed: usize,
    /// The answer is complete: only another one may follow.
    resting: bool,
}

/// A part of an output item that has begun.
#[derive(Debug)]
struct Open {
    item: u64,
    /// The content part within a message; 0 for items of one part.
    content: u64,
    slot: Slot,
    key: PartKey,
    /// Something has been said: a whole item at the end adds nothing.
    said: bool,
    /// So has a source of it.
    cited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Text,
    Refusal,
    /// Summary and raw reasoning say the same: the first that speaks is taken.
    Summary,
    RawReasoning,
    Call,
    Opaque,
}

impl Decoder {
    pub(crate) fn new(stamp: &Stamp) -> Self {
        Self {
            stamp: stamp.clone(),
            next: 0,
            open: Vec::new(),
            begun: Vec::new(),
            completed: 0,
            resting: false,
        }
    }

    pub(crate) fn document(&mut self, body: &[u8]) -> Result<Vec<Event>, Failure> {
        let response: Body<'_> =
            serde_json::from_slice(body).map_err(|e| carried(body).unwrap_or_else(|| bad_answer(e)))?;
        let failed = response.error.0 || matches!(response.status.0.as_deref(), Some("failed" | "cancelled"));
        if failed {
            return Err(failure(body));
        }
        let Some(output) = &response.output else {
            return Err(instead(body, "output"));
        };
        if let (true, Some(status @ ("queued" | "in_progress"))) =
            (output.is_empty(), response.status.0.as_deref())
        {
            return Err(bad_answer(format!("it is not there yet (`{status}`)")));
        }
        let mut out = vec![start(&response)];
        self.finish(response, &mut out);
        out.push(Event::End);
        Ok(out)
    }

    fn event(&mut self, event: wire::Event<'_>, data: &[u8], out: &mut Vec<Event>) {
        let (item, content) = (event.output_index.0.unwrap_or(0), event.content_index.0.unwrap_or(0));
        let text = event.delta.0.unwrap_or_default();
        let kind = event.kind.0.as_deref().unwrap_or("");
        if self.resting && !self.next_answer(kind, out) {
            return;
        }
        match kind {
            "response.created" | "response.in_progress" => out.extend(event.response.0.as_ref().map(start)),
            "response.output_item.added" => self.added(item, event.item.map_or("", |raw| raw.get()), out),
            "response.output_text.delta" => {
                self.tokens(item, content, event.logprobs.0, out);
                self.piece(item, content, Slot::Text, text, out);
            }
            "response.output_text.annotation.added" => {
                self.cite(item, content, event.annotation.0.and_then(Annotation::citation), out);
            }
            "response.refusal.delta" => self.piece(item, content, Slot::Refusal, text, out),
            "response.reasoning_summary_text.delta" => self.piece(item, 0, Slot::Summary, text, out),
            "response.reasoning_text.delta" => self.piece(item, 0, Slot::RawReasoning, text, out),
            "response.function_call_arguments.delta" => self.arguments(item, text, out),
            "response.function_call_arguments.done" => {
                self.rest(item, event.arguments.0.unwrap_or_default(), out)
            }
            "response.output_item.done" => {
                self.completed += 1;
                self.done(item, event.item.map_or("", |raw| raw.get()), out);
            }
            "response.completed" | "response.incomplete" => {
                self.finish(event.response.0.unwrap_or_default(), out);
                self.resting = true;
                out.push(Event::Complete);
            }
            "response.failed" | "response.cancelled" => {
                if let Some(usage) = event.response.0.and_then(|response| response.usage.0) {
                    out.push(Event::Usage(usage.canonical()));
                }
                out.push(Event::Fail(failure(data)));
            }
            kind if kind.starts_with("response.") => {}
            _ => out.extend(carried(data).map(Event::Fail)),
        }
    }

    /// Streams exist that hold several answers, each with items of its own.
    fn next_answer(&mut self, kind: &str, out: &mut Vec<Event>) -> bool {
        if kind == "response.created" {
            (self.resting, self.completed) = (false, 0);
            self.begun.clear();
            out.extend(self.open.drain(..).map(|open| Event::PartEnd { key: open.key }));
        }
        !self.resting
    }

    fn note(&mut self, item: u64) {
        if self.begun.len() < PARTS_LIMIT && !self.begun.contains(&item) {
            self.begun.push(item);
        }
    }

    fn find(&mut self, item: u64, content: u64, slot: Slot) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.item == item && open.content == content && open.slot == slot)
    }

    fn begin(
        &mut self,
        item: u64,
        content: u64,
        slot: Slot,
        head: PartHead,
        out: &mut Vec<Event>,
    ) -> &mut Open {
        let key = self.next;
        self.next += 1;
        out.push(Event::PartStart { key, head });
        self.open.push(Open { item, content, slot, key, said: false, cited: false });
        self.note(item);
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn added(&mut self, item: u64, raw: &str, out: &mut Vec<Event>) {
        let found: OutputItem = serde_json::from_str(raw).unwrap_or_default();
        match found.kind.0.as_deref() {
            Some("function_call") => {
                // Servers exist that number every item 0 and end none before the next begins.
                self.close(item, out);
                let head = self.call_head(&found);
                self.begin(item, 0, Slot::Call, head, out);
            }
            Some("message" | "reasoning" | IMAGE) | None => {}
            Some(kind) => {
                let head = opaque(kind, raw);
                self.begin(item, 0, Slot::Opaque, head, out);
            }
        }
    }

    fn call_head(&self, item: &OutputItem) -> PartHead {
        let own = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let made = || format!("call_{}_{}", self.stamp.id, self.next);
        let id = own(&item.call_id.0).or_else(|| own(&item.id.0)).unwrap_or_else(made);
        // A namespace here is the vendor's own grouping: clients of other dialects named their tools without one.
        PartHead::ToolCall { id, name: item.name.0.clone().unwrap_or_default() }
    }

    fn piece(&mut self, item: u64, content: u64, slot: Slot, text: String, out: &mut Vec<Event>) {
        if text.is_empty() || self.repeats(item, slot) {
            return;
        }
        let head = match slot {
            Slot::Text => PartHead::Text,
            Slot::Refusal => PartHead::Refusal,
            Slot::Summary | Slot::RawReasoning => PartHead::Reasoning,
            Slot::Call | Slot::Opaque => return,
        };
        if self.find(item, content, slot).is_none() {
            self.begin(item, content, slot, head, out);
        }
        if let Some(open) = self.find(item, content, slot) {
            open.said = true;
            out.push(Event::Delta { key: open.key, delta: Delta::Text(text) });
        }
    }

    fn tokens(&mut self, item: u64, content: u64, tokens: Vec<Token>, out: &mut Vec<Event>) {
        if tokens.is_empty() {
            return;
        }
        if self.find(item, content, Slot::Text).is_none() {
            self.begin(item, content, Slot::Text, PartHead::Text, out);
        }
        if let Some(open) = self.find(item, content, Slot::Text) {
            out.push(Event::Delta { key: open.key, delta: Delta::Tokens(tokens) });
        }
    }

    fn cite(&mut self, item: u64, content: u64, citation: Option<Citation>, out: &mut Vec<Event>) {
        if let (Some(open), Some(citation)) = (self.find(item, content, Slot::Text), citation) {
            open.cited = true;
            out.push(Event::Delta { key: open.key, delta: Delta::Citation(citation) });
        }
    }

    /// Sources that only the whole message tells.
    fn sources(&mut self, item: u64, found: &OutputItem, out: &mut Vec<Event>) {
        for (index, piece) in found.content.0.iter().enumerate() {
            let content = index as u64;
            if self.find(item, content, Slot::Text).is_none_or(|open| open.cited) {
                continue;
            }
            for annotation in piece.annotations.0.clone() {
                self.cite(item, content, annotation.citation(), out);
            }
        }
    }

    /// Raw reasoning beside a summary of it, or the other way round.
    fn repeats(&self, item: u64, slot: Slot) -> bool {
        let other = match slot {
            Slot::Summary => Slot::RawReasoning,
            Slot::RawReasoning => Slot::Summary,
            Slot::Text | Slot::Refusal | Slot::Call | Slot::Opaque => return false,
        };
        self.open.iter().any(|open| open.item == item && open.slot == other)
    }

    fn arguments(&mut self, item: u64, text: String, out: &mut Vec<Event>) {
        if let (Some(open), false) = (self.find(item, 0, Slot::Call), text.is_empty()) {
            open.said = true;
            out.push(Event::Delta { key: open.key, delta: Delta::Arguments(text) });
        }
    }

    /// Arguments that were not said in pieces.
    fn rest(&mut self, item: u64, arguments: String, out: &mut Vec<Event>) {
        if self.find(item, 0, Slot::Call).is_some_and(|open| !open.said) {
            self.arguments(item, arguments, out);
        }
    }

    /// An item is complete: says what was not said in pieces, and closes its parts.
    fn done(&mut self, item: u64, raw: &str, out: &mut Vec<Event>) {
        self.note(item);
        let mut found: OutputItem = serde_json::from_str(raw).unwrap_or_default();
        let begun = self.open.iter().any(|open| open.item == item && open.said);
        match found.kind.0.as_deref() {
            Some("function_call") => {
                if self.find(item, 0, Slot::Call).is_none() {
                    let head = self.call_head(&found);
                    self.begin(item, 0, Slot::Call, head, out);
                }
                self.rest(item, found.arguments.0.clone().unwrap_or_default(), out);
            }
            Some("message") => {
                if !begun {
                    self.whole_message(item, &found, out);
                }
                self.sources(item, &found, out);
            }
            Some(IMAGE) => {
                if let Some(media) = found.image() {
                    self.begin(item, 0, Slot::Opaque, PartHead::Media(media), out);
                }
            }
            Some("reasoning") => self.whole_reasoning(item, &found, begun, out),
            None => {}
            Some(kind) if self.find(item, 0, Slot::Opaque).is_none() => {
                self.begin(item, 0, Slot::Opaque, opaque(kind, raw), out);
            }
            Some(_) => {}
        }
        self.close(item, out);
    }

    fn whole_message(&mut self, item: u64, found: &OutputItem, out: &mut Vec<Event>) {
        for (index, piece) in found.content.0.iter().enumerate() {
            let (slot, text) = match piece.kind.0.as_deref() {
                Some("refusal") => (Slot::Refusal, &piece.refusal.0),
                Some("output_text" | "text") | None => (Slot::Text, &piece.text.0),
                Some(_) => continue,
            };
            self.tokens(item, index as u64, piece.logprobs.0.clone(), out);
            self.piece(item, index as u64, slot, text.clone().unwrap_or_default(), out);
        }
    }

    fn whole_reasoning(&mut self, item: u64, found: &OutputItem, begun: bool, out: &mut Vec<Event>) {
        if !begun {
            let all = |pieces: &[wire::Piece]| {
                pieces.iter().filter_map(|p| p.text.0.as_deref()).collect::<String>()
            };
            let (summary, raw) = (all(&found.summary.0), all(&found.content.0));
            self.piece(item, 0, Slot::Summary, if summary.is_empty() { raw } else { summary }, out);
        }
        let Some(data) = found.encrypted_content.0.clone().filter(|data| !data.is_empty()) else { return };
        if !self.open.iter().any(|open| open.item == item) {
            self.begin(item, 0, Slot::Summary, PartHead::Reasoning, out);
        }
        if let Some(open) = self.open.iter().find(|open| open.item == item) {
            let continuation = Continuation { origin: HERE, kind: ContinuationKind::Encrypted, data };
            out.push(Event::Delta { key: open.key, delta: Delta::Continuation(continuation) });
        }
    }

    fn close(&mut self, item: u64, out: &mut Vec<Event>) {
        for open in self.open.extract_if(.., |open| open.item == item) {
            out.push(Event::PartEnd { key: open.key });
        }
    }

    /// The terminal event repeats the whole output: items that did not come in pieces are read there, and of those
    /// that did what they did not say.
    fn finish(&mut self, response: Body<'_>, out: &mut Vec<Event>) {
        let output = response.output.as_deref().unwrap_or_default();
        let missing = self.completed < output.len();
        for (index, raw) in output.iter().enumerate().filter(|_| missing) {
            let item = index as u64;
            if !self.begun.contains(&item) || self.open.iter().any(|open| open.item == item) {
                self.done(item, raw.get(), out);
            }
        }
        out.extend(response.usage.0.map(|usage| Event::Usage(usage.canonical())));
        let reason = response.incomplete_details.0.and_then(|details| details.reason.0);
        let stop = match (response.status.0.as_deref(), reason.as_deref()) {
            (Some("incomplete"), Some("content_filter")) => {
                StopReason::new(StopKind::Filter, reason.as_deref())
            }
            (Some("incomplete"), _) => {
                StopReason::new(StopKind::Length, reason.as_deref().or(Some("incomplete")))
            }
            (status, _) => StopReason::new(StopKind::Stop, status),
        };
        out.push(Event::Finish { stop, usage: Usage::default() });
    }
}

impl DecodeEvents for Decoder {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) {
        if frame.data.starts_with(b"[DONE]") {
            out.extend(self.resting.then_some(Event::End));
            return;
        }
        match serde_json::from_slice::<wire::Event<'_>>(frame.data) {
            Err(_) if self.resting => {}
            Ok(event) if !self.resting && (event.error.0 || event.kind.0.as_deref() == Some("error")) => {
                out.push(Event::Fail(failure(frame.data)));
            }
            Ok(event) => self.event(event, frame.data, out),
            Err(error) => out.push(Event::Fail(carried(frame.data).unwrap_or_else(|| bad_answer(error)))),
        }
    }
}

fn start(response: &Body<'_>) -> Event {
    let (id, model, created) = (response.id.0.clone(), response.model.0.clone(), response.created_at.0);
    Event::Start(Start { id, model, created, usage: Usage::default() })
}

fn opaque(kind: &str, raw: &str) -> PartHead {
    let raw = RawJson::parse(raw).unwrap_or_else(|| RawJson::from(&serde_json::Value::Null));
    PartHead::Opaque(Opaque { origin: HERE, kind: kind.to_owned(), raw })
}

fn carried(data: &[u8]) -> Option<Failure> {
    serde_json::from_slice(data).ok().as_ref().and_then(in_band)
}

/// The failure of an event or a response that is known to be one.
fn failure(data: &[u8]) -> Failure {
    let nested = || {
        let value: serde_json::Value = serde_json::from_slice(data).ok()?;
        in_band(value.get("response")?)
    };
    let unnamed = || Failure::new(FailureKind::Upstream, "the provider reported that the response failed");
    carried(data).or_else(nested).unwrap_or_else(unnamed)
}
