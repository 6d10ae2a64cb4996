//! Observes Messages events and documents.

use super::usage::MessagesUsage;
use crate::dialect::lenient::{Filled, Loose, Text};
use crate::dialect::tap::{Observed, Seen, in_band_of, read};
use crate::model::{Failure, FailureKind};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    message: Loose<Body>,
    delta: Loose<Delta>,
    #[serde(borrow)]
    content_block: Loose<Block<'a>>,
    usage: Loose<MessagesUsage>,
    stop_reason: Text,
    error: Filled,
    base_resp: Loose<Base>,
    object: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    usage: Loose<MessagesUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    stop_reason: Text,
    text: Filled,
    partial_json: Filled,
    thinking: Filled,
    signature: Filled,
    citation: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: Filled,
    thinking: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Base {
    status_code: i64,
}

pub(crate) fn event(seen: &mut Seen, data: &[u8]) -> Observed {
    if seen.content && is_delta(data) {
        return Observed::Content;
    }
    let event: Event<'_> = match read(seen, data) {
        Ok(event) => event,
        Err(observed) => return observed,
    };
    if event.is_error() {
        return failed(data);
    }
    let usage = event.message.0.and_then(|m| m.usage.0).or(event.usage.0);
    if let Some(usage) = usage {
        seen.usage.merge(usage.canonical());
    }
    let content = event.content_block.0.is_some_and(|b| b.has_content())
        || event.delta.0.as_ref().is_some_and(Delta::has_content);
    if let Some(reason) = event.delta.0.and_then(|d| d.stop_reason.0) {
        seen.stop_reason = Some(reason);
    }
    match (event.kind.as_ref(), content) {
        ("message_stop", _) => Observed::End,
        (_, true) => Observed::Content,
        (_, false) => Observed::Prelude,
    }
}

pub(crate) fn document(seen: &mut Seen, data: &[u8]) -> Observed {
    let event: Event<'_> = match read(seen, data) {
        Ok(event) => event,
        Err(observed) => return observed,
    };
    if event.is_error() {
        return failed(data);
    }
    if let Some(usage) = event.usage.0 {
        seen.usage.merge(usage.canonical());
    }
    seen.stop_reason = event.stop_reason.0;
    Observed::Content
}

impl Event<'_> {
    /// In this dialect's form, or in those of compatible servers.
    fn is_error(&self) -> bool {
        let based = self.base_resp.0.as_ref().is_some_and(|base| base.status_code != 0);
        self.kind == "error" || self.error.0 || based || self.object.0.as_deref() == Some("error")
    }
}

impl Delta {
    fn has_content(&self) -> bool {
        self.text.0 || self.partial_json.0 || self.thinking.0 || self.signature.0 || self.citation.0
    }
}

impl Block<'_> {
    /// Text and thinking blocks start empty; every other kind says something by being there.
    fn has_content(&self) -> bool {
        match self.kind.as_ref() {
            "text" | "thinking" => self.text.0 || self.thinking.0,
            _ => true,
        }
    }
}

/// The type comes first in real traffic, so the beginning decides without a parse.
fn is_delta(data: &[u8]) -> bool {
    memchr::memmem::find(&data[..data.len().min(64)], b"\"content_block_delta\"").is_some()
}

fn failed(data: &[u8]) -> Observed {
    let unnamed = || Failure::new(FailureKind::Upstream, "the provider reported an error without a message");
    Observed::Failure(in_band_of(data).unwrap_or_else(unnamed))
}
