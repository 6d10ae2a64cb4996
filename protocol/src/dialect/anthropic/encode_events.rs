//! Events as Messages events, and a whole answer as a document.

use super::marks::{INDEX, OWN_SIGNATURE};
use super::usage;
use crate::dialect::Dialect;
use crate::dialect::codec::{EncodeEvents, Stamp, put_mark, safe_id};
use crate::dialect::write::{self, Object};
use crate::framing::sse;
use crate::model::{
    ChatResponse, Citation, Continuation, ContinuationKind, Delta, Event, Part, PartHead, Reasoning, Start,
    StopKind, StopReason, Usage,
};

const HERE: Dialect = Dialect::Anthropic;

pub(crate) struct Encoder {
    stamp: Stamp,
    /// The number of blocks opened.
    blocks: u64,
    open: Open,
}

/// The block being written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Call,
    /// Reasoning whose block opens with its first text: hidden reasoning of others has no form here.
    ReasoningSoon,
    Reasoning {
        signed: bool,
    },
}

impl Encoder {
    pub(crate) fn new(stamp: &Stamp) -> Self {
        Self { stamp: stamp.clone(), blocks: 0, open: Open::Nothing }
    }

    fn start(&self, start: &Start, out: &mut Vec<u8>) {
        event(out, "message_start", |o| {
            o.object("message", |o| {
                o.put("id", &reply_id(start.id.as_deref(), &self.stamp));
                o.put("type", "message");
                o.put("role", "assistant");
                o.put("model", start.model.as_deref().unwrap_or(&self.stamp.model));
                o.list("content", |_| {});
                o.null("stop_reason");
                o.null("stop_sequence");
                o.put("usage", &usage::encode(&start.usage));
            });
        });
    }

    fn part_start(&mut self, head: &PartHead, out: &mut Vec<u8>) {
        self.open = match head {
            PartHead::Text | PartHead::Refusal => {
                self.block_start(out, |o| {
                    o.put("type", "text");
                    o.put("text", "");
                });
                Open::Text
            }
            PartHead::Reasoning => Open::ReasoningSoon,
            PartHead::ToolCall { id, name } => {
                self.block_start(out, |o| {
                    o.put("type", "tool_use");
                    o.put("id", &safe_id(id));
                    o.put("name", name);
                    o.object("input", |_| {});
                });
                Open::Call
            }
            // An answer of this API has no word for what a model draws or speaks.
            PartHead::Media(_) | PartHead::Opaque(_) => Open::Nothing,
        };
    }

    fn block_start(&mut self, out: &mut Vec<u8>, block: impl FnOnce(&mut Object<'_>)) {
        let index = self.blocks;
        self.blocks += 1;
        event(out, "content_block_start", |o| {
            o.put("index", &index);
            o.object("content_block", block);
        });
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (&self.open, delta) {
            (Open::Text, Delta::Text(text)) => self.write_delta(out, "text_delta", "text", text),
            (Open::Text, Delta::Citation(found)) => {
                let index = self.blocks.saturating_sub(1);
                event(out, "content_block_delta", |o| {
                    o.put("index", &index);
                    o.object("delta", |o| {
                        o.put("type", "citations_delta");
                        o.object("citation", |o| citation(o, found));
                    });
                });
            }
            (Open::Call, Delta::Arguments(text)) => {
                self.write_delta(out, "input_json_delta", "partial_json", text)
            }
            (Open::ReasoningSoon, Delta::Text(text)) => {
                self.open_thinking(out);
                self.write_delta(out, "thinking_delta", "thinking", text);
            }
            (Open::Reasoning { .. }, Delta::Text(text)) => {
                self.write_delta(out, "thinking_delta", "thinking", text)
            }
            (Open::Reasoning { .. } | Open::ReasoningSoon, Delta::Continuation(found))
                if found.origin == HERE =>
            {
                self.continuation(found, out);
            }
            _ => {}
        }
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        self.block_start(out, |o| {
            o.put("type", "thinking");
            o.put("thinking", "");
            o.put("signature", "");
        });
        self.open = Open::Reasoning { signed: false };
    }

    fn continuation(&mut self, found: &Continuation, out: &mut Vec<u8>) {
        if found.kind == ContinuationKind::Encrypted {
            self.block_start(out, |o| {
                o.put("type", "redacted_thinking");
                o.put("data", &found.data);
            });
            self.open = Open::Text;
            return;
        }
        if self.open == Open::ReasoningSoon {
            self.open_thinking(out);
        }
        self.write_delta(out, "signature_delta", "signature", &found.data);
        self.open = Open::Reasoning { signed: true };
    }

    fn write_delta(&self, out: &mut Vec<u8>, kind: &str, key: &str, text: &str) {
        let index = self.blocks.saturating_sub(1);
        event(out, "content_block_delta", |o| {
            o.put("index", &index);
            o.object("delta", |o| {
                o.put("type", kind);
                o.put(key, text);
            });
        });
    }

    fn part_end(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::ReasoningSoon => return,
            Open::Reasoning { signed: false } => {
                self.write_delta(out, "signature_delta", "signature", OWN_SIGNATURE)
            }
            Open::Reasoning { signed: true } | Open::Text | Open::Call => {}
        }
        let index = self.blocks.saturating_sub(1);
        event(out, "content_block_stop", |o| o.put("index", &index));
    }

