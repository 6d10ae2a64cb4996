//! The output items of a response: how each kind is spelled, open and done.

use super::decode_request::INPUT;
use super::marks::OWN_REASONING;
use crate::dialect::codec::{Namespaced, Stamp};
use crate::dialect::write::Object;
use crate::model::{Citation, Media, MediaSource, PartHead, Token};

/// An item, open or whole.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// Text, reasoning or arguments so far.
    pub(super) text: String,
    pub(super) encrypted: Option<String>,
    pub(super) tokens: Vec<Token>,
    /// Sources of the text.
    pub(super) citations: Vec<Citation>,
    /// The item has been announced.
    pub(super) shown: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Refusal,
    Reasoning,
    Call {
        call_id: String,
        name: String,
        namespace: Option<String>,
    },
    /// What the model drew; the text is its base64.
    Image {
        format: String,
    },
    /// A call of a tool that takes a text.
    Custom {
        call_id: String,
        name: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
}

impl Item {
    pub(super) fn new(kind: Kind, stamp: &Stamp, index: usize) -> Self {
        let prefix = match kind {
            Kind::Text | Kind::Refusal => "msg",
            Kind::Reasoning => OWN_REASONING,
            Kind::Call { .. } => "fc",
            Kind::Custom { .. } => "ctc",
            Kind::Image { .. } => "ig",
        };
        let id = format!("{prefix}_{}_{index}", stamp.id);
        Self {
            id,
            kind,
            text: String::new(),
            encrypted: None,
            tokens: Vec::new(),
            citations: Vec::new(),
            shown: false,
        }
    }

    pub(super) fn write(&self, o: &mut Object<'_>, status: Status) {
        let done = status == Status::Completed;
        o.put("id", &self.id);
        match &self.kind {
            Kind::Text | Kind::Refusal => {
                o.put("type", "message");
                o.put("status", if done { "completed" } else { "in_progress" });
                o.put("role", "assistant");
                o.list("content", |list| {
                    if done {
                        list.object(|o| content_part(o, self, &self.text));
                    }
                });
            }
            Kind::Reasoning => {
                o.put("type", "reasoning");
                o.list("summary", |list| {
                    if done && !self.text.is_empty() {
                        list.object(|o| {
                            o.put("type", "summary_text");
                            o.put("text", &self.text);
                        });
                    }
                });
                o.maybe("encrypted_content", &self.encrypted);
            }
            Kind::Call { call_id, name, namespace } => {
                o.put("type", "function_call");
                o.put("status", if done { "completed" } else { "in_progress" });
                o.put("call_id", call_id);
                o.put("name", name);
                o.maybe("namespace", namespace);
                o.put("arguments", if done { self.text.as_str() } else { "" });
            }
            Kind::Image { format } => {
                o.put("type", "image_generation_call");
                o.put("status", if done { "completed" } else { "in_progress" });
                o.put("output_format", format);
                o.put("result", &done.then_some(&self.text));
            }
            Kind::Custom { call_id, name } => {
                o.put("type", "custom_tool_call");
                o.put("status", if done { "completed" } else { "in_progress" });
                o.put("call_id", call_id);
                o.put("name", name);
                o.put("input", if done { self.text.as_str() } else { "" });
            }
        }
    }
}

