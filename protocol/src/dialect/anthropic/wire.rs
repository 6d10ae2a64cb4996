//! The shape of Messages answers, whole or as events.

use super::usage::MessagesUsage;
use crate::dialect::lenient::{Count, List, Loose, Text};
use crate::model::Citation;
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
    pub(super) citations: List<Cited>,
}

/// A source of a text. What points into documents of the request has no address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Cited {
    url: Text,
    source: Text,
    title: Text,
    cited_text: Text,
}

impl Cited {
    pub(super) fn citation(self) -> Option<Citation> {
        let source = self.source.0.filter(|source| source.starts_with("http"));
        let citation = Citation::new(self.url.0.or(source), self.title.0)?;
        Some(Citation { quote: self.cited_text.0.filter(|text| !text.is_empty()), ..citation })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) text: Text,
    pub(super) partial_json: Text,
    pub(super) citation: Loose<Cited>,
    pub(super) thinking: Text,
    pub(super) signature: Text,
    pub(super) stop_reason: Text,
    pub(super) stop_sequence: Text,
}
