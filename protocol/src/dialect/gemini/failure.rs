//! Google's error envelope: `{"error":{"code","message","status","details"}}` (google.rpc.Status over HTTP).

use crate::framing::sse;
use crate::model::{Failure, FailureKind};
use serde_json::{Value, json};

/// `status` is the HTTP status of the answer, repeated as `code`.
pub fn body(failure: &Failure, status: u16) -> Value {
    let mut error = json!({"code": status, "message": failure.message, "status": word(failure.kind)});
    if let (Some(ms), Some(error)) = (failure.retry_after_ms, error.as_object_mut()) {
        let delay = format!("{}s", ms.div_ceil(1000));
        let retry = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]);
        error.insert("details".to_owned(), retry);
    }
    json!({"error": error})
}

pub fn stream(failure: &Failure, status: u16) -> Vec<u8> {
    let mut out = Vec::new();
    sse::write_event(&mut out, None, body(failure, status).to_string().as_bytes());
    out
}

fn word(kind: FailureKind) -> &'static str {
    use FailureKind as K;
    match kind {
        K::InvalidRequest | K::Unsupported | K::ContextLength | K::TooLarge | K::ContentFiltered => {
            "INVALID_ARGUMENT"
        }
        K::MethodNotAllowed | K::UnsupportedMediaType => "INVALID_ARGUMENT",
        K::Unauthenticated => "UNAUTHENTICATED",
        K::Forbidden => "PERMISSION_DENIED",
        K::NotFound | K::ModelNotFound => "NOT_FOUND",
        K::RateLimited | K::QuotaExhausted => "RESOURCE_EXHAUSTED",
        K::Overloaded | K::Refused | K::Unavailable | K::Unreachable => "UNAVAILABLE",
        K::Timeout | K::RequestTimeout => "DEADLINE_EXCEEDED",
        K::Cancelled => "CANCELLED",
        K::UpstreamAuth | K::Upstream | K::Interrupted | K::BadAnswer | K::WorkerLost | K::Internal => {
            "INTERNAL"
        }
    }
}
