//! Joins what one dialect says in several items and the others say in one turn.

use super::Dialect;
use crate::model::{ChatRequest, Role, Shape};

/// Makes consecutive assistant messages one, if the request came from a dialect that takes them apart and goes to one
/// that does not.
pub(crate) fn join(request: &mut ChatRequest, target: Dialect) {
    if request.origin != Some(Dialect::OpenAiResponses) || target == Dialect::OpenAiResponses {
        return;
    }
    request.messages.dedup_by(|next, last| {
        let same = last.role == Role::Assistant && next.role == Role::Assistant;
        if same {
            last.parts.append(&mut next.parts);
            last.shape = Shape::List;
        }
        same
    });
}
