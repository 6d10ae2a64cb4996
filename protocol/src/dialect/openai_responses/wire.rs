//! The shape of Responses answers, whole or as events.

use super::usage::ResponsesUsage;
use crate::dialect::lenient::{Count, Filled, List, Loose, Text};
use crate::model::{Citation, Media, MediaKind, MediaSource, Token};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) output_index: Count,
    pub(super) content_index: Count,
    pub(super) delta: Text,
    pub(super) arguments: Text,
    pub(super) logprobs: List<Token>,
    pub(super) annotation: Loose<Annotation>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response: Loose<Body<'a>>,
    pub(super) error: Filled,
}

/// The response object.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    pub(super) id: Text,
    pub(super) model: Text,
    pub(super) created_at: Count,
    pub(super) status: Text,
    #[serde(borrow)]
    pub(super) output: Option<Vec<&'a RawValue>>,
    pub(super) usage: Loose<ResponsesUsage>,
    pub(super) error: Filled,
    pub(super) incomplete_details: Loose<Incomplete>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Incomplete {
    pub(super) reason: Text,
}

/// An output item.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputItem {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) content: List<Piece>,
    pub(super) summary: List<Piece>,
    pub(super) encrypted_content: Text,
    pub(super) id: Text,
    pub(super) call_id: Text,
    pub(super) name: Text,
    pub(super) arguments: Text,
    /// What an image tool drew, and in which form.
    result: Text,
    output_format: Text,
}

impl OutputItem {
    pub(super) fn image(&mut self) -> Option<Media> {
        let base64 = self.result.0.take().filter(|data| !data.is_empty())?;
        let mime = format!("image/{}", self.output_format.0.as_deref().unwrap_or("png"));
        Some(Media::made(MediaKind::Image, MediaSource::Inline { mime, base64 }))
    }
}

/// Only `url_citation` is known elsewhere.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotation {
    url: Text,
    title: Text,
    start_index: Count,
    end_index: Count,
}

impl Annotation {
    pub(super) fn citation(self) -> Option<Citation> {
        let citation = Citation::new(self.url.0, self.title.0)?;
        Some(citation.at(self.start_index.0, self.end_index.0))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece {
    pub(super) annotations: List<Annotation>,
    #[serde(rename = "type")]
    pub(super) kind: Text,
    pub(super) text: Text,
    pub(super) refusal: Text,
    pub(super) logprobs: List<Token>,
}
