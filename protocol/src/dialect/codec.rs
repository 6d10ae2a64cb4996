//! What every codec takes and gives: the two stream halves, the errors, the values a codec may not invent itself.

use super::Operation;
use super::write::Object;
use crate::model::{Event, Failure, FailureKind, Loss, PartHead};
use std::borrow::Cow;

/// Upstream frames to events.
pub trait DecodeEvents: Send {
    /// Reads one frame. In-band errors come out as [`Event::Fail`].
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>);
}

/// Sequenced events to a client's bytes, framing included.
pub trait EncodeEvents: Send {
    /// Writes what one event means. Nothing is written for [`Event::Fail`]: the failure of a stream is written by
    /// `Dialect::encode_stream_failure`, by whoever still holds the client.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>);

    /// Says, where a text is open, that another provider (`provider/model`) goes on with the answer from here: an
    /// event that every client of the dialect takes for a text of no length.
    fn mark(&mut self, by: &str, out: &mut Vec<u8>);
}

/// One frame of a stream, without its framing.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The event's name, where the framing has one.
    pub event: Option<&'a [u8]>,
    pub data: &'a [u8],
}

/// Names and times for what a codec has to mint; unique per call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Letters and digits, without a prefix; codecs build their ids on it.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model's name, for answers that do not say it.
    pub model: String,
}

/// What is known of a request outside its body: the path says it in some dialects.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    pub operation: Operation,
    /// The upstream's model id; replaces what the body says.
    pub model: &'a str,
    pub stream: bool,
}

/// The member of our own that a mark carries: `{"llm_link": {"continued_by": "provider/model"}}`.
pub(crate) fn put_mark(o: &mut Object<'_>, by: &str) {
    o.object("llm_link", |o| o.put("continued_by", by));
}

/// How a client wants its answer written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyStyle {
    /// [`Operation::Complete`] has shapes of its own.
    pub operation: Operation,
    pub usage: UsageInStream,
    /// Tools that the client grouped: their flat names are taken apart again.
    pub namespaces: Vec<Namespaced>,
    /// Tools that the client takes texts for, not objects (Responses' custom tools), by the names they have here.
    pub customs: Vec<String>,
    /// Tools whose names the upstream would not take: as it knows them, and as the client does.
    pub renamed: Vec<(String, String)>,
    /// How many answers were asked for.
    pub choices: u64,
}

/// A tool inside a namespace (Responses): upstreams know it as `flat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaced {
    pub flat: String,
    pub namespace: String,
    pub name: String,
}

impl ReplyStyle {
    pub fn new(operation: Operation, usage: UsageInStream) -> Self {
        Self {
            operation,
            usage,
            namespaces: Vec::new(),
            customs: Vec::new(),
            renamed: Vec::new(),
            choices: 1,
        }
    }

    /// Gives a tool that is called the client's own name for it.
    pub fn restore(&self, event: &mut Event) {
        if let Event::PartStart { head: PartHead::ToolCall { name, .. }, .. } = event
            && let Some((_, own)) = self.renamed.iter().find(|(short, _)| short == name)
        {
            name.clone_from(own);
        }
    }
}

/// Whether OpenAI chat's extra usage chunk is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageInStream {
    Shown,
    Hidden,
}

/// A request in the upstream's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub body: Vec<u8>,
    /// What could not be said.
    pub losses: Vec<Loss>,
}

/// The client's request cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct DecodeError {
    /// The field, as `messages[2].content`; `body` for the whole.
    pub path: String,
    pub what: String,
}

impl DecodeError {
    pub(crate) fn new(path: &str, what: impl Into<String>) -> Self {
        let path = if path.is_empty() { "body" } else { path };
        Self { path: path.to_owned(), what: what.into() }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Failure::new(FailureKind::InvalidRequest, error.to_string()).with_param(error.path)
    }
}

/// The request says something that would change its meaning if it were dropped.
pub(crate) fn unsupported(param: &str, message: &str) -> Failure {
    Failure::new(FailureKind::Unsupported, message).with_param(param)
}

/// The upstream's bytes are no answer of its dialect.
pub(crate) fn bad_answer(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("the provider's answer makes no sense: {error}"))
}

/// A tool call's id, or a tool's name: kept when every dialect takes it, else made safe; equal ones stay equal.
pub fn safe_id(id: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(plain) {
        return Cow::Borrowed(id);
    }
    let kept: String = id.chars().filter(|c| c.is_ascii() && plain(*c as u8)).take(40).collect();
    Cow::Owned(format!("{kept}_{:016x}", fnv(id)))
}

/// Exactly `length` letters and digits made from an id, for vendors that insist.
pub(crate) fn short_id(id: &str, length: usize) -> Cow<'_, str> {
    if id.len() == length && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = fnv(id);
    let digit = |number: &mut u64| {
        let digit = DIGITS[(*number % 62) as usize] as char;
        *number = (*number / 62) ^ number.rotate_left(23);
        digit
    };
    (0..length).map(|_| digit(&mut number)).collect()
}

/// FNV-1a, 64 bits: stable across runs and versions.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_or_made_safe_deterministically() {
        assert_eq!(safe_id("call_1-A"), "call_1-A");
        let safe = safe_id("functions.f:0");
        assert!(safe.len() <= 64 && safe.starts_with("functionsf0_"), "{safe}");
        assert_eq!(safe, safe_id("functions.f:0"));
        assert_ne!(safe, safe_id("functions.f:1"));
        assert!(!safe_id("").is_empty() && safe_id(&"x".repeat(200)).len() <= 64);
        assert_eq!(short_id("abcdef012", 9), "abcdef012");
        let short = short_id("call_1", 9);
        assert!(short.len() == 9 && short.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(short, short_id("call_2", 9));
    }
}
