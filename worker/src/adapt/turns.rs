//! Calls of tools and their results: every dialect but Ollama's refuses one without the other.

use protocol::model::{
    ChatRequest, Extras, LossReason, Losses, Message, Part, Role, Shape, ToolResult, joined_text,
};
use std::collections::HashSet;

/// What is said in the place of a result that never came (an agent was interrupted).
const NO_RESULT: &str = "(no result)";

/// A result without its call becomes the user's text; a call without a result gets one. Neither happens at the
/// end of the conversation, where a call may still be open.
pub(super) fn pass(request: &mut ChatRequest, losses: &mut Losses) {
    orphans(request, losses);
    unanswered(request, losses);
}

fn orphans(request: &mut ChatRequest, losses: &mut Losses) {
    let mut asked: HashSet<&str> = HashSet::new();
    let mut orphaned: Vec<(usize, usize)> = Vec::new();
    for (i, message) in request.messages.iter().enumerate() {
        for (j, part) in message.parts.iter().enumerate() {
            match part {
                Part::ToolCall(call) => drop(asked.insert(&call.id)),
                Part::ToolResult(result) if !asked.contains(result.call_id.as_str()) => orphaned.push((i, j)),
                Part::Text(_)
                | Part::Media(_)
                | Part::Reasoning(_)
                | Part::ToolResult(_)
                | Part::Refusal(_)
                | Part::Opaque(_) => {}
            }
        }
    }
    for (i, j) in orphaned {
        let message = &mut request.messages[i];
        if let Part::ToolResult(result) = &message.parts[j] {
            message.parts[j] = Part::text(joined_text(&result.parts));
        }
        losses.add(format!("messages[{i}]"), LossReason::Adjusted);
        if message.role == Role::Tool {
            message.role = Role::User;
        }
    }
}

fn unanswered(request: &mut ChatRequest, losses: &mut Losses) {
    let results = request.messages.iter().flat_map(|message| &message.parts);
    let answered: HashSet<&str> = results
        .filter_map(|part| match part {
            Part::ToolResult(result) => Some(result.call_id.as_str()),
            _ => None,
        })
        .collect();
    // Further items of the same answer may stand between a call and its result.
    let ends = |pair: &&[Message]| pair[1].role != Role::Assistant;
    let mut missing: Vec<(usize, Vec<Part>)> = Vec::new();
    for (at, pair) in request.messages.windows(2).enumerate().filter(|(_, pair)| ends(pair)) {
        let calls = pair[0].parts.iter().filter_map(Part::as_call);
        let open = calls.filter(|call| !answered.contains(call.id.as_str()));
        let open: Vec<Part> = open.map(|call| no_result(&call.id, &call.name)).collect();
        if !open.is_empty() {
            missing.push((at, open));
        }
    }
    if missing.is_empty() {
        return;
    }
    let mut missing = missing.into_iter().peekable();
    let mut whole = Vec::with_capacity(request.messages.len() + missing.len());
    for (at, message) in std::mem::take(&mut request.messages).into_iter().enumerate() {
        whole.push(message);
        if let Some((_, open)) = missing.next_if(|(place, _)| *place == at) {
            losses.add(format!("messages[{at}].tool_calls"), LossReason::Invented);
            whole.push(Message::new(Role::Tool, open));
        }
    }
    request.messages = whole;
}

fn no_result(call_id: &str, name: &str) -> Part {
    Part::ToolResult(ToolResult {
        call_id: call_id.to_owned(),
        name: Some(name.to_owned()),
        parts: vec![Part::text(NO_RESULT)],
        shape: Shape::Text,
        is_error: None,
        extras: Extras::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost};
    use super::*;
    use serde_json::json;

    fn passed(messages: serde_json::Value) -> (Vec<(Role, Vec<Part>)>, Vec<String>) {
        let mut request = chat(&json!({ "messages": messages }));
        let mut losses = Losses::default();
        pass(&mut request, &mut losses);
        (request.messages.into_iter().map(|m| (m.role, m.parts)).collect(), lost(losses))
    }

    fn call(id: &str) -> serde_json::Value {
        json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
    }

    #[test]
    fn a_pair_stays_as_it_is() {
        let (messages, losses) = passed(json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "assistant", "tool_calls": [call("open")]},
        ]));
        assert_eq!((messages.len(), losses), (5, vec![]));
    }

    #[test]
    fn a_call_that_was_never_answered_gets_a_result() {
        let (messages, losses) = passed(json!([
            {"role": "assistant", "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "user", "content": "never mind"},
        ]));
        assert_eq!(losses, ["messages[0].tool_calls:Invented"]);
        assert_eq!(messages[1], (Role::Tool, vec![no_result("b", "f")]));
        assert_eq!(messages.len(), 4);
    }

    #[test]
    fn a_result_of_nothing_is_the_users_text() {
        let (messages, losses) = passed(json!([{"role": "tool", "tool_call_id": "x", "content": "1"}]));
        assert_eq!(losses, ["messages[0]:Adjusted"]);
        assert_eq!(messages, [(Role::User, vec![Part::text("1")])]);
    }
}
