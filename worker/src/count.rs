//! Counting tokens for a provider that cannot: an estimate, which is what clients need it for (is the
//! conversation near the end of the context?). Pure.

use bytes::Bytes;
use protocol::dialect::{RequestHead, tokens};
use protocol::ipc::call::CallHead;
use protocol::model::Failure;

/// Says that nobody counted.
const SOURCE: &str = "x-llm-link-token-count";

/// The provider has no such path.
pub(crate) fn is_unknown(failure: &Failure) -> bool {
    matches!(failure.status, Some(404 | 405 | 501))
}

/// Headers and body of an answer in the client's dialect.
///
/// # Errors
/// When the request cannot be read.
pub(crate) fn estimate(head: &CallHead, body: &[u8]) -> Result<(Vec<(String, String)>, Bytes), Failure> {
    let asked = RequestHead { operation: head.operation, model: &head.model, stream: false };
    let request = head.dialect.decode_request(body, &asked)?;
    let document = head.dialect.encode_token_count(tokens::estimate(&request).max(1));
    let json = ("content-type".to_owned(), "application/json".to_owned());
    Ok((vec![json, (SOURCE.to_owned(), "estimated".to_owned())], document.into()))
}
