//! Events as chat completion chunks, and a whole answer as a document. The old completions API differs in names only.

use super::encode_message::extra_content;
use super::usage;
use crate::dialect::codec::{EncodeEvents, ReplyStyle, Stamp, UsageInStream, put_mark};
use crate::dialect::write::{self, List, Object};
use crate::dialect::{Dialect, Operation};
use crate::framing::sse;
use crate::model::{
    ChatResponse, Citation, Delta, Event, Media, MediaKind, MediaSource, Part, PartHead, Start, StopKind,
    Token, ToolCall,
};

pub(crate) struct Encoder {
    stamp: Stamp,
    style: ReplyStyle,
    /// Which of the choices is written, and whether its end is that of the stream.
    index: u64,
    closes: bool,
    id: String,
    created: u64,
    model: String,
    lane: Lane,
    calls: u64,
    /// The open call has said something.
    argued: bool,
    /// Tokens of the piece that comes next.
    tokens: Vec<Token>,
    /// Characters of text before the open part, and in it.
    chars: (u64, u64),
    /// Sources of the open text.
    citations: Vec<Citation>,
}

/// The kind of the open part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Text,
    Reasoning,
    Refusal,
    Call,
    /// A part this dialect cannot say.
    Silent,
}

impl Encoder {
    pub(crate) fn new(stamp: &Stamp, style: &ReplyStyle) -> Self {
        let (stamp, style) = (stamp.clone(), style.clone());
        let (id, created, model) =
            (reply_id(None, &stamp, style.operation), stamp.created, stamp.model.clone());
        Self {
            stamp,
            style,
            index: 0,
            closes: true,
            id,
            created,
            model,
            lane: Lane::Silent,
            calls: 0,
            argued: false,
            tokens: Vec::new(),
            chars: (0, 0),
            citations: Vec::new(),
        }
    }

    /// The writer of one choice of several.
    pub(crate) fn of_choice(mut self, index: u64) -> Self {
        (self.index, self.closes) = (index, false);
        self
    }

    /// All other choices are over: the end of this one is the end of the stream.
    pub(crate) fn close(&mut self) {
        self.closes = true;
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        self.id = reply_id(start.id.as_deref(), &self.stamp, self.style.operation);
        self.created = start.created.unwrap_or(self.stamp.created);
        self.model = start.model.clone().unwrap_or_else(|| self.stamp.model.clone());
        if self.style.operation != Operation::Complete {
            self.chunk(out, |o| {
                o.put("role", "assistant");
                o.put("content", "");
            });
        }
    }

    fn part_start(&mut self, head: &PartHead, out: &mut Vec<u8>) {
        self.lane = match head {
            PartHead::Text => Lane::Text,
            PartHead::Reasoning => Lane::Reasoning,
            PartHead::Refusal => Lane::Refusal,
            PartHead::Media(found) => {
                if self.style.operation != Operation::Complete {
                    self.chunk(out, |o| media(o, &[found]));
                }
                Lane::Silent
            }
            PartHead::Opaque(_) => Lane::Silent,
            PartHead::ToolCall { id, name } => {
                let index = self.calls;
                self.calls += 1;
                self.argued = false;
                self.chunk(out, |o| {
                    o.list("tool_calls", |list| {
                        list.object(|o| {
                            o.put("index", &index);
                            o.put("id", id);
                            o.put("type", "function");
                            o.object("function", |o| {
                                o.put("name", name);
                                o.put("arguments", "");
                            });
                        });
                    });
                });
                Lane::Call
            }
        };
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (delta, self.lane) {
            (Delta::Text(text), Lane::Text) if self.style.operation == Operation::Complete => {
                self.choice(out, |o| o.put("text", text), &[], None);
            }
            (_, _) if self.style.operation == Operation::Complete => {}
            (Delta::Tokens(tokens), _) => self.tokens.extend(tokens.iter().cloned()),
            (Delta::Citation(found), _) => self.citations.push(found.clone()),
            (Delta::Text(text), Lane::Text) => {
                self.chars.1 += text.chars().count() as u64;
                let tokens = std::mem::take(&mut self.tokens);
                self.choice(out, |o| o.object("delta", |o| o.put("content", text)), &tokens, None);
            }
            (Delta::Text(text), Lane::Reasoning) => self.chunk(out, |o| o.put("reasoning_content", text)),
            (Delta::Text(text), Lane::Refusal) => self.chunk(out, |o| o.put("refusal", text)),
            (Delta::Arguments(text), Lane::Call) => self.arguments(text, out),
            (Delta::Continuation(found), Lane::Call) if found.origin == Dialect::Gemini => {
                let index = self.calls.saturating_sub(1);
                self.chunk(out, |o| {
                    o.list("tool_calls", |list| {
                        list.object(|o| {
                            o.put("index", &index);
                            // The official SDK takes no piece of a call without it.
                            o.object("function", |o| o.put("arguments", ""));
                            extra_content(o, found);
                        });
                    });
                });
            }
            (Delta::Text(_) | Delta::Arguments(_) | Delta::Continuation(_), _) => {}
        }
    }