impl Kind {
    pub(super) fn delta_event(&self) -> &'static str {
        match self {
            Self::Text => "response.output_text.delta",
            Self::Refusal => "response.refusal.delta",
            Self::Reasoning => "response.reasoning_summary_text.delta",
            Self::Call { .. } => "response.function_call_arguments.delta",
            Self::Custom { .. } => "response.custom_tool_call_input.delta",
            Self::Image { .. } => "response.image_generation_call.partial_image",
        }
    }

    pub(super) fn done_event(&self) -> &'static str {
        match self {
            Self::Text => "response.output_text.done",
            Self::Refusal => "response.refusal.done",
            Self::Reasoning => "response.reasoning_summary_text.done",
            Self::Call { .. } => "response.function_call_arguments.done",
            Self::Custom { .. } => "response.custom_tool_call_input.done",
            Self::Image { .. } => "response.image_generation_call.completed",
        }
    }

    /// The member that counts parts within the item.
    pub(super) fn place(&self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Refusal => Some("content_index"),
            Self::Reasoning => Some("summary_index"),
            Self::Call { .. } | Self::Custom { .. } | Self::Image { .. } => None,
        }
    }

    pub(super) fn text_member(&self) -> &'static str {
        match self {
            Self::Text | Self::Reasoning => "text",
            Self::Refusal => "refusal",
            Self::Call { .. } => "arguments",
            Self::Custom { .. } => "input",
            Self::Image { .. } => "result",
        }
    }
}

/// The text that the arguments of such a call hold; what is no such object is the text itself.
pub(super) fn input_of(arguments: &str) -> String {
    let object: Option<serde_json::Value> = serde_json::from_str(arguments).ok();
    let text = object.as_ref().and_then(|object| object.get(INPUT)?.as_str());
    text.unwrap_or(arguments).to_owned()
}

pub(super) fn kind_of(head: &PartHead, namespaces: &[Namespaced], customs: &[String]) -> Option<Kind> {
    match head {
        PartHead::Text => Some(Kind::Text),
        PartHead::Refusal => Some(Kind::Refusal),
        PartHead::Reasoning => Some(Kind::Reasoning),
        PartHead::ToolCall { id, name } if customs.contains(name) => {
            Some(Kind::Custom { call_id: id.clone(), name: name.clone() })
        }
        PartHead::ToolCall { id, name } => {
            let found = namespaces.iter().find(|tool| tool.flat == *name);
            Some(Kind::Call {
                call_id: id.clone(),
                name: found.map_or(name, |tool| &tool.name).clone(),
                namespace: found.map(|tool| tool.namespace.clone()),
            })
        }
        PartHead::Media(found) => image_of(found).map(|(format, _)| Kind::Image { format }),
        PartHead::Opaque(_) => None,
    }
}

/// The form and the bytes of an image that this API has a word for.
pub(super) fn image_of(media: &Media) -> Option<(String, &str)> {
    match &media.source {
        MediaSource::Inline { mime, base64 } => Some((mime.strip_prefix("image/")?.to_owned(), base64)),
        MediaSource::Url(_) | MediaSource::Text(_) | MediaSource::File { .. } => None,
    }
}

/// There is a word for it.
pub(crate) fn says(media: &Media) -> bool {
    image_of(media).is_some()
}

pub(super) fn annotation(o: &mut Object<'_>, citation: &Citation, chars: u64) {
    let (start, end) = citation.within(chars);
    o.put("type", "url_citation");
    o.put("start_index", &start);
    o.put("end_index", &end);
    o.put("title", citation.title.as_deref().unwrap_or_default());
    o.put("url", &citation.url);
}

/// The one part of a message; a message that has just begun is empty.
pub(super) fn content_part(o: &mut Object<'_>, item: &Item, text: &str) {
    let (tokens, citations): (&[Token], &[Citation]) =
        if text.is_empty() { (&[], &[]) } else { (&item.tokens, &item.citations) };
    match item.kind {
        Kind::Refusal => {
            o.put("type", "refusal");
            o.put("refusal", text);
        }
        Kind::Text | Kind::Reasoning | Kind::Call { .. } | Kind::Custom { .. } | Kind::Image { .. } => {
            o.put("type", "output_text");
            o.put("text", text);
            let chars = if citations.is_empty() { 0 } else { text.chars().count() as u64 };
            o.list("annotations", |list| {
                citations.iter().for_each(|found| list.object(|o| annotation(o, found, chars)));
            });
            o.put("logprobs", tokens);
        }
    }
}
