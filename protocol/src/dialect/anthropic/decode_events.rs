//! Messages events, and whole answers, as events.

use super::wire::{self, Block, Cited, Message};
use crate::dialect::Dialect;
use crate::dialect::codec::{DecodeEvents, Frame, Stamp, bad_answer};
use crate::dialect::failure::{in_band, instead};
use crate::model::{
    Continuation, ContinuationKind, Delta, Event, Failure, Opaque, PartHead, PartKey, RawJson, Start,
    StopKind, StopReason, Usage,
};

const HERE: Dialect = Dialect::Anthropic;

pub(crate) struct Decoder {
    stamp: Stamp,
    started: bool,
    /// Added to the wire's indices: a spliced answer counts from 0 again.
    base: PartKey,
    next: PartKey,
    /// Inputs that came whole at a block's start, said unless pieces follow.
    whole: Vec<(PartKey, String)>,
}

impl Decoder {
    pub(crate) fn new(stamp: &Stamp) -> Self {
        Self { stamp: stamp.clone(), started: false, base: 0, next: 0, whole: Vec::new() }
    }

    pub(crate) fn document(&mut self, body: &[u8]) -> Result<Vec<Event>, Failure> {
        let message: Message<'_> =
            serde_json::from_slice(body).map_err(|e| carried(body).unwrap_or_else(|| bad_answer(e)))?;
        if let Some(failure) = carried(body) {
            return Err(failure);
        }
        let Some(content) = &message.content else { return Err(instead(body, "content")) };
        let mut out = Vec::new();
        for (index, raw) in content.iter().enumerate() {
            let Ok(block) = serde_json::from_str::<Block<'_>>(raw.get()) else { continue };
            let key = index as PartKey;
            self.block(key, block, raw.get(), &mut out);
            self.close(key, &mut out);
        }
        let stop =
            stop_reason(message.stop_reason.0.as_deref().unwrap_or(""), message.stop_sequence.0.clone());
        out.insert(0, start(message));
        out.extend([Event::Finish { stop, usage: Usage::default() }, Event::End]);
        Ok(out)
    }

    fn event(&mut self, event: wire::Event<'_>, data: &[u8], out: &mut Vec<Event>) {
        let key = self.base + event.index.0.unwrap_or(0) as PartKey;
        match event.kind.0.as_deref().unwrap_or("") {
            "message_start" => self.message_start(event.message.0.unwrap_or_default(), out),
            "content_block_start" => {
                if let Some(block) = event.content_block.0 {
                    self.block(key, block, &raw_block(data), out);
                }
            }
            "content_block_delta" => self.delta(key, event.delta.0.unwrap_or_default(), out),
            "content_block_stop" => self.close(key, out),
            "message_delta" => {
                out.extend(event.usage.0.map(|usage| Event::Usage(usage.canonical())));
                let delta = event.delta.0.unwrap_or_default();
                if let Some(reason) = delta.stop_reason.0 {
                    let stop = stop_reason(&reason, delta.stop_sequence.0);
                    out.push(Event::Finish { stop, usage: Usage::default() });
                }
            }
            "message_stop" => out.push(Event::End),
            _ => out.extend(carried(data).map(Event::Fail)),
        }
    }

    fn message_start(&mut self, message: Message<'_>, out: &mut Vec<Event>) {
        if self.started {
            self.base = self.next;
        }
        self.started = true;
        out.push(start(message));
    }

