//! Observes chat completion chunks and documents; also the old completions and embeddings, whose usage is the same.

use super::usage::ChatUsage;
use crate::dialect::lenient::{Filled, List, Loose};
use crate::dialect::tap::{Members, Observed, Seen, in_band_of, keep, read};
use memchr::memmem::Finder;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::LazyLock;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: List<Choice<'a>>,
    usage: Loose<ChatUsage>,
    error: Filled,
    base_resp: Loose<BaseResp>,
    x_groq: Loose<Groq>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    delta: Option<Delta>,
    message: Option<Delta>,
    /// The old completions API.
    text: Filled,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
    usage: Loose<ChatUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Filled,
    refusal: Filled,
    tool_calls: Filled,
    function_call: Filled,
    reasoning_content: Filled,
    reasoning: Filled,
    reasoning_details: Filled,
    audio: Filled,
    images: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BaseResp {
    status_code: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Groq {
    usage: Loose<ChatUsage>,
}

/// What every chunk has, and an error that is the whole event has not.
static CHOICES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"choices\""));

static MORE_THAN_CONTENT: LazyLock<Members<4>> =
    LazyLock::new(|| Members::new(["\"usage\"", "\"error\"", "\"finish_reason\"", "\"base_resp\""]));

/// One event's data.
pub(crate) fn event(seen: &mut Seen, data: &[u8]) -> Observed {
    if data.starts_with(b"[DONE]") {
        return Observed::End;
    }
    if seen.content && !MORE_THAN_CONTENT.any_in(data) {
        let whole = || in_band_of(data).map(Observed::Failure);
        let erred = if CHOICES.find(data).is_some() { None } else { whole() };
        return erred.unwrap_or(Observed::Content);
    }
    document(seen, data)
}

/// A chunk or a whole document.
pub(crate) fn document(seen: &mut Seen, data: &[u8]) -> Observed {
    let chunk: Chunk<'_> = match read(seen, data) {
        Ok(chunk) => chunk,
        Err(observed) => return observed,
    };
    let based = || chunk.base_resp.0.as_ref().is_some_and(|b| b.status_code != 0);
    let erred = chunk.error.0 || chunk.choices.0.is_empty() || based();
    if erred && let Some(failure) = in_band_of(data) {
        return Observed::Failure(failure);
    }
    let reported = chunk.usage.0.or(chunk.x_groq.0.and_then(|x| x.usage.0));
    let inside = chunk.choices.0.iter().rev().find_map(|choice| choice.usage.0);
    if let Some(usage) = reported.or(inside) {
        seen.usage.merge(usage.canonical());
    }
    let bare = chunk.choices.0.is_empty();
    let content = chunk.choices.0.iter().any(Choice::has_content);
    for choice in chunk.choices.0 {
        keep(&mut seen.stop_reason, choice.finish_reason);
    }
    match (content, bare && reported.is_some()) {
        (true, _) => Observed::Content,
        (false, true) => Observed::UsageOnly,
        (false, false) => Observed::Prelude,
    }
}

impl Choice<'_> {
    fn has_content(&self) -> bool {
        let of = |delta: &Option<Delta>| delta.as_ref().is_some_and(Delta::has_content);
        self.text.0 || of(&self.delta) || of(&self.message)
    }
}

impl Delta {
    fn has_content(&self) -> bool {
        let text = self.content.0 || self.refusal.0 || self.audio.0 || self.images.0;
        let tools = self.tool_calls.0 || self.function_call.0;
        text || tools || self.reasoning_content.0 || self.reasoning.0 || self.reasoning_details.0
    }
}
