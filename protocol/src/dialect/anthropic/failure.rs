//! The error envelope of Anthropic's API: `{"type":"error","error":{"type","message"}}`.

use crate::framing::sse;
use crate::model::{Failure, FailureKind};
use serde_json::{Value, json};

pub fn body(failure: &Failure) -> Value {
    json!({"type": "error", "error": {"type": word(failure.kind), "message": failure.message}})
}

/// An `error` event; the SDKs raise on it, and skip events without a name.
pub fn stream(failure: &Failure) -> Vec<u8> {
    let mut out = Vec::new();
    sse::write_event(&mut out, Some("error"), body(failure).to_string().as_bytes());
    out
}

fn word(kind: FailureKind) -> &'static str {
    use FailureKind as K;
    match kind {
        K::InvalidRequest | K::Unsupported | K::ContextLength | K::ContentFiltered => "invalid_request_error",
        K::MethodNotAllowed | K::UnsupportedMediaType | K::RequestTimeout | K::Cancelled => {
            "invalid_request_error"
        }
        K::TooLarge => "request_too_large",
        K::Unauthenticated => "authentication_error",
        K::Forbidden => "permission_error",
        K::NotFound | K::ModelNotFound => "not_found_error",
        K::RateLimited => "rate_limit_error",
        K::QuotaExhausted => "billing_error",
        K::Overloaded | K::Refused | K::Unavailable => "overloaded_error",
        K::Timeout => "timeout_error",
        K::UpstreamAuth | K::Upstream | K::Unreachable | K::Interrupted | K::BadAnswer => "api_error",
        K::WorkerLost | K::Internal => "api_error",
    }
}