    fn arguments(&mut self, text: &str, out: &mut Vec<u8>) {
        let index = self.calls.saturating_sub(1);
        self.argued = true;
        self.chunk(out, |o| {
            o.list("tool_calls", |list| {
                list.object(|o| {
                    o.put("index", &index);
                    o.object("function", |o| o.put("arguments", text));
                });
            });
        });
    }

    /// A call without arguments: clients parse what they collected, and nothing is no JSON.
    fn part_end(&mut self, out: &mut Vec<u8>) {
        if self.lane == Lane::Call && !self.argued {
            self.arguments("{}", out);
        }
        let citations = std::mem::take(&mut self.citations);
        if !citations.is_empty() {
            let (before, own) = self.chars;
            self.chunk(out, |o| {
                o.list("annotations", |list| citations.iter().for_each(|c| annotation(list, c, before, own)));
            });
        }
        self.chars = (self.chars.0 + self.chars.1, 0);
    }

    fn finish(&mut self, kind: StopKind, reported: &crate::model::Usage, out: &mut Vec<u8>) {
        let reason = Some(finish_reason(kind));
        match self.style.operation {
            Operation::Complete => self.choice(out, |o| o.put("text", ""), &[], reason),
            _ => {
                let tokens = std::mem::take(&mut self.tokens);
                self.choice(out, |o| o.object("delta", |_| {}), &tokens, reason);
            }
        }
        if !self.closes {
            return;
        }
        if let (UsageInStream::Shown, Some(counts)) = (self.style.usage, usage::encode(reported)) {
            let data = write::document(|o| {
                self.head(o);
                o.list("choices", |_| {});
                o.put("usage", &counts);
            });
            sse::write_event(out, None, &data);
        }
        sse::write_event(out, None, b"[DONE]");
    }

    fn chunk(&self, out: &mut Vec<u8>, delta: impl FnOnce(&mut Object<'_>)) {
        self.choice(out, |o| o.object("delta", delta), &[], None);
    }

    fn choice(
        &self,
        out: &mut Vec<u8>,
        what: impl FnOnce(&mut Object<'_>),
        tokens: &[Token],
        reason: Option<&str>,
    ) {
        let data = write::document(|o| {
            self.head(o);
            o.list("choices", |list| {
                list.object(|o| {
                    o.put("index", &self.index);
                    what(o);
                    logprobs(o, tokens);
                    o.put("finish_reason", &reason);
                });
            });
        });
        sse::write_event(out, None, &data);
    }

    fn head(&self, o: &mut Object<'_>) {
        o.put("id", &self.id);
        o.put(
            "object",
            if self.style.operation == Operation::Complete {
                "text_completion"
            } else {
                "chat.completion.chunk"
            },
        );
        o.put("created", &self.created);
        o.put("model", &self.model);
    }
}

impl EncodeEvents for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => self.start(start, out),
            Event::PartStart { head, .. } => self.part_start(head, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::Finish { stop, usage } => self.finish(stop.kind, usage, out),
            Event::PartEnd { .. } => self.part_end(out),
            Event::Usage(_) | Event::Complete | Event::End | Event::Fail(_) => {}
        }
    }

    fn mark(&mut self, by: &str, out: &mut Vec<u8>) {
        let data = write::document(|o| {
            self.head(o);
            o.list("choices", |list| {
                list.object(|o| {
                    o.put("index", &0);
                    o.object("delta", |o| o.put("content", ""));
                    o.null("logprobs");
                    o.null("finish_reason");
                });
            });
            put_mark(o, by);
        });
        sse::write_event(out, None, &data);
    }
}

/// The upstream's id if it looks like one of this API, else one of our own.
fn reply_id(given: Option<&str>, stamp: &Stamp, operation: Operation) -> String {
    let prefix = if operation == Operation::Complete { "cmpl-" } else { "chatcmpl-" };
    match given {
        Some(id) if id.starts_with(prefix) => id.to_owned(),
        _ => format!("{prefix}{}", stamp.id),
    }
}

fn logprobs(o: &mut Object<'_>, tokens: &[Token]) {
    match tokens {
        [] => o.null("logprobs"),
        tokens => o.object("logprobs", |o| {
            o.put("content", tokens);
            o.null("refusal");
        }),
    }
}

fn finish_reason(kind: StopKind) -> &'static str {
    match kind {
        StopKind::Stop | StopKind::Sequence | StopKind::Pause => "stop",
        StopKind::Length => "length",
        StopKind::Tool => "tool_calls",
        StopKind::Filter => "content_filter",
    }
}

