//! Where the system speaks: some dialects know it only before the conversation.

use super::Profile;
use protocol::dialect::Dialect;
use protocol::model::{ChatRequest, LossReason, Losses, Message, Role};

/// A system message in the middle of the conversation becomes the user's where the dialect has no place for it;
/// at the end it would else be answered to nobody. The developer's word is the system's outside of OpenAI.
pub(super) fn pass(request: &mut ChatRequest, profile: &Profile<'_>, losses: &mut Losses) {
    let only_leading = match profile.target {
        Dialect::Anthropic | Dialect::Gemini => true,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Ollama => false,
    };
    let is_system = |message: &Message| matches!(message.role, Role::System | Role::Developer);
    let leading = request.messages.iter().take_while(|message| is_system(message)).count();
    let later = request.messages.iter_mut().enumerate().skip(leading);
    for (i, message) in later.filter(|(_, message)| only_leading && is_system(message)) {
        message.role = Role::User;
        losses.add(format!("messages[{i}].role"), LossReason::Adjusted);
    }
    let openai = matches!(profile.target, Dialect::OpenAiChat | Dialect::OpenAiResponses);
    let developers = request.messages.iter_mut().filter(|message| message.role == Role::Developer);
    for message in developers.filter(|_| !openai) {
        message.role = Role::System;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost, plain};
    use super::*;
    use serde_json::json;

    #[test]
    fn later_system_messages_find_a_place() {
        let conversation = json!({"messages": [
            {"role": "developer", "content": "a"}, {"role": "system", "content": "b"},
            {"role": "user", "content": "c"}, {"role": "system", "content": "d"}]});
        let roles = |target| {
            let mut request = chat(&conversation);
            let mut losses = Losses::default();
            pass(&mut request, &plain(target), &mut losses);
            (request.messages.iter().map(|m| m.role).collect::<Vec<_>>(), lost(losses))
        };
        let moved = vec!["messages[3].role:Adjusted".to_owned()];
        assert_eq!(
            roles(Dialect::Anthropic),
            (vec![Role::System, Role::System, Role::User, Role::User], moved)
        );
        let kept = vec![Role::System, Role::System, Role::User, Role::System];
        assert_eq!(roles(Dialect::Ollama), (kept, vec![]));
        let own = vec![Role::Developer, Role::System, Role::User, Role::System];
        assert_eq!(roles(Dialect::OpenAiResponses), (own, vec![]));
    }
}
