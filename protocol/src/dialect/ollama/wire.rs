//! The shape of answers of `/api/chat` and `/api/generate`, whole or line by line.

use crate::dialect::lenient::{Count, Filled, List, Loose, Text};
use crate::model::Token;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'a> {
    pub(super) model: Text,
    #[serde(borrow)]
    pub(super) message: Loose<Message<'a>>,
    /// `/api/generate`.
    pub(super) response: Text,
    pub(super) thinking: Text,
    pub(super) done: Loose<bool>,
    pub(super) done_reason: Text,
    pub(super) prompt_eval_count: Count,
    pub(super) eval_count: Count,
    pub(super) logprobs: List<Token>,
    pub(super) error: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    pub(super) content: Text,
    pub(super) thinking: Text,
    pub(super) images: List<String>,
    #[serde(borrow)]
    pub(super) tool_calls: List<Call<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    pub(super) id: Text,
    #[serde(borrow)]
    pub(super) function: Loose<Function<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    pub(super) name: Text,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
}
