//! From outcomes to HTTP responses: statuses, headers of ours, failures in the client's dialect.

use super::dispatch::{Answered, Outcome};
use super::refusal::{Refusal, Upstream};
use super::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use protocol::dialect::Dialect;
use protocol::dialect::failure::retry_after_seconds;
use protocol::dialect::time::http_date;
use protocol::model::{Failure, FailureKind, Loss, LossReason};
use uuid::Uuid;

const CALL_ID: HeaderName = HeaderName::from_static("x-llm-link-call-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-llm-link-provider");
const MODEL: HeaderName = HeaderName::from_static("x-llm-link-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-llm-link-attempts");
const DROPPED: HeaderName = HeaderName::from_static("x-llm-link-dropped");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// Losses named in the header; the rest is counted.
const LOSSES_SHOWN: usize = 20;

/// The response to a dispatched call.
pub(crate) fn outcome(call: Uuid, dialect: Dialect, outcome: Outcome) -> Reply {
    let mut reply = match outcome {
        Outcome::Answered(answered) => answer(answered),
        Outcome::Failed(refusal) => refused(dialect, refusal),
    };
    identify(&mut reply, call);
    reply
}

/// The status of the response to a call that failed.
pub(crate) fn status_of(dialect: Dialect, refusal: &Refusal) -> u16 {
    let why = &refusal.failure;
    let passed_on = refusal.upstream.is_some() && why.kind != FailureKind::UpstreamAuth;
    let theirs = why.status.filter(|_| passed_on);
    theirs.unwrap_or_else(|| dialect.encode_failure(why).status)
}

