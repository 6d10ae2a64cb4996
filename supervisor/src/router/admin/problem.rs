//! How the admin API says no: problem documents (RFC 9457) with the fields at fault and a closed `kind`.

use super::reply::{Reply, json};
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use protocol::control::{FieldError, Refusal, RefusalKind};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) const CONTENT_TYPE: &str = "application/problem+json";

/// A problem and what its response needs besides the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: u16,
    kind: &'static str,
    detail: String,
    fields: Vec<FieldError>,
    retry_after_ms: Option<u64>,
    /// The methods that would do.
    allow: Option<String>,
}

/// The document.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct ProblemDocument<'a> {
    /// A name for this sort of problem: `urn:llm-link:problem:not-found`.
    #[serde(rename = "type")]
    kind_uri: String,
    title: &'a str,
    status: u16,
    /// What happened, for people: names the thing, says what would be possible.
    detail: &'a str,
    /// The request it happened to, as in the header `x-request-id` and in the audit log.
    instance: &'a str,
    /// Which of the fixed reasons it was.
    kind: &'a str,
    /// The fields at fault, all of them.
    errors: &'a [FieldError],
}

impl Problem {
    fn new(status: u16, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), fields: Vec::new(), retry_after_ms: None, allow: None }
    }

    /// The request cannot be read.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(400, "malformed", detail)
    }

    /// A field can be read and makes no sense.
    pub(super) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let detail = if field.is_empty() { message.clone() } else { format!("`{field}`: {message}") };
        Self { fields: vec![FieldError { field, message }], ..Self::new(422, "invalid", detail) }
    }

    pub(super) fn unauthenticated() -> Self {
        let detail = "log in first: send `Authorization: Bearer TOKEN`, or the cookie of a login";
        Self::new(401, "unauthenticated", detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", detail)
    }

    pub(super) fn nothing_here(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(404, "not-found", format!("there is no {path} in the admin API; see /api/v1/openapi.json"))
    }

    pub(super) fn other_method(method: &http::Method, allow: String) -> Self {
        let detail = format!("{method} is not a method of this path; it has: {allow}");
        Self { allow: Some(allow), ..Self::new(405, "method-not-allowed", detail) }
    }

    pub(super) fn timeout(detail: impl Into<String>) -> Self {
        Self::new(408, "timeout", detail)
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, "too-large", detail)
    }

    pub(super) fn media_type(found: &str) -> Self {
        let found: String = found.chars().take(100).collect();
        let detail = format!("a body of type `{found}` is not read here; send `application/json`");
        Self::new(415, "unsupported-media-type", detail)
    }

    pub(super) fn head_too_large(limit: u64) -> Self {
        let detail = format!("the request's headers are larger than the limit of {limit} bytes");
        Self::new(431, "too-large", detail)
    }

    /// A bug of ours.
    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal", detail)
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The response.
    pub(super) fn reply(&self, request_id: &str) -> Reply {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let document = ProblemDocument {
            kind_uri: format!("urn:llm-link:problem:{}", self.kind),
            title: status.canonical_reason().unwrap_or("Error"),
            status: self.status,
            detail: &self.detail,
            instance: request_id,
            kind: self.kind,
            errors: &self.fields,
        };
        let mut reply = json(status, CONTENT_TYPE, &document);
        let headers = reply.headers_mut();
        if let Some(ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000).max(1)));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|a| HeaderValue::from_str(a).ok()) {
            headers.insert(ALLOW, allow);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"llm-link\""));
        }
        reply
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match refusal.kind {
            RefusalKind::Invalid => (422, "invalid"),
            RefusalKind::Unauthenticated => (401, "unauthenticated"),
            RefusalKind::Forbidden => (403, "forbidden"),
            RefusalKind::NotFound => (404, "not-found"),
            RefusalKind::Conflict => (409, "conflict"),
            RefusalKind::ReadOnly => (409, "read-only"),
            RefusalKind::Stale => (412, "stale"),
            RefusalKind::Throttled => (429, "throttled"),
            RefusalKind::StorageFull => (507, "storage-full"),
            RefusalKind::Unavailable => (503, "unavailable"),
            RefusalKind::Internal => (500, "internal"),
        };
        let (fields, retry_after_ms) = (refusal.fields, refusal.retry_after_ms);
        Self { fields, retry_after_ms, ..Self::new(status, kind, refusal.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_status_and_its_headers() {
        let reply = |kind| {
            let refusal = Refusal { retry_after_ms: Some(1500), ..Refusal::new(kind, "no") };
            Problem::from(refusal).reply("r1")
        };
        assert_eq!(reply(RefusalKind::Throttled).headers()[RETRY_AFTER], "2");
        assert_eq!(
            reply(RefusalKind::Unauthenticated).headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"llm-link\""
        );
        assert_eq!(reply(RefusalKind::ReadOnly).status(), 409);
        assert_eq!(reply(RefusalKind::StorageFull).status(), 507);
        let other = Problem::other_method(&http::Method::PATCH, "GET, HEAD".to_owned()).reply("r1");
        assert_eq!(
            (other.status().as_u16(), &other.headers()[ALLOW]),
            (405, &HeaderValue::from_static("GET, HEAD"))
        );
    }
}
