//! Events as generateContent chunks, and a whole answer as one object. Calls are held until they are whole.

use super::grounding::Gathered;
use super::usage;
use crate::dialect::Dialect;
use crate::dialect::codec::{EncodeEvents, Stamp, put_mark};
use crate::dialect::write::{self, List, Object};
use crate::framing::sse;
use crate::model::{
    ChatResponse, Citation, Continuation, Delta, Event, Media, MediaKind, MediaSource, Part, PartHead,
    StopKind, Token, Usage,
};
use serde_json::Number;

const HERE: Dialect = Dialect::Gemini;

pub(crate) struct Encoder {
    stamp: Stamp,
    /// Which of the candidates is written.
    index: u64,
    model: String,
    open: Open,
    /// Tokens of the piece that comes next.
    tokens: Vec<Token>,
    /// Sources of the open text, and of those before it.
    citations: Vec<Citation>,
    gathered: Gathered,
}

enum Open {
    Nothing,
    Text,
    Reasoning,
    Call { id: String, name: String, arguments: String, signature: Option<String> },
}

impl Encoder {
    pub(crate) fn new(stamp: &Stamp) -> Self {
        Self {
            stamp: stamp.clone(),
            index: 0,
            model: stamp.model.clone(),
            open: Open::Nothing,
            tokens: Vec::new(),
            citations: Vec::new(),
            gathered: Gathered::default(),
        }
    }

    /// The writer of one candidate of several.
    pub(crate) fn of_choice(mut self, index: u64) -> Self {
        self.index = index;
        self
    }

    fn chunk(
        &self,
        out: &mut Vec<u8>,
        reason: Option<&str>,
        usage: Option<&Usage>,
        parts: impl FnOnce(&mut List<'_>),
    ) {
        self.likely(out, reason, usage, &[], parts);
    }

    fn likely(
        &self,
        out: &mut Vec<u8>,
        reason: Option<&str>,
        usage: Option<&Usage>,
        tokens: &[Token],
        parts: impl FnOnce(&mut List<'_>),
    ) {
        let data = write::document(|o| {
            o.list("candidates", |list| {
                list.object(|o| {
                    candidate(o, self.index, (reason, tokens), parts);
                    if reason.is_some() {
                        self.gathered.write(o);
                    }
                });
            });
            if let Some(counts) = usage.and_then(usage::encode) {
                o.put("usageMetadata", &counts);
            }
            o.put("modelVersion", &self.model);
            o.put("responseId", &self.stamp.id);
        });
        sse::write_event(out, None, &data);
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (&mut self.open, delta) {
            (Open::Call { arguments, .. }, Delta::Arguments(text)) => arguments.push_str(text),
            (Open::Call { signature, .. }, Delta::Continuation(found)) if found.origin == HERE => {
                *signature = Some(found.data.clone());
            }
            (Open::Text, Delta::Tokens(tokens)) => self.tokens.extend(tokens.iter().cloned()),
            (Open::Text, Delta::Citation(found)) => self.citations.push(found.clone()),
            (Open::Text, Delta::Text(text)) => {
                self.gathered.text(text);
                let tokens = std::mem::take(&mut self.tokens);
                self.likely(out, None, None, &tokens, |list| list.object(|o| o.put("text", text)));
            }
            (Open::Reasoning, Delta::Text(text)) => self.chunk(out, None, None, |list| {
                list.object(|o| thought(o, text, None));
            }),
            _ => {}
        }
    }

    fn part_end(&mut self, out: &mut Vec<u8>) {
        let open = std::mem::replace(&mut self.open, Open::Nothing);
        self.gathered.part_end(std::mem::take(&mut self.citations).iter());
        if let Open::Call { id, name, arguments, signature } = open {
            self.chunk(out, None, None, |list| {
                list.object(|o| call(o, &id, &name, &arguments, signature.as_deref()))
            });
        }
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
                    PartHead::Text | PartHead::Refusal => {
                        self.gathered.part_start();
                        Open::Text
                    }
                    PartHead::Reasoning => Open::Reasoning,
                    PartHead::ToolCall { id, name } => Open::Call {
                        id: id.clone(),
                        name: name.clone(),
                        arguments: String::new(),
                        signature: None,
                    },
                    PartHead::Media(found) => {
                        self.chunk(out, None, None, |list| media(list, found));
                        Open::Nothing
                    }
                    PartHead::Opaque(_) => Open::Nothing,
                }
            }
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::PartEnd { .. } => self.part_end(out),
            Event::Finish { stop, usage } => {
                self.chunk(out, Some(finish_reason(stop.kind)), Some(usage), |list| {
                    list.object(|o| o.put("text", ""));
                });
            }
            Event::Usage(_) | Event::Complete | Event::End | Event::Fail(_) => {}
        }
    }

    fn mark(&mut self, by: &str, out: &mut Vec<u8>) {
        let data = write::document(|o| {
            o.list("candidates", |list| {
                list.object(|o| {
                    candidate(o, self.index, (None, &[]), |list| list.object(|o| o.put("text", "")))
                });
            });
            o.put("modelVersion", &self.model);
            o.put("responseId", &self.stamp.id);
            put_mark(o, by);
        });
        sse::write_event(out, None, &data);
    }
}

