//! `usageMetadata` of Gemini's answers.

use crate::dialect::lenient::Count;
use crate::model::Usage;
use serde::Deserialize;
use serde_json::{Value, json};

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
        let cached = self.cached_content_token_count.0;
        let (said, thoughts) = (self.candidates_token_count.0, self.thoughts_token_count.0);
        let output = match (said, thoughts) {
            (None, None) => None,
            (said, thoughts) => Some(said.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
        };
        Usage {
            input_fresh: self.prompt_token_count.0.map(|all| all.saturating_sub(cached.unwrap_or(0))),
            cache_read: cached,
            cache_write: None,
            output,
            reasoning: thoughts,
        }
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

/// The object as the API spells it.
pub(crate) fn encode(usage: &Usage) -> Option<Value> {
    if usage.is_empty() {
        return None;
    }
    let (input, output) = (usage.input_total().unwrap_or(0), usage.output.unwrap_or(0));
    // Vendors exist whose reasoning is not inside their output count: the sum must stay what they said.
    let thoughts = usage.reasoning.map(|thoughts| thoughts.min(output));
    let said = output - thoughts.unwrap_or(0);
    let mut out = json!({"promptTokenCount": input, "candidatesTokenCount": said,
        "totalTokenCount": input.saturating_add(output)});
    let rest = [("cachedContentTokenCount", usage.cache_read), ("thoughtsTokenCount", thoughts)];
    for (name, count) in rest {
        if let (Some(count), Some(map)) = (count, out.as_object_mut()) {
            map.insert(name.to_owned(), Value::from(count));
        }
    }
    Some(out)
}
