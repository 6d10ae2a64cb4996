//! Fields that the model does not know and two dialects have in common all the same: carried as they are, where they
//! mean the same on both sides.
//!
//! Owns: which fields, and between which dialects. Never: changes a value.

use super::Dialect;
use crate::model::{ChatRequest, Extras, LossReason, Losses, RawJson, join};
use std::fmt::Display;

/// OpenAI's two APIs share a maker: what one calls so the other calls so too. Servers that copy the chat API refuse
/// what they do not know, so only what a client must have meant is said to them.
const TO_RESPONSES: [&str; 5] =
    ["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier"];
const TO_CHAT: [&str; 2] = ["metadata", "service_tier"];

/// Where a prompt may be cached up to: Anthropic's word, which vendors and clients of OpenAI's chat API took over.
pub(crate) const MARKER: &str = "cache_control";

/// The top-level fields of a request that its target shares with its origin.
pub(crate) fn fields(request: &ChatRequest, target: Dialect) -> impl Iterator<Item = (&str, &RawJson)> {
    let origin = request.origin.filter(|origin| *origin != target);
    let said = origin.into_iter().flat_map(|origin| request.extras.for_dialect(origin));
    said.filter(move |(key, value)| value.as_str() != "{}" && names(request, target).contains(key))
}

fn names(request: &ChatRequest, target: Dialect) -> &'static [&'static str] {
    match (request.origin, target) {
        (Some(Dialect::OpenAiChat), Dialect::OpenAiResponses) => &TO_RESPONSES,
        (Some(Dialect::OpenAiResponses), Dialect::OpenAiChat) => &TO_CHAT,
        _ => &[],
    }
}

/// Reports the top-level fields of a request that its target does not see.
pub(crate) fn lose(request: &ChatRequest, target: Dialect, also: &[&str], losses: &mut Losses) {
    let mut all = Losses::default();
    request.extras.lose_fields(target, &mut all);
    let shared = |field: &str| names(request, target).contains(&field) || also.contains(&field);
    for loss in all.into_vec() {
        if !shared(&loss.field) {
            losses.add(loss.field, loss.reason);
        }
    }
}

/// The cache marker of an object, if Anthropic's API can be told it.
pub(crate) fn marker(extras: &Extras) -> Option<&RawJson> {
    extras.get(Dialect::OpenAiChat, MARKER)
}

/// Reports the members of an object that Anthropic's API does not see.
pub(crate) fn lose_but_marker(extras: &Extras, path: impl Display, losses: &mut Losses) {
    let Some(origin) = extras.origin().filter(|origin| *origin != Dialect::Anthropic) else { return };
    if marker(extras).is_none() {
        return extras.lose(Dialect::Anthropic, path, losses);
    }
    let path = path.to_string();
    for (key, _) in extras.for_dialect(origin).filter(|(key, _)| *key != MARKER) {
        losses.add(join(&path, key), LossReason::Unsupported);
    }
}

/// Writes the cache marker, if there is one to write.
pub(crate) fn put_marker(extras: &Extras, o: &mut super::write::Object<'_>) {
    if let Some(found) = marker(extras) {
        o.raw(MARKER, found.as_str());
    }
}