    fn finish(&self, stop: &StopReason, counts: &Usage, out: &mut Vec<u8>) {
        event(out, "message_delta", |o| {
            o.object("delta", |o| stop_members(o, stop));
            o.put("usage", &usage::encode(counts));
        });
        event(out, "message_stop", |_| {});
    }
}

impl EncodeEvents for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => self.start(start, out),
            Event::PartStart { head, .. } => self.part_start(head, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::PartEnd { .. } => self.part_end(out),
            Event::Finish { stop, usage } => self.finish(stop, usage, out),
            Event::Usage(_) | Event::Complete | Event::End | Event::Fail(_) => {}
        }
    }

    fn mark(&mut self, by: &str, out: &mut Vec<u8>) {
        event(out, "ping", |o| put_mark(o, by));
    }
}

fn event(out: &mut Vec<u8>, kind: &str, members: impl FnOnce(&mut Object<'_>)) {
    let data = write::document(|o| {
        o.put("type", kind);
        members(o);
    });
    sse::write_event(out, Some(kind), &data);
}

fn reply_id(given: Option<&str>, stamp: &Stamp) -> String {
    match given {
        Some(id) if id.starts_with("msg_") => id.to_owned(),
        _ => format!("msg_{}", stamp.id),
    }
}

fn stop_members(o: &mut Object<'_>, stop: &StopReason) {
    let word = match stop.kind {
        StopKind::Stop => "end_turn",
        StopKind::Sequence => "stop_sequence",
        StopKind::Length => "max_tokens",
        StopKind::Tool => "tool_use",
        StopKind::Filter => "refusal",
        StopKind::Pause => "pause_turn",
    };
    o.put("stop_reason", word);
    o.put("stop_sequence", &stop.sequence);
}

pub(crate) fn encode_response(response: &ChatResponse, stamp: &Stamp) -> Vec<u8> {
    write::document(|o| {
        o.put("id", &reply_id(response.id.as_deref(), stamp));
        o.put("type", "message");
        o.put("role", "assistant");
        o.put("model", response.model.as_deref().unwrap_or(&stamp.model));
        o.list("content", |list| {
            for (index, part) in response.parts.iter().enumerate().filter(|(_, part)| is_shown(part)) {
                list.object(|o| {
                    block(o, part);
                    citations(o, response, index);
                });
            }
        });
        stop_members(o, &response.stop);
        o.put("usage", &usage::encode(&response.usage));
    })
}

fn is_shown(part: &Part) -> bool {
    match part {
        Part::Text(text) => !text.text.is_empty(),
        Part::Refusal(text) => !text.is_empty(),
        Part::Reasoning(Reasoning { text, continuation, .. }) => {
            !text.is_empty() || continuation.as_ref().is_some_and(|found| found.origin == HERE)
        }
        Part::ToolCall(_) => true,
        Part::Media(_) | Part::ToolResult(_) | Part::Opaque(_) => false,
    }
}

fn block(o: &mut Object<'_>, part: &Part) {
    match part {
        Part::Text(text) => {
            o.put("type", "text");
            o.put("text", &text.text);
        }
        Part::Refusal(text) => {
            o.put("type", "text");
            o.put("text", text);
        }
        Part::Reasoning(found) => thinking(o, found),
        Part::ToolCall(call) => {
            o.put("type", "tool_use");
            o.put("id", &safe_id(&call.id));
            o.put("name", &call.name);
            o.arguments("input", &call.arguments);
        }
        Part::Media(_) | Part::ToolResult(_) | Part::Opaque(_) => {}
    }
}

fn citations(o: &mut Object<'_>, response: &ChatResponse, part: usize) {
    if response.cited(part).next().is_some() {
        o.list("citations", |list| {
            response.cited(part).for_each(|found| list.object(|o| citation(o, found)));
        });
    }
}

/// A source as this API's own search tells it; the index is the vendor's secret, and others have none.
fn citation(o: &mut Object<'_>, found: &Citation) {
    o.put("type", "web_search_result_location");
    o.put("url", &found.url);
    o.put("title", &found.title);
    o.put(INDEX, "");
    o.put("cited_text", found.quote.as_deref().unwrap_or_default());
}

fn thinking(o: &mut Object<'_>, reasoning: &Reasoning) {
    match reasoning.continuation.as_ref().filter(|found| found.origin == HERE) {
        Some(found) if found.kind == ContinuationKind::Encrypted => {
            o.put("type", "redacted_thinking");
            o.put("data", &found.data);
        }
        found => {
            o.put("type", "thinking");
            o.put("thinking", &reasoning.text);
            o.put("signature", found.map_or(OWN_SIGNATURE, |found| &found.data));
        }
    }
}
