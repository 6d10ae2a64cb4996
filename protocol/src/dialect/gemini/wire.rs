//! The shape of generateContent answers, whole or in chunks.

use super::grounding::Grounding;
use super::usage::UsageMetadata;
use crate::dialect::lenient::{Count, Filled, List, Loose, Text};
use crate::model::{Likely, Media, MediaKind, MediaSource, Token};
use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    pub(super) usage_metadata: Loose<UsageMetadata>,
    pub(super) prompt_feedback: Loose<Feedback>,
    pub(super) model_version: Text,
    pub(super) response_id: Text,
    pub(super) error: Filled,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) content: Loose<Content<'a>>,
    pub(super) finish_reason: Text,
    pub(super) logprobs_result: Loose<LogprobsResult>,
    pub(super) grounding_metadata: Loose<Grounding>,
}

/// The tokens of the text, and for each place those that were likely too.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct LogprobsResult {
    chosen_candidates: List<Chosen>,
    top_candidates: List<Top>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Top {
    candidates: List<Chosen>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chosen {
    token: Text,
    log_probability: Loose<Number>,
}

impl LogprobsResult {
    pub(super) fn tokens(self) -> Vec<Token> {
        let mut tops = self.top_candidates.0.into_iter();
        let token = |chosen: Chosen| Token {
            token: chosen.token.0.unwrap_or_default(),
            logprob: chosen.log_probability.0,
            bytes: None,
            top: tops
                .next()
                .map(|top| top.candidates.0.into_iter().map(likely).collect())
                .unwrap_or_default(),
        };
        self.chosen_candidates.0.into_iter().map(token).collect()
    }
}

fn likely(chosen: Chosen) -> Likely {
    Likely { token: chosen.token.0.unwrap_or_default(), logprob: chosen.log_probability.0, bytes: None }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Feedback {
    pub(super) block_reason: Text,
    pub(super) block_reason_message: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WirePart<'a> {
    pub(super) text: Text,
    pub(super) thought: Loose<bool>,
    pub(super) thought_signature: Text,
    pub(super) inline_data: Loose<Blob>,
    pub(super) file_data: Loose<Blob>,
    #[serde(borrow)]
    pub(super) function_call: Loose<FunctionCall<'a>>,
}

/// Bytes, or the address of some.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Blob {
    mime_type: Text,
    data: Text,
    file_uri: Text,
}

impl Blob {
    pub(super) fn media(self) -> Option<Media> {
        let mime = self.mime_type.0.unwrap_or_default();
        let kind = MediaKind::of_mime(&mime);
        let inline = self.data.0.filter(|data| !data.is_empty());
        let inline = inline.map(|base64| MediaSource::Inline { mime, base64 });
        let source =
            inline.or_else(|| self.file_uri.0.filter(|uri| !uri.is_empty()).map(MediaSource::Url))?;
        Some(Media::made(kind, source))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FunctionCall<'a> {
    pub(super) id: Text,
    pub(super) name: Text,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) partial_args: List<PartialArg<'a>>,
    pub(super) will_continue: Loose<bool>,
}

/// One piece of arguments that come in pieces: a path and a value for it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PartialArg<'a> {
    pub(super) json_path: Text,
    pub(super) string_value: Text,
    #[serde(borrow)]
    pub(super) number_value: Option<&'a RawValue>,
    pub(super) bool_value: Loose<bool>,
    pub(super) null_value: Option<&'a RawValue>,
}
