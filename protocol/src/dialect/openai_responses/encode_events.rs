//! Events as Responses events, and a whole answer as a response object. The terminal event repeats the whole output,
//! so every item is kept as it was written.

use super::output_item::{Item, Kind, Status, annotation, content_part, image_of, input_of, kind_of};
use super::usage;
use crate::dialect::Dialect;
use crate::dialect::codec::{EncodeEvents, Namespaced, ReplyStyle, Stamp, put_mark};
use crate::dialect::write::{self, Object};
use crate::framing::sse;
use crate::model::{
    ChatResponse, ContinuationKind, Delta, Event, Part, PartHead, Start, StopKind, StopReason, Token, Usage,
};

const HERE: Dialect = Dialect::OpenAiResponses;

pub(crate) struct Encoder {
    head: Head,
    namespaces: Vec<Namespaced>,
    customs: Vec<String>,
    sequence: u64,
    /// Items that are done, as JSON text.
    items: Vec<Vec<u8>>,
    open: Option<Item>,
    /// Tokens of the piece that comes next.
    tokens: Vec<Token>,
}

/// Where a text delta of another writer stands.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct LastDelta {
    sequence_number: Option<u64>,
    item_id: String,
    output_index: usize,
    #[serde(default)]
    content_index: u64,
}

/// What every response object says.
struct Head {
    id: String,
    created: u64,
    model: String,
    stamp: Stamp,
}

impl Encoder {
    pub(crate) fn new(stamp: &Stamp, style: &ReplyStyle) -> Self {
        let head = Head::new(None, None, None, stamp);
        let (namespaces, customs) = (style.namespaces.clone(), style.customs.clone());
        Self { head, namespaces, customs, sequence: 0, items: Vec::new(), open: None, tokens: Vec::new() }
    }

    /// Goes on behind an event that another writer wrote: with the next number, in the item of its name. `None` =
    /// what is open here is not what was open there.
    pub(crate) fn follow(&mut self, last: &LastDelta) -> Option<()> {
        let open = self.open.as_mut().filter(|item| item.kind == Kind::Text)?;
        if last.output_index != self.items.len() || last.content_index != 0 {
            return None;
        }
        open.id.clone_from(&last.item_id);
        self.sequence = last.sequence_number.map_or(self.sequence, |last| last + 1);
        Some(())
    }

