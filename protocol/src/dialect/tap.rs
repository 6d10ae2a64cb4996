//! Watches an answer that passes through unchanged: when its content begins, whether it ended well, what it cost.
//!
//! Owns: the verdict on a stream's end. Never: changes or delays a byte; parses ordinary text pieces once content
//! has begun (probes decide whether a parse is worth it).

use super::failure::in_band;
use super::{Dialect, anthropic, gemini, ollama, openai_chat, openai_responses};
use crate::framing::{NdjsonLine, SseEvent};
use crate::model::{Failure, FailureKind, Usage};
use memchr::memmem::Finder;
use serde::Deserialize;
use std::borrow::Cow;

/// What one event meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing a client would miss yet: role chunks, pings, comments, starts.
    Prelude,
    /// Content-bearing: from the first of these on the call is committed.
    Content,
    /// Usage and nothing else (OpenAI's extra chunk); to be hidden from a client that did not ask for it.
    UsageOnly,
    /// The dialect's terminator, or its last event when it has none.
    End,
    /// The upstream reports an error inside the stream.
    Failure(Failure),
}

/// The observer of one answer.
#[derive(Clone, Debug)]
pub struct Tap {
    dialect: Dialect,
    seen: Seen,
}

/// What has been seen so far. Filled in by each dialect's `tap.rs`.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub(crate) usage: Usage,
    pub(crate) stop_reason: Option<String>,
    pub(crate) content: bool,
    pub(crate) end: bool,
    pub(crate) events: u64,
    /// How many of them, or documents, were parsed; the others were only looked at.
    pub(crate) parsed: u64,
}

impl Tap {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, seen: Seen::default() }
    }

    /// Observes one event of an SSE stream.
    pub fn event(&mut self, event: &SseEvent) -> Observed {
        match &event.data {
            Some(data) if !data.is_empty() => self.observe(data, event.terminated),
            _ => Observed::Prelude,
        }
    }

    /// Observes one line of an NDJSON stream.
    pub fn line(&mut self, line: &NdjsonLine) -> Observed {
        match &line.json {
            Some(json) => self.observe(json, line.terminated),
            None => Observed::Prelude,
        }
    }

    /// Observes a whole answer that is no stream: its usage, its stop reason, an error it carries under a 200.
    pub fn document(&mut self, body: &[u8]) -> Result<(), Failure> {
        let observed = match self.dialect {
            Dialect::OpenAiChat => openai_chat::tap::document(&mut self.seen, body),
            Dialect::OpenAiResponses => openai_responses::tap::document(&mut self.seen, body),
            Dialect::Anthropic => anthropic::tap::document(&mut self.seen, body),
            Dialect::Ollama => ollama::tap::document(&mut self.seen, body),
            Dialect::Gemini => gemini::tap::document(&mut self.seen, body),
        };
        match observed {
            Observed::Failure(failure) => Err(failure),
            Observed::Prelude | Observed::Content | Observed::UsageOnly | Observed::End => {
                (self.seen.content, self.seen.end) = (true, true);
                Ok(())
            }
        }
    }

    /// The verdict after the last byte of a stream.
    pub fn end(&self) -> Result<(), Failure> {
        let complete = self.seen.end || self.seen.stop_reason.is_some();
        match (complete, self.seen.content || self.seen.stop_reason.is_some()) {
            (true, true) => Ok(()),
            (true, false) => Err(Failure::new(FailureKind::Interrupted, "the provider's stream was empty")),
            (false, _) if self.seen.events == 0 => Err(Failure::new(
                FailureKind::Interrupted,
                "the provider closed the stream before its first event",
            )),
            (false, _) => Err(Failure::new(FailureKind::Interrupted, "the provider's stream broke off")),
        }
    }

    /// The terminator to add after a stream that is complete but for it: vendors were seen to leave it out.
    pub fn closing(&self) -> Option<&'static [u8]> {
        if self.seen.end || self.seen.stop_reason.is_none() {
            return None;
        }
        match self.dialect {
            Dialect::OpenAiChat => Some(b"data: [DONE]\n\n"),
            Dialect::Anthropic => Some(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
            Dialect::OpenAiResponses | Dialect::Ollama | Dialect::Gemini => None,
        }
    }

    pub fn usage(&self) -> Usage {
        self.seen.usage
    }

    /// The upstream's stop reason, verbatim.
    pub fn stop_reason(&self) -> Option<&str> {
        self.seen.stop_reason.as_deref()
    }

    /// How many events or documents it took a parse to observe: of a stream its beginning and its end.
    pub fn parsed(&self) -> u64 {
        self.seen.parsed
    }

    /// Content has been seen.
    pub fn content_seen(&self) -> bool {
        self.seen.content
    }

    fn observe(&mut self, data: &[u8], terminated: bool) -> Observed {
        self.seen.events += 1;
        if !terminated && data != b"[DONE]" && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err()
        {
            self.seen.end = false;
            return Observed::Failure(broken("the provider's stream broke off in the middle of an event"));
        }
        let observed = match self.dialect {
            Dialect::OpenAiChat => openai_chat::tap::event(&mut self.seen, data),
            Dialect::OpenAiResponses => openai_responses::tap::event(&mut self.seen, data),
            Dialect::Anthropic => anthropic::tap::event(&mut self.seen, data),
            Dialect::Ollama => ollama::tap::event(&mut self.seen, data),
            Dialect::Gemini => gemini::tap::event(&mut self.seen, data),
        };
        match observed {
            Observed::Content => self.seen.content = true,
            Observed::End => self.seen.end = true,
            Observed::Prelude | Observed::UsageOnly | Observed::Failure(_) => {}
        }
        observed
    }
}

