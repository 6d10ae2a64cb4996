//! Observes generateContent events and documents. A stream has no terminator: a finish reason, then the end.

use super::usage::{self, UsageMetadata};
use crate::dialect::lenient::{Filled, List, Loose};
use crate::dialect::tap::{Members, Observed, Seen, in_band_of, keep, read};
use crate::model::{Failure, FailureKind};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::LazyLock;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    candidates: List<Candidate<'a>>,
    usage_metadata: Loose<UsageMetadata>,
    #[serde(borrow)]
    prompt_feedback: Loose<Feedback<'a>>,
    error: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Candidate<'a> {
    content: Loose<Content>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Cow<'a, str>>,
}

static MORE_THAN_CONTENT: LazyLock<Members<4>> = LazyLock::new(|| {
    Members::new(["\"usageMetadata\"", "\"error\"", "\"finishReason\"", "\"promptFeedback\""])
});

pub(crate) fn event(seen: &mut Seen, data: &[u8]) -> Observed {
    if seen.content && !MORE_THAN_CONTENT.any_in(data) {
        return Observed::Content;
    }
    document(seen, data)
}

pub(crate) fn document(seen: &mut Seen, data: &[u8]) -> Observed {
    if data.trim_ascii_start().starts_with(b"[") {
        return stream_array(seen, data);
    }
    let chunk: Chunk<'_> = match read(seen, data) {
        Ok(chunk) => chunk,
        Err(observed) => return observed,
    };
    if chunk.error.0 {
        let unnamed = || Failure::new(FailureKind::Upstream, "the provider reported an error");
        return Observed::Failure(in_band_of(data).unwrap_or_else(unnamed));
    }
    let parts = |c: &Candidate<'_>| c.content.0.as_ref().is_some_and(|content| content.parts.0);
    let content = chunk.candidates.0.iter().any(parts);
    for candidate in chunk.candidates.0 {
        keep(&mut seen.stop_reason, candidate.finish_reason);
    }
    keep(&mut seen.stop_reason, chunk.prompt_feedback.0.and_then(|f| f.block_reason));
    if let Some(usage) = chunk.usage_metadata.0 {
        seen.usage.merge(usage.canonical());
        if seen.stop_reason.is_some() {
            seen.usage = usage::complete(seen.usage);
        }
    }
    if content { Observed::Content } else { Observed::Prelude }
}

/// A stream without `alt=sse` is one JSON array of chunks; an error may come as an array of one.
fn stream_array(seen: &mut Seen, data: &[u8]) -> Observed {
    let items: Vec<&serde_json::value::RawValue> = match read(seen, data) {
        Ok(items) => items,
        Err(observed) => return observed,
    };
    let mut last = Observed::Prelude;
    for item in items {
        last = match document(seen, item.get().as_bytes()) {
            Observed::Failure(failure) => return Observed::Failure(failure),
            Observed::Prelude if last == Observed::Content => Observed::Content,
            other => other,
        };
    }
    last
}
