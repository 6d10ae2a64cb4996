//! The shape of a chat completions answer, whole or in chunks, read without trust in types that vendors vary.

use super::decode_events::carried_failure;
use super::think::Piece;
use super::usage::ChatUsage;
use crate::dialect::codec::bad_answer;
use crate::dialect::lenient::{Count, Filled, List, Loose, Text};
use crate::model::{Citation, Failure, Media, MediaKind, MediaSource, Token};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    pub(super) id: Text,
    pub(super) model: Text,
    pub(super) created: Count,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    pub(super) usage: Loose<ChatUsage>,
    pub(super) x_groq: Loose<Groq>,
    /// Addresses of sources beside the choices.
    pub(super) citations: List<String>,
    error: Filled,
    base_resp: Loose<BaseResp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Loose<ChatUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BaseResp {
    status_code: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) delta: Loose<Delta<'a>>,
    #[serde(borrow)]
    pub(super) message: Loose<Delta<'a>>,
    /// The old completions API.
    pub(super) text: Text,
    pub(super) finish_reason: Text,
    pub(super) usage: Loose<ChatUsage>,
    pub(super) logprobs: Loose<Logprobs>,
}

/// The old completions API spells them otherwise: what is no such list is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Logprobs {
    pub(super) content: List<Token>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    pub(super) refusal: Text,
    reasoning_content: Text,
    reasoning: Text,
    reasoning_text: Text,
    reasoning_details: List<ReasoningDetail>,
    pub(super) annotations: List<Annotation>,
    pub(super) images: List<Image>,
    pub(super) audio: Loose<Audio>,
    #[serde(borrow)]
    pub(super) tool_calls: List<ToolDelta<'a>>,
    #[serde(borrow)]
    pub(super) function_call: Loose<FunctionDelta<'a>>,
}

/// Only `url_citation` is known elsewhere.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotation {
    url_citation: Loose<UrlCitation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UrlCitation {
    url: Text,
    title: Text,
    content: Text,
    start_index: Count,
    end_index: Count,
}

/// As routers of other APIs write what a model drew.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Image {
    image_url: Loose<ImageUrl>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ImageUrl {
    url: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Audio {
    data: Text,
    pub(super) transcript: Text,
}

impl Annotation {
    pub(super) fn citation(self) -> Option<Citation> {
        let found = self.url_citation.0?;
        let citation = Citation::new(found.url.0, found.title.0)?;
        let quote = found.content.0.filter(|text| !text.is_empty());
        Some(Citation { quote, ..citation.at(found.start_index.0, found.end_index.0) })
    }
}

impl Image {
    pub(super) fn media(self) -> Option<Media> {
        let url = self.image_url.0?.url.0.filter(|url| !url.is_empty())?;
        Some(Media::made(MediaKind::Image, MediaSource::from_url(&url)))
    }
}

impl Audio {
    /// The API does not say what form it is in: its first bytes do, and streams hold bare samples.
    pub(super) fn media(self) -> Option<Media> {
        const FORMS: [(&str, &str); 5] = [
            ("UklGR", "audio/wav"),
            ("SUQz", "audio/mpeg"),
            ("//", "audio/mpeg"),
            ("T2dnUw", "audio/ogg"),
            ("ZkxhQ", "audio/flac"),
        ];
        let base64 = self.data.0.filter(|data| !data.is_empty())?;
        let form = FORMS.iter().find(|(start, _)| base64.starts_with(start));
        let mime = form.map_or("audio/L16;rate=24000", |(_, mime)| mime).to_owned();
        Some(Media::made(MediaKind::Audio, MediaSource::Inline { mime, base64 }))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReasoningDetail {
    text: Text,
    summary: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolDelta<'a> {
    pub(super) index: Count,
    pub(super) id: Text,
    #[serde(borrow)]
    pub(super) function: Loose<FunctionDelta<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionDelta<'a> {
    pub(super) name: Text,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
}

/// A content list's element.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(rename = "type")]
    kind: Text,
    text: Text,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

/// Reads an answer or says what it carries instead.
pub(super) fn read(body: &[u8]) -> Result<Answer<'_>, Failure> {
    match serde_json::from_slice::<Answer<'_>>(body) {
        Ok(answer) => {
            let based = || answer.base_resp.0.as_ref().is_some_and(|base| base.status_code != 0);
            // Servers exist whose error is the whole event: `{"object":"error","message":...}`.
            let erred = answer.error.0 || answer.choices.is_none() || based();
            match erred.then(|| carried_failure(body)).flatten() {
                Some(failure) => Err(failure),
                None => Ok(answer),
            }
        }
        Err(error) => Err(carried_failure(body).unwrap_or_else(|| bad_answer(error))),
    }
}

impl Delta<'_> {
    /// The first place that carries reasoning; vendors repeat it in several.
    pub(super) fn reasoning(&self) -> Option<String> {
        let filled = |text: &Text| text.0.clone().filter(|text| !text.is_empty());
        let plain = [&self.reasoning_content, &self.reasoning, &self.reasoning_text];
        plain.into_iter().find_map(filled).or_else(|| {
            let details = self.reasoning_details.0.iter();
            let text: String =
                details.filter_map(|d| filled(&d.text).or_else(|| filled(&d.summary))).collect();
            (!text.is_empty()).then_some(text)
        })
    }

    /// The content: a text, or a list of texts and thoughts.
    pub(super) fn content_pieces(&self) -> Vec<Piece> {
        let Some(raw) = self.content else { return Vec::new() };
        if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
            return vec![Piece::Text(text)];
        }
        let parts: Vec<ContentPart<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
        parts.into_iter().filter_map(ContentPart::piece).collect()
    }
}

impl ContentPart<'_> {
    fn piece(self) -> Option<Piece> {
        if self.kind.0.as_deref() != Some("thinking") {
            return self.text.0.map(Piece::Text);
        }
        let raw = self.thinking?.get();
        let text = serde_json::from_str::<String>(raw).ok().or_else(|| {
            let inner: Vec<ContentPart<'_>> = serde_json::from_str(raw).ok()?;
            Some(inner.into_iter().filter_map(|part| part.text.0).collect())
        });
        text.map(Piece::Reasoning)
    }
}
