//! Responses of the admin API: whole JSON documents that nobody may cache or reinterpret.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

/// A response, all of it.
pub(crate) type Reply = Response<Full<Bytes>>;

pub(super) const JSON: &str = "application/json";

/// A JSON document.
pub(super) fn json(status: StatusCode, content_type: &'static str, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => whole(status, content_type, body.into()),
        // Types of strings, numbers and string maps always have a JSON form.
        Err(_) => whole(StatusCode::INTERNAL_SERVER_ERROR, content_type, Bytes::from_static(b"null")),
    }
}

/// Any document.
pub(super) fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
