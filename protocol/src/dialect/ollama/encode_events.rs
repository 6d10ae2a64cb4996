//! Events as lines, and a whole answer as one object. Calls are held until they are whole: the API sends objects.

use crate::dialect::Operation;
use crate::dialect::codec::{EncodeEvents, ReplyStyle, Stamp, put_mark};
use crate::dialect::time::rfc3339;
use crate::dialect::write::{self, Object};
use crate::model::{ChatResponse, Delta, Event, Part, PartHead, StopKind, Token, ToolCall, Usage};

pub(crate) struct Encoder {
    stamp: Stamp,
    operation: Operation,
    model: String,
    created_at: String,
    calls: u64,
    open: Open,
    /// Tokens of the piece that comes next.
    tokens: Vec<Token>,
}

enum Open {
    Nothing,
    Text,
    Reasoning,
    Call { id: String, name: String, arguments: String },
}

impl Encoder {
    pub(crate) fn new(stamp: &Stamp, style: &ReplyStyle) -> Self {
        Self {
            stamp: stamp.clone(),
            operation: style.operation,
            model: stamp.model.clone(),
            created_at: rfc3339(stamp.created),
            calls: 0,
            open: Open::Nothing,
            tokens: Vec::new(),
        }
    }

    fn line(&self, out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        let from = out.len();
        write::object(out, |o| {
            o.put("model", &self.model);
            o.put("created_at", &self.created_at);
            members(o);
        });
        write::escape_line_ends(out, from);
        out.push(b'\n');
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (&mut self.open, delta) {
            (Open::Call { arguments, .. }, Delta::Arguments(text)) => arguments.push_str(text),
            (Open::Text, Delta::Tokens(tokens)) => self.tokens.extend(tokens.iter().cloned()),
            (Open::Text, Delta::Text(text)) => {
                let tokens = std::mem::take(&mut self.tokens);
                self.line(out, |o| {
                    said(o, self.operation, text, None);
                    o.put("done", &false);
                    logprobs(o, &tokens);
                });
            }
            (Open::Reasoning, Delta::Text(text)) => self.line(out, |o| {
                said(o, self.operation, "", Some(text));
                o.put("done", &false);
            }),
            _ => {}
        }
    }

    fn part_end(&mut self, out: &mut Vec<u8>) {
        let Open::Call { id, name, arguments } = std::mem::replace(&mut self.open, Open::Nothing) else {
            return;
        };
        let index = self.calls;
        self.calls += 1;
        if self.operation == Operation::Complete {
            return;
        }
        self.line(out, |o| {
            o.object("message", |o| {
                o.put("role", "assistant");
                o.put("content", "");
                o.list("tool_calls", |list| list.object(|o| call(o, &id, index, &name, &arguments)));
            });
            o.put("done", &false);
        });
    }

    fn finish(&self, kind: StopKind, usage: &Usage, out: &mut Vec<u8>) {
        self.line(out, |o| {
            said(o, self.operation, "", None);
            done(o, kind, usage);
        });
    }
}

impl EncodeEvents for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                self.model = start.model.clone().unwrap_or_else(|| self.stamp.model.clone())
            }
            Event::PartStart { head, .. } => {
                self.open = match head {
                    PartHead::Text | PartHead::Refusal => Open::Text,
                    PartHead::Reasoning => Open::Reasoning,
                    PartHead::ToolCall { id, name } => {
                        Open::Call { id: id.clone(), name: name.clone(), arguments: String::new() }
                    }
                    // Images have a word, but the official client reads none in answers: one would cost it all.
                    PartHead::Media(_) | PartHead::Opaque(_) => Open::Nothing,
                }
            }
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::PartEnd { .. } => self.part_end(out),
            Event::Finish { stop, usage } => self.finish(stop.kind, usage, out),
            Event::Usage(_) | Event::Complete | Event::End | Event::Fail(_) => {}
        }
    }

    fn mark(&mut self, by: &str, out: &mut Vec<u8>) {
        self.line(out, |o| {
            said(o, self.operation, "", None);
            o.put("done", &false);
            put_mark(o, by);
        });
    }
}

/// The message of `/api/chat`, or the members that stand for it in `/api/generate`.
fn said(o: &mut Object<'_>, operation: Operation, text: &str, thinking: Option<&str>) {
    if operation == Operation::Complete {
        o.put("response", text);
        return o.maybe("thinking", &thinking);
    }
    o.object("message", |o| {
        o.put("role", "assistant");
        o.put("content", text);
        o.maybe("thinking", &thinking);
    });
}

/// As servers since 0.12.10 write it: an id beside `function`, no `type`.
fn call(o: &mut Object<'_>, id: &str, index: u64, name: &str, arguments: &str) {
    o.put("id", id);
    o.object("function", |o| {
        o.put("index", &index);
        o.put("name", name);
        o.arguments("arguments", arguments);
    });
}

fn logprobs(o: &mut Object<'_>, tokens: &[Token]) {
    if !tokens.is_empty() {
        o.put("logprobs", tokens);
    }
}

/// What the last line adds. Durations are not known here; strict clients want the members.
fn done(o: &mut Object<'_>, kind: StopKind, usage: &Usage) {
    o.put("done", &true);
    let reason = match kind {
        StopKind::Length => "length",
        // No word of the API's own, but clients show it: an answer that a filter cut is not a complete one.
        StopKind::Filter => "content_filter",
        StopKind::Stop | StopKind::Sequence | StopKind::Tool | StopKind::Pause => "stop",
    };
    o.put("done_reason", reason);
    for name in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
        o.put(name, &0);
    }
    o.maybe("prompt_eval_count", &usage.input_total());
    o.maybe("eval_count", &usage.output);
}

pub(crate) fn encode_response(response: &ChatResponse, stamp: &Stamp, style: &ReplyStyle) -> Vec<u8> {
    let collect = |of: fn(&Part) -> Option<&str>| response.parts.iter().filter_map(of).collect::<String>();
    let text = collect(Part::as_text);
    let thinking = collect(|part| if let Part::Reasoning(found) = part { Some(&found.text) } else { None });
    let thinking = Some(thinking).filter(|text| !text.is_empty());
    let calls: Vec<&ToolCall> = response.parts.iter().filter_map(Part::as_call).collect();
    write::document(|o| {
        o.put("model", response.model.as_deref().unwrap_or(&stamp.model));
        o.put("created_at", &rfc3339(response.created.unwrap_or(stamp.created)));
        match style.operation {
            Operation::Complete => said(o, style.operation, &text, thinking.as_deref()),
            _ => o.object("message", |o| {
                o.put("role", "assistant");
                o.put("content", &text);
                o.maybe("thinking", &thinking);
                if !calls.is_empty() {
                    o.list("tool_calls", |list| {
                        for (index, found) in calls.iter().enumerate() {
                            list.object(|o| call(o, &found.id, index as u64, &found.name, &found.arguments));
                        }
                    });
                }
            }),
        }
        done(o, response.stop.kind, &response.usage);
        logprobs(o, &response.tokens);
    })
}