/// The answers to one question; what is said of them together is said of the first.
pub(crate) fn encode_response(choices: &[ChatResponse], stamp: &Stamp, style: &ReplyStyle) -> Vec<u8> {
    let Some(response) = choices.first() else { return Vec::new() };
    let complete = style.operation == Operation::Complete;
    write::document(|o| {
        o.put("id", &reply_id(response.id.as_deref(), stamp, style.operation));
        o.put("object", if complete { "text_completion" } else { "chat.completion" });
        o.put("created", &response.created.unwrap_or(stamp.created));
        o.put("model", response.model.as_deref().unwrap_or(&stamp.model));
        o.list("choices", |list| {
            for (index, choice) in choices.iter().enumerate() {
                list.object(|o| {
                    o.put("index", &index);
                    match complete {
                        true => o.put("text", &collect(choice, text_of).unwrap_or_default()),
                        false => o.object("message", |o| message(o, choice)),
                    }
                    logprobs(o, if complete { &[] } else { &choice.tokens });
                    o.put("finish_reason", finish_reason(choice.stop.kind));
                });
            }
        });
        o.maybe("usage", &usage::encode(&response.usage));
    })
}

fn message(o: &mut Object<'_>, response: &ChatResponse) {
    o.put("role", "assistant");
    o.put("content", &collect(response, text_of));
    o.put(
        "refusal",
        &collect(response, |part| if let Part::Refusal(text) = part { Some(text) } else { None }),
    );
    annotations(o, response);
    let made: Vec<&Media> = response.parts.iter().filter_map(Part::as_media).collect();
    media(o, &made);
    o.maybe("reasoning_content", &collect(response, reasoning_of).filter(|text| !text.is_empty()));
    let calls: Vec<&ToolCall> = response.parts.iter().filter_map(Part::as_call).collect();
    if calls.is_empty() {
        return;
    }
    o.list("tool_calls", |list| {
        for call in calls {
            list.object(|o| {
                o.put("id", &call.id);
                o.put("type", "function");
                o.object("function", |o| {
                    o.put("name", &call.name);
                    o.put("arguments", if call.arguments.is_empty() { "{}" } else { &call.arguments });
                });
                if let Some(found) = &call.continuation {
                    extra_content(o, found);
                }
            });
        }
    });
}

fn annotations(o: &mut Object<'_>, response: &ChatResponse) {
    if response.citations.is_empty() {
        return;
    }
    let mut before = 0;
    o.list("annotations", |list| {
        for (index, text) in response.parts.iter().enumerate().filter_map(|(i, p)| Some((i, text_of(p)?))) {
            let own = text.chars().count() as u64;
            response.cited(index).for_each(|citation| annotation(list, citation, before, own));
            before += own;
        }
    });
}

/// A source of a text of so many characters, with so many before it.
fn annotation(list: &mut List<'_>, citation: &Citation, before: u64, own: u64) {
    let (start, end) = citation.within(own);
    list.object(|o| {
        o.put("type", "url_citation");
        o.object("url_citation", |o| {
            o.put("start_index", &(before + start));
            o.put("end_index", &(before + end));
            o.put("title", citation.title.as_deref().unwrap_or_default());
            o.put("url", &citation.url);
            o.maybe("content", &citation.quote);
        });
    });
}

/// Images as routers of other APIs write them, a sound as the API does. There is no word for films.
fn media(o: &mut Object<'_>, made: &[&Media]) {
    let urls = made.iter().filter(|media| media.kind == MediaKind::Image).filter_map(|m| m.source.to_url());
    let urls: Vec<String> = urls.collect();
    if !urls.is_empty() {
        o.list("images", |list| {
            for (index, url) in urls.iter().enumerate() {
                list.object(|o| {
                    o.put("type", "image_url");
                    o.object("image_url", |o| o.put("url", url));
                    o.put("index", &index);
                });
            }
        });
    }
    let sound = sound(made);
    if !sound.is_empty() {
        o.object("audio", |o| {
            o.put("id", "audio_0");
            o.put("data", &sound);
            o.put("expires_at", &0);
            o.put("transcript", "");
        });
    }
}

/// There is a word for it.
pub(crate) fn says(media: &Media) -> bool {
    match media.kind {
        MediaKind::Image => matches!(media.source, MediaSource::Url(_) | MediaSource::Inline { .. }),
        MediaKind::Audio => matches!(media.source, MediaSource::Inline { .. }),
        MediaKind::Video | MediaKind::Document => false,
    }
}

/// The sound, its pieces joined: base64 goes on where it was not filled up.
fn sound(made: &[&Media]) -> String {
    let mut out = String::new();
    for media in made.iter().filter(|media| media.kind == MediaKind::Audio) {
        if let (MediaSource::Inline { base64, .. }, false) = (&media.source, out.ends_with('=')) {
            out.push_str(base64);
        }
    }
    out
}

fn text_of(part: &Part) -> Option<&String> {
    if let Part::Text(text) = part { Some(&text.text) } else { None }
}

fn reasoning_of(part: &Part) -> Option<&String> {
    if let Part::Reasoning(found) = part { Some(&found.text) } else { None }
}

/// The texts of one kind of part, run together; `None` when there is none.
fn collect<'a>(response: &'a ChatResponse, of: impl Fn(&'a Part) -> Option<&'a String>) -> Option<String> {
    let mut found = response.parts.iter().filter_map(of).peekable();
    found.peek()?;
    Some(found.map(String::as_str).collect())
}
