//! A message and its parts. One part list serves requests and answers, so a history round-trips.

use super::{Continuation, Extras, RawJson};
use crate::dialect::Dialect;

/// Who speaks. A tool's answer is a [`Part::ToolResult`], in a message of its own (`Tool`) or inside a user's turn,
/// as the client's dialect had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// How the client spelled a content: vendors exist that take only one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A bare text.
    Text,
    /// A list of parts.
    #[default]
    List,
    /// `null` or absent.
    Absent,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub parts: Vec<Part>,
    pub shape: Shape,
    pub extras: Extras,
}

impl Message {
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, shape: Shape::List, extras: Extras::default() }
    }

    /// All text parts, joined by an empty line.
    pub fn text(&self) -> String {
        joined_text(&self.parts)
    }
}

/// The texts of a part list, joined by an empty line.
pub fn joined_text(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n\n")
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(TextPart),
    Media(Media),
    Reasoning(Reasoning),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    Refusal(String),
    /// A block of a kind that only its own dialect knows.
    Opaque(Opaque),
}

impl Part {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextPart { text: text.into(), extras: Extras::default() })
    }

    pub fn as_call(&self) -> Option<&ToolCall> {
        if let Self::ToolCall(call) = self { Some(call) } else { None }
    }

    /// About how many bytes it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(part) => part.text.len(),
            Self::Refusal(text) => text.len(),
            Self::Media(media) => media.source.len(),
            Self::Reasoning(reasoning) => reasoning.text.len(),
            Self::ToolCall(call) => call.arguments.len(),
            Self::ToolResult(result) => result.parts.iter().map(Self::len).sum(),
            Self::Opaque(opaque) => opaque.raw.as_str().len(),
        }
    }

    pub fn as_media(&self) -> Option<&Media> {
        if let Self::Media(media) = self { Some(media) } else { None }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(part) => Some(&part.text),
            Self::Refusal(text) => Some(text),
            Self::Media(_)
            | Self::Reasoning(_)
            | Self::ToolCall(_)
            | Self::ToolResult(_)
            | Self::Opaque(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPart {
    pub text: String,
    pub extras: Extras,
}

/// Visible reasoning, with what its maker needs to accept it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Empty when the maker hides it.
    pub text: String,
    pub continuation: Option<Continuation>,
    pub extras: Extras,
}

/// The model asks for a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Pairs the call with its result.
    pub id: String,
    pub name: String,
    /// The arguments as the model wrote them: JSON text, empty for none, malformed if the model erred.
    pub arguments: String,
    pub continuation: Option<Continuation>,
    pub extras: Extras,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    pub call_id: String,
    /// The tool's name, where the dialect says it.
    pub name: Option<String>,
    pub parts: Vec<Part>,
    pub shape: Shape,
    pub is_error: Option<bool>,
    pub extras: Extras,
}

impl ToolResult {
    /// All texts of it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(Part::as_text)
    }
}

/// A block kept as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    pub origin: Dialect,
    /// Its `type`, for messages to people.
    pub kind: String,
    pub raw: RawJson,
}

/// An image, a sound or a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub kind: MediaKind,
    pub source: MediaSource,
    pub name: Option<String>,
    pub extras: Extras,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Audio,
    Video,
    Document,
}

impl MediaKind {
    /// What a MIME type says it is.
    pub fn of_mime(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => Self::Image,
            Some("audio") => Self::Audio,
            Some("video") => Self::Video,
            _ => Self::Document,
        }
    }
}

impl Media {
    /// Something that a model made.
    pub fn made(kind: MediaKind, source: MediaSource) -> Self {
        Self { kind, source, name: None, extras: Extras::default() }
    }
}

/// Where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    Url(String),
    /// Base64 without a prefix, and its MIME type (`image/png`).
    Inline {
        mime: String,
        base64: String,
    },
    /// A document that is plain text.
    Text(String),
    /// Stored at the vendor of this dialect; means nothing elsewhere.
    File {
        origin: Dialect,
        id: String,
    },
}

impl MediaSource {
    /// A URL, or the bytes inside a `data:` URL with base64.
    pub fn from_url(url: &str) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        match inline.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data))) {
            Some((mime, data)) => Self::Inline { mime: mime.to_owned(), base64: data.to_owned() },
            None => Self::Url(url.to_owned()),
        }
    }

    /// About how much memory it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Url(text) | Self::Text(text) | Self::File { id: text, .. } => text.len(),
            Self::Inline { mime, base64 } => mime.len() + base64.len(),
        }
    }

    /// The URL of it, a `data:` URL if the bytes are here.
    pub fn to_url(&self) -> Option<String> {
        match self {
            Self::Url(url) => Some(url.clone()),
            Self::Inline { mime, base64 } => Some(format!("data:{mime};base64,{base64}")),
            Self::Text(_) | Self::File { .. } => None,
        }
    }
}