fn broken(message: &str) -> Failure {
    Failure::new(FailureKind::Interrupted, message)
}

/// Reads `data` as `T`, or says what the event is instead: an in-band error, no JSON at all, or JSON of an unknown
/// shape, which is the client's to judge.
pub(crate) fn read<'a, T: Deserialize<'a>>(seen: &mut Seen, data: &'a [u8]) -> Result<T, Observed> {
    seen.parsed += 1;
    serde_json::from_slice(data).map_err(|_| match serde_json::from_slice::<serde_json::Value>(data) {
        Ok(value) => in_band(&value).map_or(Observed::Content, Observed::Failure),
        Err(error) => {
            let message = format!("the provider sent what is not JSON: {error}");
            Observed::Failure(Failure::new(FailureKind::BadAnswer, message))
        }
    })
}

/// The failure in an event that is known to hold an error member.
pub(crate) fn in_band_of(data: &[u8]) -> Option<Failure> {
    serde_json::from_slice(data).ok().as_ref().and_then(in_band)
}

/// The names of members to be looked for in every event of a stream, each with its quotes. Preparing the search
/// takes longer than searching a usual event.
pub(crate) struct Members<const N: usize>([Finder<'static>; N]);

impl<const N: usize> Members<N> {
    pub(crate) fn new(keys: [&'static str; N]) -> Self {
        Self(keys.map(|key| Finder::new(key.as_bytes())))
    }

    /// True if one of them stands in the text as a member whose value is neither `null` nor `""`.
    pub(crate) fn any_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|key| has_member(text, key))
    }
}

/// Quotes inside a JSON string are escaped, so a text that speaks of the key does not hit; a hit only costs a parse.
fn has_member(text: &[u8], key: &Finder<'_>) -> bool {
    key.find_iter(text).any(|at| {
        let rest = text[at + key.needle().len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b":") else { return false };
        let value = value.trim_ascii_start();
        !(value.starts_with(b"null") || value.starts_with(b"\"\""))
    })
}

/// The text of a JSON string member, for a stop reason.
pub(crate) fn keep(slot: &mut Option<String>, found: Option<Cow<'_, str>>) {
    if let Some(text) = found.filter(|text| !text.is_empty()) {
        *slot = Some(text.into_owned());
    }
}

#[cfg(test)]
mod tests;
