//! The `usage` object of OpenAI's chat API and of the servers that copy it.

use crate::dialect::lenient::{Count, Loose};
use crate::model::Usage;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// `prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    /// The words of other APIs, at servers that speak several.
    input_tokens: Count,
    output_tokens: Count,
    prompt_tokens_details: Loose<PromptDetails>,
    completion_tokens_details: Loose<CompletionDetails>,
    /// Beside the counts at some vendors instead of in the details.
    cached_tokens: Count,
    prompt_cache_hit_tokens: Count,
    num_cached_tokens: Count,
    reasoning_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    /// The same at vendors with explicit caches.
    cache_creation_input_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Count,
}

impl ChatUsage {
    pub(crate) fn canonical(self) -> Usage {
        let prompt = self.prompt_tokens_details.0.unwrap_or_default();
        let beside = self.cached_tokens.0.or(self.prompt_cache_hit_tokens.0).or(self.num_cached_tokens.0);
        let cache_read = prompt.cached_tokens.0.or(beside);
        let cache_write = prompt.cache_write_tokens.0.or(prompt.cache_creation_input_tokens.0);
        let reasoning = self.completion_tokens_details.0.unwrap_or_default().reasoning_tokens.0;
        let output = self.completion_tokens.0.or(self.output_tokens.0);
        let reasoning = reasoning.or(self.reasoning_tokens.0);
        let input = self.prompt_tokens.0.or(self.input_tokens.0);
        Usage { output, reasoning, ..with_cached(input, cache_read, cache_write) }
    }
}

/// The parts of an input count that includes the cached tokens. What a vendor says was cached is never more than
/// its count of the whole: the whole stays what it said.
pub(crate) fn with_cached(all: Option<u64>, read: Option<u64>, write: Option<u64>) -> Usage {
    let Some(all) = all else { return Usage { cache_read: read, cache_write: write, ..Usage::default() } };
    let cache_read = read.map(|read| read.min(all));
    let left = all - cache_read.unwrap_or(0);
    let cache_write = write.map(|write| write.min(left));
    let input_fresh = Some(left - cache_write.unwrap_or(0));
    Usage { input_fresh, cache_read, cache_write, ..Usage::default() }
}

/// The object as the API spells it; `None` when nothing was reported.
pub(crate) fn encode(usage: &Usage) -> Option<Value> {
    if usage.is_empty() {
        return None;
    }
    let (input, output) = (usage.input_total().unwrap_or(0), usage.output.unwrap_or(0));
    let mut out = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output)});
    let details = [("cached_tokens", usage.cache_read), ("cache_write_tokens", usage.cache_write)];
    put(&mut out, "prompt_tokens_details", &details);
    put(&mut out, "completion_tokens_details", &[("reasoning_tokens", usage.reasoning)]);
    Some(out)
}

/// Adds an object of the counts that are known, if any is.
pub(crate) fn put(out: &mut Value, name: &str, counts: &[(&str, Option<u64>)]) {
    let known = counts.iter().filter_map(|(key, count)| count.map(|n| ((*key).to_owned(), Value::from(n))));
    let known: Map<String, Value> = known.collect();
    if let (Some(out), false) = (out.as_object_mut(), known.is_empty()) {
        out.insert(name.to_owned(), Value::Object(known));
    }
}
