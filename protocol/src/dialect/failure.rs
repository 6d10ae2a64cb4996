//! Failures on the wire: the reply a client gets in its own dialect, and the reading of an upstream's error answer.
//!
//! Owns: the HTTP status of every kind, the dispatch to each dialect's envelope. Never: decides about retries.

mod classify;
mod read;
mod retry_after;

pub use read::in_band;
pub(crate) use read::instead;

use super::{Dialect, anthropic, gemini, ollama, openai_chat, openai_responses};
use crate::model::{Failure, FailureKind};

/// A whole error answer for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// An upstream's error answer, as it came.
#[derive(Clone, Copy, Debug)]
pub struct ErrorAnswer<'a> {
    pub status: u16,
    /// Lower-case names.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
    /// Seconds since 1970, for `retry-after` dates.
    pub now_unix_s: u64,
}

impl Dialect {
    /// The failure as a whole answer in this dialect.
    pub fn encode_failure(self, failure: &Failure) -> ErrorReply {
        let status = status(self, failure);
        let value = match self {
            Self::OpenAiChat => openai_chat::failure::body(failure),
            Self::OpenAiResponses => openai_chat::failure::body(failure),
            Self::Anthropic => anthropic::failure::body(failure),
            Self::Ollama => ollama::failure::body(failure),
            Self::Gemini => gemini::failure::body(failure, status),
        };
        ErrorReply { status, content_type: "application/json", body: value.to_string().into_bytes() }
    }

    /// The failure as the last bytes of a stream that has begun. No success terminator follows.
    pub fn encode_stream_failure(self, failure: &Failure) -> Vec<u8> {
        match self {
            Self::OpenAiChat => openai_chat::failure::stream(failure),
            Self::OpenAiResponses => openai_responses::failure::stream(failure),
            Self::Anthropic => anthropic::failure::stream(failure),
            Self::Ollama => ollama::failure::stream(failure),
            Self::Gemini => gemini::failure::stream(failure, status(self, failure)),
        }
    }

    /// Reads an upstream's error answer. Total: any bytes give a failure. All dialects share one reader, because
    /// vendors, proxies and load balancers answer in shapes that are not the dialect's.
    pub fn decode_failure(self, answer: &ErrorAnswer<'_>) -> Failure {
        let mut failure = read::answer(answer);
        failure.retry_after_ms = retry_after::from_headers(answer).or(failure.retry_after_ms);
        failure
    }
}

/// The value of a `retry-after` header for this failure: whole seconds, rounded up.
pub fn retry_after_seconds(failure: &Failure) -> Option<u64> {
    failure.retry_after_ms.map(|ms| ms.div_ceil(1000))
}

/// The status a client sees. An upstream's own status is kept where it says what the kind says.
fn status(dialect: Dialect, failure: &Failure) -> u16 {
    let usual = usual_status(failure.kind);
    let status = match (failure.kind, failure.status) {
        // Ours is not the client's key: a 401 would send people to the wrong place.
        (FailureKind::UpstreamAuth, _) | (_, None) => usual,
        (_, Some(given @ 400..=599)) => given,
        (_, Some(_)) => usual,
    };
    match (status, dialect, failure.kind) {
        (529, Dialect::Anthropic, _) => 529,
        (529, _, _) => 503,
        (503, Dialect::Anthropic, FailureKind::Overloaded) if failure.status.is_none() => 529,
        (status, _, _) => status,
    }
}

fn usual_status(kind: FailureKind) -> u16 {
    use FailureKind as K;
    match kind {
        K::InvalidRequest | K::Unsupported | K::ContextLength | K::ContentFiltered => 400,
        K::Unauthenticated => 401,
        K::Forbidden => 403,
        K::NotFound | K::ModelNotFound => 404,
        K::MethodNotAllowed => 405,
        K::RequestTimeout => 408,
        K::TooLarge => 413,
        K::UnsupportedMediaType => 415,
        K::RateLimited | K::QuotaExhausted => 429,
        K::Cancelled => 499,
        K::Internal => 500,
        K::UpstreamAuth | K::Upstream | K::Unreachable | K::Interrupted | K::BadAnswer | K::WorkerLost => 502,
        K::Overloaded | K::Refused | K::Unavailable => 503,
        K::Timeout => 504,
    }
}

#[cfg(test)]
mod tests;
