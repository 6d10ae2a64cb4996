//! `usageMetadata` of Gemini's answers.

use crate::dialect::lenient::Count;
use crate::dialect::openai_chat::usage::with_cached;
use crate::model::Usage;
use serde::Deserialize;
use serde_json::Value;

/// The prompt includes cached tokens, the candidates exclude thoughts.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct UsageMetadata {
    prompt_token_count: Count,
    cached_content_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
}

impl UsageMetadata {
    pub(crate) fn canonical(self) -> Usage {
        let (said, thoughts) = (self.candidates_token_count.0, self.thoughts_token_count.0);
        let output = match (said, thoughts) {
            (None, None) => None,
            (said, thoughts) => Some(said.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
        };
        let counted = with_cached(self.prompt_token_count.0, self.cached_content_token_count.0, None);
        Usage { output, reasoning: thoughts, ..counted }
    }
}

/// Counts at the end of an answer that speaks of counts: this API writes no zeros.
pub(crate) fn complete(usage: Usage) -> Usage {
    let said = usage.input_total();
    Usage {
        input_fresh: usage.input_fresh.or(said.is_none().then_some(0)),
        output: usage.output.or(Some(0)),
        ..usage
    }
}

/// The object as the API spells it. No count is required here: what is unknown is left out.
pub(crate) fn encode(usage: &Usage) -> Option<Value> {
    if usage.is_empty() {
        return None;
    }
    // Vendors exist whose reasoning is not inside their output count: the sum must stay what they said.
    let thoughts = usage.reasoning.map(|thoughts| thoughts.min(usage.output.unwrap_or(thoughts)));
    let said = usage.output.map(|output| output - thoughts.unwrap_or(0));
    let (input, output) = (usage.input_total(), usage.output);
    let counts = [
        ("promptTokenCount", input),
        ("candidatesTokenCount", said),
        ("totalTokenCount", input.zip(output).map(|(input, output)| input.saturating_add(output))),
        ("cachedContentTokenCount", usage.cache_read),
        ("thoughtsTokenCount", thoughts),
    ];
    let known = counts.into_iter().filter_map(|(name, count)| Some((name.to_owned(), Value::from(count?))));
    Some(Value::Object(known.collect()))
}