    fn event(&mut self, out: &mut Vec<u8>, kind: &str, members: impl FnOnce(&mut Object<'_>)) {
        let sequence = self.sequence;
        self.sequence += 1;
        let data = write::document(|o| {
            o.put("type", kind);
            o.put("sequence_number", &sequence);
            members(o);
        });
        sse::write_event(out, Some(kind), &data);
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        let stamp = self.head.stamp.clone();
        self.head = Head::new(start.id.as_deref(), start.model.as_deref(), start.created, &stamp);
        for kind in ["response.created", "response.in_progress"] {
            let mut body = Vec::new();
            self.head.response(&mut body, "in_progress", &[], None, None);
            self.event(out, kind, |o| o.raw("response", text_of(&body)));
        }
    }

    fn part_start(&mut self, head: &PartHead, out: &mut Vec<u8>) {
        let Some(kind) = kind_of(head, &self.namespaces, &self.customs) else { return };
        let mut item = Item::new(kind, &self.head.stamp, self.items.len());
        if let PartHead::Media(found) = head {
            item.text = image_of(found).map(|(_, base64)| base64.to_owned()).unwrap_or_default();
        }
        let show = item.kind != Kind::Reasoning;
        self.open = Some(item);
        if show {
            self.show(out);
        }
    }

    /// Announces the open item and, in a message, its part.
    fn show(&mut self, out: &mut Vec<u8>) {
        let Some(mut item) = self.open.take() else { return };
        let index = self.items.len();
        item.shown = true;
        self.event(out, "response.output_item.added", |o| {
            o.put("output_index", &index);
            o.object("item", |o| item.write(o, Status::InProgress));
        });
        match item.kind {
            Kind::Text | Kind::Refusal => self.part(out, "response.content_part.added", &item, ""),
            Kind::Reasoning => self.summary_part(out, "response.reasoning_summary_part.added", &item, ""),
            Kind::Call { .. } | Kind::Custom { .. } | Kind::Image { .. } => {}
        }
        self.open = Some(item);
    }

    fn part(&mut self, out: &mut Vec<u8>, event: &str, item: &Item, text: &str) {
        let index = self.items.len();
        self.event(out, event, |o| {
            o.put("item_id", &item.id);
            o.put("output_index", &index);
            o.put("content_index", &0);
            o.object("part", |o| content_part(o, item, text));
        });
    }

    fn summary_part(&mut self, out: &mut Vec<u8>, event: &str, item: &Item, text: &str) {
        let index = self.items.len();
        self.event(out, event, |o| {
            o.put("item_id", &item.id);
            o.put("output_index", &index);
            o.put("summary_index", &0);
            o.object("part", |o| {
                o.put("type", "summary_text");
                o.put("text", text);
            });
        });
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let text = match delta {
            Delta::Text(text) | Delta::Arguments(text) => text,
            Delta::Tokens(tokens) => {
                self.tokens.extend(tokens.iter().cloned());
                if let Some(item) = &mut self.open {
                    item.tokens.extend(tokens.iter().cloned());
                }
                return;
            }
            Delta::Citation(found) => {
                if let Some(item) = &mut self.open {
                    item.citations.push(found.clone());
                }
                return;
            }
            Delta::Continuation(found) => {
                let own = found.origin == HERE && found.kind == ContinuationKind::Encrypted;
                if let (Some(item), true) = (&mut self.open, own) {
                    item.encrypted = Some(found.data.clone());
                }
                return;
            }
        };
        if self.open.as_ref().is_some_and(|item| !item.shown) {
            self.show(out);
        }
        let Some(item) = &mut self.open else { return };
        item.text.push_str(text);
        // The text is inside the arguments: it is said when they are whole.
        if !matches!(item.kind, Kind::Custom { .. }) {
            self.said(text, out);
        }
    }

    fn said(&mut self, text: &str, out: &mut Vec<u8>) {
        let Some(item) = &self.open else { return };
        let (event, place, id) = (item.kind.delta_event(), item.kind.place(), item.id.clone());
        let index = self.items.len();
        let tokens = std::mem::take(&mut self.tokens);
        self.event(out, event, |o| {
            o.put("item_id", &id);
            o.put("output_index", &index);
            if let Some(place) = place {
                o.put(place, &0);
            }
            o.put("delta", text);
            if event == "response.output_text.delta" {
                o.put("logprobs", &tokens);
            }
        });
    }

    fn part_end(&mut self, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|item| !item.shown && item.encrypted.is_none()) {
            self.open = None;
        }
        if let Some(item) = self.open.as_mut().filter(|item| matches!(item.kind, Kind::Custom { .. })) {
            item.text = input_of(&item.text);
            let text = item.text.clone();
            self.said(&text, out);
        }
        let Some(mut item) = self.open.take() else { return };
        let index = self.items.len();
        if matches!(item.kind, Kind::Call { .. }) && item.text.is_empty() {
            item.text.push_str("{}");
        }
        if item.shown {
            self.text_done(out, &item, index);
        } else {
            self.event(out, "response.output_item.added", |o| {
                o.put("output_index", &index);
                o.object("item", |o| item.write(o, Status::InProgress));
            });
        }
        let mut done = Vec::new();
        write::object(&mut done, |o| item.write(o, Status::Completed));
        self.event(out, "response.output_item.done", |o| {
            o.put("output_index", &index);
            o.raw("item", text_of(&done));
        });
        self.items.push(done);
    }

    fn sources(&mut self, out: &mut Vec<u8>, item: &Item, index: usize) {
        let chars = item.text.chars().count() as u64;
        for (place, citation) in item.citations.iter().enumerate() {
            self.event(out, "response.output_text.annotation.added", |o| {
                o.put("item_id", &item.id);
                o.put("output_index", &index);
                o.put("content_index", &0);
                o.put("annotation_index", &place);
                o.object("annotation", |o| annotation(o, citation, chars));
            });
        }
    }

    fn text_done(&mut self, out: &mut Vec<u8>, item: &Item, index: usize) {
        if matches!(item.kind, Kind::Image { .. }) {
            return self.event(out, item.kind.done_event(), |o| {
                o.put("item_id", &item.id);
                o.put("output_index", &index);
            });
        }
        self.sources(out, item, index);
        self.event(out, item.kind.done_event(), |o| {
            o.put("item_id", &item.id);
            o.put("output_index", &index);
            if let Some(place) = item.kind.place() {
                o.put(place, &0);
            }
            if let Kind::Call { name, .. } = &item.kind {
                o.put("name", name);
            }
            o.put(item.kind.text_member(), &item.text);
            if item.kind == Kind::Text {
                o.put("logprobs", &item.tokens);
            }
        });
        match item.kind {
            Kind::Text | Kind::Refusal => self.part(out, "response.content_part.done", item, &item.text),
            Kind::Reasoning => {
                self.summary_part(out, "response.reasoning_summary_part.done", item, &item.text)
            }
            Kind::Call { .. } | Kind::Custom { .. } | Kind::Image { .. } => {}
        }
    }

