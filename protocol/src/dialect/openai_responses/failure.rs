//! Failures of a Responses stream. Whole answers use the envelope of [`crate::dialect::openai_chat::failure`].

use crate::dialect::openai_chat::failure::{body, words};
use crate::framing::sse;
use crate::model::{Failure, FailureKind};
use serde_json::{Value, json};

/// `error`, then `response.failed`: some clients end at the first, some read only the second.
pub fn stream(failure: &Failure) -> Vec<u8> {
    let code = body(failure)["error"]["code"].clone();
    let mut out = Vec::new();
    let event = json!({"type": "error", "sequence_number": 0, "code": code, "message": failure.message,
        "param": failure.param});
    sse::write_event(&mut out, Some("error"), event.to_string().as_bytes());
    let response = json!({"id": "resp_failed", "object": "response", "created_at": 0, "status": "failed",
        "error": error(failure), "incomplete_details": null, "model": "", "output": [], "tools": [],
        "tool_choice": "auto", "parallel_tool_calls": true, "usage": null});
    let event = json!({"type": "response.failed", "sequence_number": 1, "response": response});
    sse::write_event(&mut out, Some("response.failed"), event.to_string().as_bytes());
    out
}

/// The `error` member of a failed response; its codes are a closed set of the API.
pub(crate) fn error(failure: &Failure) -> Value {
    let code = match failure.kind {
        FailureKind::RateLimited | FailureKind::Overloaded => "rate_limit_exceeded",
        FailureKind::ContextLength => "context_length_exceeded",
        FailureKind::QuotaExhausted => "insufficient_quota",
        FailureKind::InvalidRequest => "invalid_prompt",
        kind if words(kind).0 == "invalid_request_error" => words(kind).1,
        _ => "server_error",
    };
    json!({"code": code, "message": failure.message})
}
