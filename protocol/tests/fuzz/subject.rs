//! What is fuzzed, by name. A subject panics when one of its laws is broken.

use super::{conversation, frames, framing};
use protocol::dialect::Dialect;

/// Takes any bytes.
pub(crate) type Subject = fn(&[u8]);

const ALL: [(&str, Subject); 8] = [
    ("sse", framing::sse),
    ("ndjson", framing::ndjson),
    ("frames", frames::any),
    ("openai-chat", |bytes| conversation::any(Dialect::OpenAiChat, bytes)),
    ("openai-responses", |bytes| conversation::any(Dialect::OpenAiResponses, bytes)),
    ("anthropic", |bytes| conversation::any(Dialect::Anthropic, bytes)),
    ("ollama", |bytes| conversation::any(Dialect::Ollama, bytes)),
    ("gemini", |bytes| conversation::any(Dialect::Gemini, bytes)),
];

pub(crate) fn names() -> [&'static str; 8] {
    ALL.map(|(name, _)| name)
}

pub(crate) fn named(wanted: &str) -> Option<Subject> {
    ALL.into_iter().find(|(name, _)| *name == wanted).map(|(_, subject)| subject)
}