    fn finish(&mut self, stop: &StopReason, counts: &Usage, out: &mut Vec<u8>) {
        let status = status(stop.kind);
        let mut body = Vec::new();
        self.head.response(&mut body, status, &self.items, Some(stop.kind), Some(counts));
        let event = if status == "incomplete" { "response.incomplete" } else { "response.completed" };
        self.event(out, event, |o| o.raw("response", text_of(&body)));
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
        let id = self.open.as_ref().map(|item| item.id.clone()).unwrap_or_default();
        let index = self.items.len();
        self.event(out, "response.output_text.delta", |o| {
            o.put("item_id", &id);
            o.put("output_index", &index);
            o.put("content_index", &0);
            o.put("delta", "");
            o.list("logprobs", |_| {});
            put_mark(o, by);
        });
    }
}

impl Head {
    fn new(id: Option<&str>, model: Option<&str>, created: Option<u64>, stamp: &Stamp) -> Self {
        let own = id.filter(|id| id.starts_with("resp_"));
        Self {
            id: own.map_or_else(|| format!("resp_{}", stamp.id), str::to_owned),
            created: created.unwrap_or(stamp.created),
            model: model.unwrap_or(&stamp.model).to_owned(),
            stamp: stamp.clone(),
        }
    }

    /// The response object with every member that the SDKs require.
    fn response(
        &self,
        out: &mut Vec<u8>,
        status: &str,
        items: &[Vec<u8>],
        stop: Option<StopKind>,
        counts: Option<&Usage>,
    ) {
        write::object(out, |o| {
            o.put("id", &self.id);
            o.put("object", "response");
            o.put("created_at", &self.created);
            o.put("status", status);
            o.null("error");
            match stop.and_then(incomplete_reason) {
                Some(reason) => o.object("incomplete_details", |o| o.put("reason", reason)),
                None => o.null("incomplete_details"),
            }
            o.null("instructions");
            o.put("model", &self.model);
            let joined = items.iter().map(|item| text_of(item)).collect::<Vec<_>>().join(",");
            o.raw("output", &format!("[{joined}]"));
            o.put("parallel_tool_calls", &true);
            o.null("previous_response_id");
            o.put("store", &false);
            o.put("tool_choice", "auto");
            o.list("tools", |_| {});
            o.object("metadata", |_| {});
            match counts.and_then(usage::encode) {
                Some(counts) => o.put("usage", &counts),
                None => o.null("usage"),
            }
        });
    }
}

fn status(kind: StopKind) -> &'static str {
    if incomplete_reason(kind).is_some() { "incomplete" } else { "completed" }
}

fn incomplete_reason(kind: StopKind) -> Option<&'static str> {
    match kind {
        StopKind::Length => Some("max_output_tokens"),
        StopKind::Filter => Some("content_filter"),
        StopKind::Stop | StopKind::Sequence | StopKind::Tool | StopKind::Pause => None,
    }
}

/// Bytes that this file wrote as JSON are text.
fn text_of(json: &[u8]) -> &str {
    std::str::from_utf8(json).unwrap_or("null")
}

pub(crate) fn encode_response(response: &ChatResponse, stamp: &Stamp, style: &ReplyStyle) -> Vec<u8> {
    let mut items: Vec<Vec<u8>> = Vec::new();
    let mut tokens = response.tokens.clone();
    for (index, part) in response.parts.iter().enumerate() {
        let Some((kind, text, encrypted)) = whole(part, style) else { continue };
        let citations = response.cited(index).cloned().collect();
        let mut item = Item { text, encrypted, citations, ..Item::new(kind, stamp, items.len()) };
        if item.kind == Kind::Text {
            item.tokens = std::mem::take(&mut tokens);
        }
        let mut out = Vec::new();
        write::object(&mut out, |o| item.write(o, Status::Completed));
        items.push(out);
    }
    let head = Head::new(response.id.as_deref(), response.model.as_deref(), response.created, stamp);
    let mut out = Vec::new();
    head.response(
        &mut out,
        status(response.stop.kind),
        &items,
        Some(response.stop.kind),
        Some(&response.usage),
    );
    out
}

fn whole(part: &Part, style: &ReplyStyle) -> Option<(Kind, String, Option<String>)> {
    match part {
        Part::Text(text) => Some((Kind::Text, text.text.clone(), None)),
        Part::Refusal(text) => Some((Kind::Refusal, text.clone(), None)),
        Part::Reasoning(found) => {
            let own = found.continuation.as_ref().filter(|c| c.origin == HERE).map(|c| c.data.clone());
            (!found.text.is_empty() || own.is_some()).then(|| (Kind::Reasoning, found.text.clone(), own))
        }
        Part::ToolCall(call) => {
            let head = PartHead::ToolCall { id: call.id.clone(), name: call.name.clone() };
            let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
            let kind = kind_of(&head, &style.namespaces, &style.customs)?;
            let text = match kind {
                Kind::Custom { .. } => input_of(arguments),
                _ => arguments.to_owned(),
            };
            Some((kind, text, None))
        }
        Part::Media(found) => {
            let (format, base64) = image_of(found)?;
            Some((Kind::Image { format }, base64.to_owned(), None))
        }
        Part::ToolResult(_) | Part::Opaque(_) => None,
    }
}
