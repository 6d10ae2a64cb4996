//! The list of tools: each name once.

use protocol::model::{ChatRequest, LossReason, Losses};
use std::collections::HashSet;

/// Of tools with the same name the first stays: most APIs refuse the whole request for a second one.
pub(super) fn pass(request: &mut ChatRequest, losses: &mut Losses) {
    let mut seen: HashSet<String> = HashSet::new();
    let before = request.tools.len();
    request.tools.retain(|tool| tool.as_function().is_none_or(|function| seen.insert(function.name.clone())));
    if request.tools.len() < before {
        losses.add("tools", LossReason::Adjusted);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chat, lost};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_of_a_name_stays() {
        let tool = |name: &str, about: &str| json!({"type": "function", "function": {"name": name, "description": about}});
        let mut request =
            chat(&json!({"messages": [], "tools": [tool("a", "1"), tool("b", "2"), tool("a", "3")]}));
        let mut losses = Losses::default();
        pass(&mut request, &mut losses);
        let kept: Vec<_> =
            request.tools.iter().filter_map(|tool| tool.as_function()?.description.clone()).collect();
        assert_eq!(
            (kept, lost(losses)),
            (vec!["1".to_owned(), "2".to_owned()], vec!["tools:Adjusted".to_owned()])
        );
    }
}
