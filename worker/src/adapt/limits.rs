//! The most tokens to write: what the model can at most, and a word for those who must have one.

use super::Profile;
use protocol::dialect::Dialect;
use protocol::model::{ChatRequest, LimitWord, LossReason, Losses, OutputLimit};

/// Lowers a limit to what the model can, and invents one where the API insists and the model's own is known.
pub(super) fn pass(request: &mut ChatRequest, profile: &Profile<'_>, losses: &mut Losses) {
    let Some(most) = profile.facts.max_output else { return };
    match &mut request.output_limit {
        Some(limit) if limit.tokens > most => {
            limit.tokens = most;
            losses.add(word(limit.word), LossReason::Adjusted);
        }
        Some(_) => {}
        None if profile.target == Dialect::Anthropic => {
            request.output_limit = Some(OutputLimit { tokens: most, word: LimitWord::MaxTokens });
            losses.add(word(LimitWord::MaxTokens), LossReason::Invented);
        }
        None => {}
    }
}

fn word(word: LimitWord) -> &'static str {
    match word {
        LimitWord::MaxTokens => "max_tokens",
        LimitWord::MaxCompletionTokens => "max_completion_tokens",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost, plain};
    use super::*;
    use protocol::ipc::configure::ModelFacts;
    use serde_json::json;

    #[test]
    fn the_models_limit_is_the_limit() {
        let facts = ModelFacts { max_output: Some(4096), ..ModelFacts::default() };
        let limited = |said: serde_json::Value, target| {
            let mut request = chat(&said);
            let mut losses = Losses::default();
            pass(&mut request, &Profile { facts: &facts, ..plain(target) }, &mut losses);
            (request.output_limit.map(|limit| limit.tokens), lost(losses))
        };
        let too_many = json!({"messages": [], "max_completion_tokens": 100_000});
        let adjusted = vec!["max_completion_tokens:Adjusted".to_owned()];
        assert_eq!(limited(too_many, Dialect::Gemini), (Some(4096), adjusted));
        assert_eq!(limited(json!({"messages": [], "max_tokens": 7}), Dialect::Anthropic), (Some(7), vec![]));
        let invented = vec!["max_tokens:Invented".to_owned()];
        assert_eq!(limited(json!({"messages": []}), Dialect::Anthropic), (Some(4096), invented));
        assert_eq!(limited(json!({"messages": []}), Dialect::Ollama), (None, vec![]));
    }
}