    fn block(&mut self, key: PartKey, block: Block<'_>, raw: &str, out: &mut Vec<Event>) {
        self.next = self.next.max(key.saturating_add(1));
        let kind = block.kind.0.unwrap_or_default();
        let head = match kind.as_str() {
            "text" => PartHead::Text,
            "thinking" | "redacted_thinking" => PartHead::Reasoning,
            "tool_use" => PartHead::ToolCall {
                id: block
                    .id
                    .0
                    .filter(|id| !id.is_empty())
                    .unwrap_or_else(|| format!("toolu_{}_{key}", self.stamp.id)),
                name: block.name.0.unwrap_or_default(),
            },
            _ => {
                let raw = RawJson::parse(raw).unwrap_or_else(|| RawJson::from(&serde_json::Value::Null));
                PartHead::Opaque(Opaque { origin: HERE, kind: kind.clone(), raw })
            }
        };
        out.push(Event::PartStart { key, head });
        let text = if kind == "text" { block.text.0 } else { block.thinking.0 };
        push_text(key, text, out);
        for citation in block.citations.0.into_iter().filter_map(Cited::citation) {
            out.push(Event::Delta { key, delta: Delta::Citation(citation) });
        }
        push_continuation(key, ContinuationKind::Signature, block.signature.0, out);
        if kind == "redacted_thinking" {
            push_continuation(key, ContinuationKind::Encrypted, block.data.0, out);
        }
        if let (Some(input), "tool_use") = (block.input, kind.as_str()) {
            self.whole.push((key, input.get().to_owned()));
        }
    }

    fn delta(&mut self, key: PartKey, delta: wire::Delta, out: &mut Vec<Event>) {
        match delta.kind.0.as_deref().unwrap_or("") {
            "text_delta" => push_text(key, delta.text.0, out),
            "thinking_delta" => push_text(key, delta.thinking.0, out),
            "citations_delta" => {
                let citation = delta.citation.0.and_then(Cited::citation);
                out.extend(citation.map(|found| Event::Delta { key, delta: Delta::Citation(found) }));
            }
            "signature_delta" => push_continuation(key, ContinuationKind::Signature, delta.signature.0, out),
            "input_json_delta" => {
                if let Some(text) = delta.partial_json.0.filter(|text| !text.is_empty()) {
                    self.whole.retain(|(whole, _)| *whole != key);
                    out.push(Event::Delta { key, delta: Delta::Arguments(text) });
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, key: PartKey, out: &mut Vec<Event>) {
        if let Some(at) = self.whole.iter().position(|(whole, _)| *whole == key) {
            let (_, input) = self.whole.swap_remove(at);
            out.push(Event::Delta { key, delta: Delta::Arguments(input) });
        }
        out.push(Event::PartEnd { key });
    }
}

impl DecodeEvents for Decoder {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) {
        match serde_json::from_slice::<wire::Event<'_>>(frame.data) {
            Ok(event) if event.kind.0.as_deref() == Some("error") || event.kind.0.is_none() => {
                out.extend(carried(frame.data).map(Event::Fail));
            }
            Ok(event) => self.event(event, frame.data, out),
            Err(error) => out.push(Event::Fail(carried(frame.data).unwrap_or_else(|| bad_answer(error)))),
        }
    }
}

fn start(message: Message<'_>) -> Event {
    let usage = message.usage.0.map(|usage| usage.canonical()).unwrap_or_default();
    Event::Start(Start { id: message.id.0, model: message.model.0, created: None, usage })
}

fn push_text(key: PartKey, text: Option<String>, out: &mut Vec<Event>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        out.push(Event::Delta { key, delta: Delta::Text(text) });
    }
}

fn push_continuation(key: PartKey, kind: ContinuationKind, data: Option<String>, out: &mut Vec<Event>) {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        out.push(Event::Delta { key, delta: Delta::Continuation(Continuation { origin: HERE, kind, data }) });
    }
}

/// The text of `content_block` in an event, for blocks kept whole.
fn raw_block(data: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Holder<'a> {
        #[serde(borrow)]
        content_block: &'a serde_json::value::RawValue,
    }
    serde_json::from_slice::<Holder<'_>>(data).map(|h| h.content_block.get().to_owned()).unwrap_or_default()
}

fn carried(body: &[u8]) -> Option<Failure> {
    serde_json::from_slice(body).ok().as_ref().and_then(in_band)
}

fn stop_reason(reason: &str, sequence: Option<String>) -> StopReason {
    let kind = match reason {
        "max_tokens" | "model_context_window_exceeded" => StopKind::Length,
        "stop_sequence" => StopKind::Sequence,
        "tool_use" => StopKind::Tool,
        "pause_turn" => StopKind::Pause,
        "refusal" => StopKind::Filter,
        _ => StopKind::Stop,
    };
    let raw = (!reason.is_empty()).then(|| reason.to_owned());
    StopReason { kind, raw, sequence }
}
