//! The `usage` object of the Responses API.

use crate::dialect::lenient::{Count, Loose};
use crate::dialect::openai_chat::usage::{put, with_cached};
use crate::model::Usage;
use serde::Deserialize;
use serde_json::{Value, json};

/// `input_tokens` includes cached tokens, `output_tokens` includes reasoning.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponsesUsage {
    input_tokens: Count,
    output_tokens: Count,
    input_tokens_details: Loose<InputDetails>,
    output_tokens_details: Loose<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
}

impl ResponsesUsage {
    pub(crate) fn canonical(self) -> Usage {
        let input = self.input_tokens_details.0.unwrap_or_default();
        Usage {
            output: self.output_tokens.0,
            reasoning: self.output_tokens_details.0.unwrap_or_default().reasoning_tokens.0,
            ..with_cached(self.input_tokens.0, input.cached_tokens.0, input.cache_write_tokens.0)
        }
    }
}

/// The object as the API spells it: both details are required there.
pub(crate) fn encode(usage: &Usage) -> Option<Value> {
    if usage.is_empty() {
        return None;
    }
    let (input, output) = (usage.input_total().unwrap_or(0), usage.output.unwrap_or(0));
    let mut out =
        json!({"input_tokens": input, "output_tokens": output, "total_tokens": input.saturating_add(output)});
    let cached = [("cached_tokens", usage.cache_read.or(Some(0))), ("cache_write_tokens", usage.cache_write)];
    put(&mut out, "input_tokens_details", &cached);
    put(&mut out, "output_tokens_details", &[("reasoning_tokens", usage.reasoning.or(Some(0)))]);
    Some(out)
}
