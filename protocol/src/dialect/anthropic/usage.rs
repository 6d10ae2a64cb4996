//! The `usage` object of Anthropic's API.

use crate::dialect::lenient::{Count, Loose};
use crate::dialect::openai_chat::usage::put;
use crate::model::Usage;
use serde::Deserialize;
use serde_json::{Value, json};

/// `input_tokens` excludes both cache parts, `output_tokens` includes thinking.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MessagesUsage {
    input_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    output_tokens: Count,
    output_tokens_details: Loose<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
    reasoning_tokens: Count,
}

impl MessagesUsage {
    pub(crate) fn canonical(self) -> Usage {
        let details = self.output_tokens_details.0.unwrap_or_default();
        Usage {
            input_fresh: self.input_tokens.0,
            cache_read: self.cache_read_input_tokens.0,
            cache_write: self.cache_creation_input_tokens.0,
            output: self.output_tokens.0,
            reasoning: details.thinking_tokens.0.or(details.reasoning_tokens.0),
        }
    }
}

/// The object as the API spells it. The SDKs need `input_tokens` and `output_tokens`, so an unknown one is 0 here.
pub(crate) fn encode(usage: &Usage) -> Value {
    let output = usage.output.unwrap_or(0);
    let mut out = json!({
        "input_tokens": usage.input_fresh.unwrap_or(0),
        "cache_creation_input_tokens": usage.cache_write.unwrap_or(0),
        "cache_read_input_tokens": usage.cache_read.unwrap_or(0),
        "output_tokens": output,
    });
    // Never more than the whole, as the API promises.
    let thinking = usage.reasoning.map(|tokens| tokens.min(output));
    put(&mut out, "output_tokens_details", &[("thinking_tokens", thinking)]);
    out
}
