//! The wire APIs and what a client can do through them. Dispatch over [`Dialect`] is an exhaustive
//! `match`; there is no provider trait, no async, no clock and no I/O in a codec.
//!
//! * Passing through: [`peek`] reads what routing needs and patches single values, [`Tap`] watches the answer.
//! * Translating: [`Dialect::decode_request`], [`Dialect::encode_request`] and back; [`stream`] puts framing, decoder,
//!   sequencer and encoder in order. What cannot be said comes back as losses.
//! * [`failure`]: errors, read from any upstream and written in the client's words.
//! * One folder a dialect. Fields that no codec models travel as extras and are said again only where they came from.

pub mod anthropic;
mod calls;
pub mod choices;
pub mod codec;
mod dispatch;
pub mod embed;
pub mod failure;
mod fields;
pub mod gemini;
mod hints;
mod lanes;
mod lenient;
pub mod ollama;
pub mod openai_chat;
pub mod openai_responses;
pub mod peek;
mod resume;
pub mod scan;
pub mod seam;
mod shared;
mod spelling;
pub mod stream;
pub mod tap;
mod text;
pub mod time;
pub mod tokens;
mod turns;
mod unsaid;
mod write;

pub use choices::ChoicesTranslation;
pub use codec::{DecodeError, Encoded, ReplyStyle, RequestHead, Stamp, UsageInStream};
pub use dispatch::{Quirks, QuirksError};
pub use failure::{ErrorAnswer, ErrorReply};
pub use resume::Resumed;
pub use stream::{EventReader, StreamTranslation};
pub use tap::{Observed, Tap};
pub use unsaid::Unsaid;

use serde::{Deserialize, Serialize};
use std::fmt;

/// A wire API.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    Anthropic,
    Ollama,
    Gemini,
}

impl Dialect {
    pub const ALL: [Dialect; 5] =
        [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Ollama, Dialect::Gemini];

    /// The word used in configuration files, headers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai-chat",
            Dialect::OpenAiResponses => "openai-responses",
            Dialect::Anthropic => "anthropic",
            Dialect::Ollama => "ollama",
            Dialect::Gemini => "gemini",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Dialect> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a call asks for, independent of the path that spelled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A conversation turn: chat completions, responses, messages, `/api/chat`, generateContent.
    Chat,
    /// The old completion shape: `/v1/completions`, `/api/generate`.
    Complete,
    /// Embeddings.
    Embed,
    /// Counting the tokens of a request.
    CountTokens,
    /// Any other path of the provider's own dialect, passed through as it is.
    Raw,
}