/// The response that begins before there is an answer.
pub(crate) fn begun(call: Uuid, body: ReplyBody) -> Reply {
    let mut reply = Reply::new(body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    identify(&mut reply, call);
    reply
}

/// A failure in its dialect, with the headers that belong to it.
pub(crate) fn failure(dialect: Dialect, failure: &Failure) -> Reply {
    let encoded = dialect.encode_failure(failure);
    let mut reply = whole(encoded.status, encoded.content_type, encoded.body.into());
    if let Some(seconds) = retry_after_seconds(failure) {
        reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if let Some(ms) = failure.retry_after_ms {
        reply.headers_mut().insert(RETRY_AFTER_MS, ms.into());
    }
    reply
}

/// A response that is there as a whole.
pub(crate) fn whole(status: u16, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Reply::new(ReplyBody::whole(if body.is_empty() { vec![] } else { vec![body] }));
    *reply.status_mut() = status_code(status);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// Says that the model asked for is deprecated (RFC 9745's draft form, as no date is known) and when it ends
/// (RFC 8594).
pub(crate) fn age(reply: &mut Reply, sunset_ms: Option<u64>) {
    reply.headers_mut().insert(DEPRECATION, HeaderValue::from_static("true"));
    let date = sunset_ms.and_then(|ms| HeaderValue::try_from(http_date(ms / 1000)).ok());
    if let Some(date) = date {
        reply.headers_mut().insert(SUNSET, date);
    }
}

/// Puts the call's id on a response.
pub(crate) fn identify(reply: &mut Reply, call: Uuid) {
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(call.hyphenated().encode_lower(&mut text)) {
        reply.headers_mut().insert(CALL_ID, value);
    }
}

fn answer(answered: Answered) -> Reply {
    let Answered { head, candidate, attempts, body } = answered;
    let mut reply = Reply::new(body);
    *reply.status_mut() = status_code(head.status);
    let headers = reply.headers_mut();
    copy(&head.headers, headers);
    if head.stream && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    headers.insert(PROVIDER, candidate.provider_header);
    headers.insert(MODEL, candidate.model_header);
    headers.insert(ATTEMPTS, count(attempts));
    if let Some(dropped) = dropped(&head.losses) {
        headers.insert(DROPPED, dropped);
    }
    reply
}

fn refused(dialect: Dialect, refusal: Refusal) -> Reply {
    let Refusal { failure: why, upstream, candidate, attempts } = refusal;
    let mut reply = match upstream {
        // An upstream that refuses our key may name it, and a 401 would be taken for the client's own.
        Some(upstream) if why.kind != FailureKind::UpstreamAuth => passed_on(dialect, &why, upstream),
        _ => failure(dialect, &why),
    };
    let headers = reply.headers_mut();
    if let Some(candidate) = candidate {
        headers.insert(PROVIDER, candidate.provider_header);
        headers.insert(MODEL, candidate.model_header);
    }
    headers.insert(ATTEMPTS, count(attempts));
    reply
}

/// The upstream's own error answer, byte for byte.
fn passed_on(dialect: Dialect, why: &Failure, upstream: Upstream) -> Reply {
    let mut reply = failure(dialect, why);
    if let Some(status) = why.status {
        *reply.status_mut() = status_code(status);
    }
    *reply.body_mut() = ReplyBody::whole(vec![upstream.body]);
    copy(&upstream.headers, reply.headers_mut());
    reply
}

/// The first of a name replaces what is there, the others are added. What concerns the connection is ours.
fn copy(from: &[(String, String)], to: &mut HeaderMap) {
    for (at, (name, value)) in from.iter().enumerate() {
        if matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
            continue;
        }
        let (Ok(key), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        else {
            continue;
        };
        if from[..at].iter().any(|(earlier, _)| earlier == name) {
            to.append(key, value);
        } else {
            to.insert(key, value);
        }
    }
}

/// `field;reason=word, ...` for every loss.
fn dropped(losses: &[Loss]) -> Option<HeaderValue> {
    if losses.is_empty() {
        return None;
    }
    let plain = |c: char| if c.is_ascii_graphic() && c != ',' && c != ';' { c } else { '?' };
    let mut parts: Vec<String> = losses
        .iter()
        .take(LOSSES_SHOWN)
        .map(|loss| {
            let field: String = loss.field.chars().take(100).map(plain).collect();
            format!("{field};reason={}", reason(loss.reason))
        })
        .collect();
    if let more @ 1.. = losses.len().saturating_sub(LOSSES_SHOWN) {
        parts.push(format!("and-more;count={more}"));
    }
    HeaderValue::try_from(parts.join(", ")).ok()
}

fn reason(reason: LossReason) -> &'static str {
    match reason {
        LossReason::Unsupported => "unsupported",
        LossReason::Incapable => "incapable",
        LossReason::Adjusted => "adjusted",
        LossReason::Invented => "invented",
        LossReason::Foreign => "foreign",
    }
}

fn count(attempts: u8) -> HeaderValue {
    match attempts {
        1 => HeaderValue::from_static("1"),
        n => HeaderValue::from(u16::from(n)),
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn loss(field: &str) -> Loss {
        Loss { field: field.to_owned(), reason: LossReason::Unsupported }
    }

    #[test]
    fn losses_fit_a_header_whatever_they_are() {
        assert_eq!(dropped(&[]), None);
        assert_eq!(dropped(&[loss("logit_bias")]).unwrap(), "logit_bias;reason=unsupported");
        assert_eq!(dropped(&[loss("a,b\n模")]).unwrap(), "a?b??;reason=unsupported");
        let many: Vec<Loss> = (0..50).map(|_| loss(&"x".repeat(10_000))).collect();
        let value = dropped(&many).unwrap();
        assert!(value.len() < 4096 && value.to_str().unwrap().ends_with("and-more;count=30"));
    }

    #[tokio::test]
    async fn an_upstream_error_passes_byte_for_byte_with_its_headers() {
        let why = Failure { status: Some(429), ..Failure::new(FailureKind::RateLimited, "slow down") };
        let pairs = [("retry-after", "7"), ("content-length", "999"), ("x-a", "1"), ("x-a", "2")];
        let headers = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
        let upstream = Upstream { headers, body: Bytes::from_static(b"{ \"error\" : 1 }") };
        let refusal = Refusal { failure: why, upstream: Some(upstream), candidate: None, attempts: 2 };
        let reply = outcome(Uuid::nil(), Dialect::OpenAiChat, Outcome::Failed(refusal));
        assert_eq!(reply.status(), 429);
        assert_eq!(reply.headers()["retry-after"], "7");
        assert_eq!(reply.headers()["x-llm-link-attempts"], "2");
        assert_eq!(reply.headers()["x-llm-link-call-id"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(reply.headers().get_all("x-a").iter().count(), 2);
        assert!(!reply.headers().contains_key("content-length"));
        assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "{ \"error\" : 1 }");
    }

    #[tokio::test]
    async fn an_upstream_that_refuses_our_key_is_never_quoted() {
        let why = Failure {
            status: Some(401),
            ..Failure::new(FailureKind::UpstreamAuth, "the provider refused our key")
        };
        let upstream = Upstream { headers: vec![], body: Bytes::from_static(b"wrong key sk-secret") };
        let refusal = Refusal { failure: why, upstream: Some(upstream), candidate: None, attempts: 1 };
        let reply = outcome(Uuid::nil(), Dialect::OpenAiChat, Outcome::Failed(refusal));
        assert_eq!(reply.status(), 502);
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("sk-secret"));
    }

    #[test]
    fn a_wait_is_told_in_seconds_and_milliseconds() {
        let reply = failure(
            Dialect::OpenAiChat,
            &Failure::new(FailureKind::Unavailable, "x").with_retry_after_ms(1500),
        );
        assert_eq!(
            (&reply.headers()["retry-after"], &reply.headers()["retry-after-ms"]),
            (&"2".parse().unwrap(), &"1500".parse().unwrap())
        );
    }
}
