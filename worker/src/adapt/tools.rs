//! The list of tools: each name once, and each a name that the upstream takes.

use super::Profile;
use protocol::dialect::Dialect;
use protocol::dialect::codec::safe_id;
use protocol::model::{ChatRequest, LossReason, Losses, Part, Tool, ToolChoice};
use std::collections::HashSet;

/// Of tools with the same name the first stays: most APIs refuse the whole request for a second one.
pub(super) fn pass(request: &mut ChatRequest, profile: &Profile<'_>, losses: &mut Losses) {
    let mut seen: HashSet<String> = HashSet::new();
    let before = request.tools.len();
    request.tools.retain(|tool| tool.as_function().is_none_or(|function| seen.insert(function.name.clone())));
    if request.tools.len() < before {
        losses.add("tools", LossReason::Adjusted);
    }
    if profile.target != Dialect::Ollama {
        names(request);
    }
}

/// Most APIs want 64 letters, digits, `_` and `-`; some clients build longer names. The answer turns them back, so
/// nothing is lost.
fn names(request: &mut ChatRequest) {
    let mut renamed: Vec<(String, String)> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut fit = |name: &mut String| {
        let short = safe_id(name);
        if name.is_empty() || short == *name {
            return;
        }
        let short = short.into_owned();
        let own = std::mem::replace(name, short.clone());
        if known.insert(short.clone()) {
            renamed.push((short, own));
        }
    };
    for tool in &mut request.tools {
        if let Tool::Function(function) = tool {
            fit(&mut function.name);
        }
    }
    if let Some(ToolChoice::Named(name)) = &mut request.tool_choice {
        fit(name);
    }
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::ToolCall(call) => fit(&mut call.name),
            Part::ToolResult(result) => result.name.iter_mut().for_each(&mut fit),
            Part::Text(_) | Part::Media(_) | Part::Reasoning(_) | Part::Refusal(_) | Part::Opaque(_) => {}
        }
    }
    request.renamed = renamed;
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost, plain};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_of_a_name_stays() {
        let tool = |name: &str, about: &str| json!({"type": "function", "function": {"name": name, "description": about}});
        let mut request =
            chat(&json!({"messages": [], "tools": [tool("a", "1"), tool("b", "2"), tool("a", "3")]}));
        let mut losses = Losses::default();
        pass(&mut request, &plain(Dialect::OpenAiChat), &mut losses);
        let kept: Vec<_> =
            request.tools.iter().filter_map(|tool| tool.as_function()?.description.clone()).collect();
        assert_eq!(
            (kept, lost(losses)),
            (vec!["1".to_owned(), "2".to_owned()], vec!["tools:Adjusted".to_owned()])
        );
    }

    #[test]
    fn a_name_that_is_too_long_is_turned_into_one_that_fits() {
        let long = "mcp__a.server__".to_owned() + &"x".repeat(80);
        let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
        let body = json!({"tools": [tool(&long), tool("plain")],
            "tool_choice": {"type": "function", "function": {"name": long}},
            "messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": long, "arguments": "{}"}}]}]});
        let mut request = chat(&body);
        let mut losses = Losses::default();
        pass(&mut request, &plain(Dialect::Anthropic), &mut losses);
        let [(short, own)] = request.renamed.as_slice() else { panic!("{:?}", request.renamed) };
        assert!(short.len() <= 64 && own == &long, "{short}");
        let names: Vec<_> = request.tools.iter().filter_map(|tool| Some(&tool.as_function()?.name)).collect();
        assert_eq!(names, [short, "plain"]);
        assert_eq!(request.tool_choice, Some(ToolChoice::Named(short.clone())));
        assert_eq!(request.messages[0].parts[0].as_call().map(|call| &call.name), Some(short));
        assert_eq!(lost(losses), Vec::<String>::new());
        let mut same = chat(&body);
        pass(&mut same, &plain(Dialect::Ollama), &mut Losses::default());
        assert_eq!(same.renamed, []);
    }
}
