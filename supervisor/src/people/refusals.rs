//! Why something about people was not done, in the words of the control vocabulary.

use super::hashing::HashingError;
pub(super) use crate::control::{refused, vault_refused as unsealed};
use protocol::control::{ControlRequest, FieldError, Refusal, RefusalKind};

/// A password that was not looked at.
pub(super) fn unhashed(error: HashingError) -> Refusal {
    match error {
        HashingError::Busy => throttled(error.to_string(), 1000),
        HashingError::Gone => Refusal::new(RefusalKind::Unavailable, error.to_string()),
        HashingError::Vault(error) => unsealed(error),
    }
}

/// Not now.
pub(super) fn throttled(message: impl Into<String>, retry_after_ms: u64) -> Refusal {
    Refusal { retry_after_ms: Some(retry_after_ms), ..Refusal::new(RefusalKind::Throttled, message) }
}

/// One field is at fault.
pub(super) fn invalid(field: &str, message: &str) -> Refusal {
    let fields = vec![FieldError { field: field.to_owned(), message: message.to_owned() }];
    Refusal { fields, ..Refusal::new(RefusalKind::Invalid, format!("`{field}` {message}")) }
}

/// The desk gave a question to the wrong one.
pub(super) fn misrouted(request: &ControlRequest) -> Refusal {
    let what = serde_json::to_value(request).ok().and_then(|v| v.get("do")?.as_str().map(str::to_owned));
    let message = format!("`{}` is not about people", what.unwrap_or_default());
    Refusal::new(RefusalKind::Internal, message)
}
