//! The error envelope of OpenAI's APIs: `{"error":{"message","type","param","code"}}`.

use crate::framing::sse;
use crate::model::{Failure, FailureKind};
use serde_json::{Value, json};

/// The envelope; also the one of the Responses API.
pub fn body(failure: &Failure) -> Value {
    let (kind, code) = words(failure.kind);
    let code = match failure.kind {
        // Clients act on these codes: an upstream's own word may not hide them.
        FailureKind::ContextLength | FailureKind::QuotaExhausted | FailureKind::ModelNotFound => {
            code.to_owned()
        }
        FailureKind::Unauthenticated | FailureKind::UpstreamAuth => code.to_owned(),
        _ => failure.code.clone().unwrap_or_else(|| code.to_owned()),
    };
    json!({"error": {"message": failure.message, "type": kind, "param": failure.param, "code": code}})
}

/// The error as the last event of a stream. The SDKs raise on any event with an `error` member.
pub fn stream(failure: &Failure) -> Vec<u8> {
    let mut out = Vec::new();
    sse::write_event(&mut out, None, body(failure).to_string().as_bytes());
    out
}

/// `type` and `code` of a kind.
pub(crate) fn words(kind: FailureKind) -> (&'static str, &'static str) {
    use FailureKind as K;
    match kind {
        K::InvalidRequest => ("invalid_request_error", "invalid_value"),
        K::Unsupported => ("invalid_request_error", "unsupported_parameter"),
        K::ContextLength => ("invalid_request_error", "context_length_exceeded"),
        K::TooLarge => ("invalid_request_error", "request_too_large"),
        K::Unauthenticated => ("invalid_request_error", "invalid_api_key"),
        K::Forbidden => ("permission_error", "permission_denied"),
        K::NotFound => ("invalid_request_error", "not_found"),
        K::ModelNotFound => ("invalid_request_error", "model_not_found"),
        K::MethodNotAllowed => ("invalid_request_error", "method_not_allowed"),
        K::UnsupportedMediaType => ("invalid_request_error", "unsupported_media_type"),
        K::RequestTimeout => ("invalid_request_error", "request_timeout"),
        K::RateLimited => ("rate_limit_error", "rate_limit_exceeded"),
        K::QuotaExhausted => ("insufficient_quota", "insufficient_quota"),
        K::ContentFiltered => ("invalid_request_error", "content_filter"),
        K::UpstreamAuth => ("server_error", "upstream_auth"),
        K::Upstream => ("server_error", "upstream_error"),
        K::Overloaded => ("server_error", "overloaded"),
        K::Unreachable => ("server_error", "upstream_unreachable"),
        K::Timeout => ("server_error", "timeout"),
        K::Interrupted => ("server_error", "upstream_interrupted"),
        K::BadAnswer => ("server_error", "upstream_bad_answer"),
        K::WorkerLost => ("server_error", "worker_lost"),
        K::Refused | K::Unavailable => ("server_error", "service_unavailable"),
        K::Cancelled => ("invalid_request_error", "cancelled"),
        K::Internal => ("server_error", "internal_error"),
    }
}
