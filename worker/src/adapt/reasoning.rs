//! How much to think: not at all where the model cannot, and not where it would contradict a forced tool.

use super::Profile;
use protocol::dialect::Dialect;
use protocol::model::{ChatRequest, LossReason, Losses, ReasoningMode, ToolChoice};

/// A model that does not reason refuses the question; Anthropic's API refuses to think when a tool is forced.
pub(super) fn pass(request: &mut ChatRequest, profile: &Profile<'_>, losses: &mut Losses) {
    let Some(ask) = &request.reasoning else { return };
    let off = ask.mode == ReasoningMode::Off;
    if profile.facts.reasoning == Some(false) {
        if !off {
            losses.add("reasoning", LossReason::Incapable);
        }
        request.reasoning = None;
        return;
    }
    let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if profile.target == Dialect::Anthropic && forced && !off {
        losses.add("reasoning", LossReason::Adjusted);
        request.reasoning = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost, plain};
    use super::*;
    use protocol::ipc::configure::ModelFacts;
    use serde_json::json;

    fn asked(effort: &str, choice: &str, target: Dialect, reasons: Option<bool>) -> (bool, Vec<String>) {
        let facts = ModelFacts { reasoning: reasons, ..ModelFacts::default() };
        let mut request = chat(&json!({"messages": [], "reasoning_effort": effort, "tool_choice": choice}));
        let mut losses = Losses::default();
        pass(&mut request, &Profile { facts: &facts, ..plain(target) }, &mut losses);
        (request.reasoning.is_some(), lost(losses))
    }

    #[test]
    fn who_cannot_think_is_not_asked_to() {
        let lost = vec!["reasoning:Incapable".to_owned()];
        assert_eq!(asked("high", "auto", Dialect::OpenAiResponses, Some(false)), (false, lost));
        assert_eq!(asked("none", "auto", Dialect::OpenAiResponses, Some(false)), (false, vec![]));
        assert_eq!(asked("high", "auto", Dialect::OpenAiResponses, None), (true, vec![]));
    }

    #[test]
    fn a_forced_tool_is_not_thought_about() {
        let lost = vec!["reasoning:Adjusted".to_owned()];
        assert_eq!(asked("high", "required", Dialect::Anthropic, Some(true)), (false, lost));
        assert_eq!(asked("high", "required", Dialect::Gemini, Some(true)), (true, vec![]));
        assert_eq!(asked("high", "auto", Dialect::Anthropic, Some(true)), (true, vec![]));
    }
}
