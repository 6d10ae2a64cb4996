//! Joins what one dialect says in several items and the others say in one turn.

use super::Dialect;
use crate::model::{ChatRequest, Message, Role, Shape};

/// The request with consecutive assistant messages made one, if it came from a dialect that takes them apart and
/// goes to one that does not.
pub(crate) fn joined(request: &ChatRequest, target: Dialect) -> Option<ChatRequest> {
    let apart = request.origin == Some(Dialect::OpenAiResponses) && target != Dialect::OpenAiResponses;
    apart.then(|| {
        let mut joined: Vec<Message> = Vec::with_capacity(request.messages.len());
        for message in &request.messages {
            match joined.last_mut() {
                Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                    last.parts.extend(message.parts.iter().cloned());
                    last.shape = Shape::List;
                }
                _ => joined.push(message.clone()),
            }
        }
        with_messages(request, joined)
    })
}

/// The request with other messages; its own, which may be megabytes, are not copied for it.
fn with_messages(request: &ChatRequest, messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        messages,
        origin: request.origin,
        model: request.model.clone(),
        tools: request.tools.clone(),
        tool_choice: request.tool_choice.clone(),
        parallel_tools: request.parallel_tools,
        output_limit: request.output_limit,
        sampling: request.sampling.clone(),
        reasoning: request.reasoning.clone(),
        format: request.format.clone(),
        likelihood: request.likelihood,
        choices: request.choices,
        stream: request.stream,
        user: request.user.clone(),
        renamed: request.renamed.clone(),
        extras: request.extras.clone(),
    }
}
