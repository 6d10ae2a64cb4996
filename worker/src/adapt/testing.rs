//! Requests and profiles for the tests of the passes.

use super::Profile;
use protocol::dialect::{Dialect, Operation, Quirks, RequestHead};
use protocol::ipc::configure::ModelFacts;
use protocol::model::{ChatRequest, Losses};
use std::sync::LazyLock;

static PLAIN: LazyLock<Quirks> = LazyLock::new(Quirks::default);
static UNKNOWN: LazyLock<ModelFacts> = LazyLock::new(ModelFacts::default);

/// A vendor without quirks and a model of which nothing is known.
pub(super) fn plain(target: Dialect) -> Profile<'static> {
    Profile { target, quirks: &PLAIN, facts: &UNKNOWN }
}

/// A chat completions request with these members besides the model.
pub(super) fn chat(members: &serde_json::Value) -> ChatRequest {
    let head = RequestHead { operation: Operation::Chat, model: "m", stream: false };
    Dialect::OpenAiChat.decode_request(members.to_string().as_bytes(), &head).unwrap()
}

/// What was lost, as `field:Reason`.
pub(super) fn lost(losses: Losses) -> Vec<String> {
    losses.into_vec().into_iter().map(|loss| format!("{}:{:?}", loss.field, loss.reason)).collect()
}