/// With its end and its tokens, where they are known.
fn candidate(
    o: &mut Object<'_>,
    index: u64,
    (reason, tokens): (Option<&str>, &[Token]),
    parts: impl FnOnce(&mut List<'_>),
) {
    o.object("content", |o| {
        o.list("parts", parts);
        o.put("role", "model");
    });
    o.maybe("finishReason", &reason);
    o.put("index", &index);
    if !tokens.is_empty() {
        o.object("logprobsResult", |o| logprobs(o, tokens));
    }
}

fn logprobs(o: &mut Object<'_>, tokens: &[Token]) {
    fn chosen(list: &mut List<'_>, token: &str, logprob: &Option<Number>) {
        list.object(|o| {
            o.put("token", token);
            o.maybe("logProbability", logprob);
        });
    }
    o.list("chosenCandidates", |list| tokens.iter().for_each(|t| chosen(list, &t.token, &t.logprob)));
    o.list("topCandidates", |list| {
        for token in tokens {
            list.object(|o| {
                o.list("candidates", |list| {
                    token.top.iter().for_each(|t| chosen(list, &t.token, &t.logprob))
                });
            });
        }
    });
}

fn thought(o: &mut Object<'_>, text: &str, continuation: Option<&Continuation>) {
    o.put("text", text);
    o.put("thought", &true);
    o.maybe("thoughtSignature", &continuation.filter(|found| found.origin == HERE).map(|found| &found.data));
}

/// With the id that pairs it with its result: clients give it back where two calls have one name.
fn call(o: &mut Object<'_>, id: &str, name: &str, arguments: &str, signature: Option<&str>) {
    o.object("functionCall", |o| {
        o.put("id", id);
        o.put("name", name);
        o.arguments("args", arguments);
    });
    o.maybe("thoughtSignature", &signature);
}

fn finish_reason(kind: StopKind) -> &'static str {
    match kind {
        StopKind::Stop | StopKind::Sequence | StopKind::Tool | StopKind::Pause => "STOP",
        StopKind::Length => "MAX_TOKENS",
        StopKind::Filter => "SAFETY",
    }
}

/// The answers to one question; what is said of them together is said of the first.
pub(crate) fn encode_response(choices: &[ChatResponse], stamp: &Stamp) -> Vec<u8> {
    let Some(response) = choices.first() else { return Vec::new() };
    write::document(|o| {
        o.list("candidates", |list| {
            for (choice, index) in choices.iter().zip(0..) {
                list.object(|o| {
                    let end = Some(finish_reason(choice.stop.kind));
                    candidate(o, index, (end, &choice.tokens), |list| {
                        choice.parts.iter().for_each(|found| part(list, found));
                    });
                    gathered(choice).write(o);
                });
            }
        });
        o.maybe("usageMetadata", &usage::encode(&response.usage));
        o.put("modelVersion", response.model.as_deref().unwrap_or(&stamp.model));
        o.put("responseId", &stamp.id);
    })
}

fn gathered(response: &ChatResponse) -> Gathered {
    let mut gathered = Gathered::default();
    if response.citations.is_empty() {
        return gathered;
    }
    for (index, part) in response.parts.iter().enumerate() {
        if let Some(text) = part.as_text() {
            gathered.part_start();
            gathered.text(text);
            gathered.part_end(response.cited(index));
        }
    }
    gathered
}

/// What a model made; a stored file of a vendor has no address.
fn media(list: &mut List<'_>, media: &Media) {
    match &media.source {
        MediaSource::Inline { mime, base64 } => list.object(|o| {
            o.object("inlineData", |o| {
                o.put("mimeType", mime);
                o.put("data", base64);
            });
        }),
        MediaSource::Url(url) => list.object(|o| {
            o.object("fileData", |o| {
                o.put("mimeType", mime_of(media.kind));
                o.put("fileUri", url);
            });
        }),
        MediaSource::Text(_) | MediaSource::File { .. } => {}
    }
}

fn mime_of(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image/png",
        MediaKind::Audio => "audio/mpeg",
        MediaKind::Video => "video/mp4",
        MediaKind::Document => "application/octet-stream",
    }
}

fn part(list: &mut List<'_>, part: &Part) {
    match part {
        Part::Text(text) => list.object(|o| o.put("text", &text.text)),
        Part::Refusal(text) => list.object(|o| o.put("text", text)),
        Part::Reasoning(found) if !found.text.is_empty() => {
            list.object(|o| thought(o, &found.text, found.continuation.as_ref()));
        }
        Part::ToolCall(found) => {
            let own = found.continuation.as_ref().filter(|c| c.origin == HERE).map(|c| c.data.as_str());
            list.object(|o| call(o, &found.id, &found.name, &found.arguments, own));
        }
        Part::Media(found) => media(list, found),
        Part::Reasoning(_) | Part::ToolResult(_) | Part::Opaque(_) => {}
    }
}
