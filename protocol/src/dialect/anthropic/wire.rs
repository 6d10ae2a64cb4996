//! The shape of Messages answers, whole or as events.

use super::usage::MessagesUsage;
use crate::dialect::lenient::{Count, Loose, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) message: Loose<Message<'a>>,
    #[serde(borrow)]
    pub(super) content_block: Loose<Block<'a>>,
    pub(super) delta: Loose<Delta>,
    pub(super) usage: Loose<MessagesUsage>,
}

/// A whole answer, or the one in `message_start`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    pub(super) id: Text,
    pub(super) model: Text,
    #[serde(borrow)]
    pub(super) content: Option<Vec<&'a RawValue>>,
    pub(super) stop_reason: Text,
    pub(super) stop_sequence: Text,
    pub(super) usage: Loose<MessagesUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) text: Text,
    pub(super) thinking: Text,
    pub(super) signature: Text,
    pub(super) data: Text,
    pub(super) id: Text,
    pub(super) name: Text,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) text: Text,
    pub(super) partial_json: Text,
    pub(super) thinking: Text,
    pub(super) signature: Text,
    pub(super) stop_reason: Text,
    pub(super) stop_sequence: Text,
}
