//! The answers that go on: what the admin API has let in is given its stream, and `/metrics` its figures.

use super::sees::Sees;
use super::{Live, lines, prometheus, socket};
use crate::router::admin::Live as Kind;
use crate::router::front::{Cut, Door, Reply, ReplyBody};
use crate::router::shard::Shard;
use crate::router::web::hosts;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use protocol::control::ask::{Caller, Origin};
use protocol::control::record::LogFilter;
use protocol::control::{Ask, ControlReply, ControlRequest, Permission, SecretText};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Where the figures are.
pub(crate) const METRICS: &str = "/metrics";
const PROMETHEUS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Answers as it happens what this caller may see.
pub(crate) fn live(
    shard: &Arc<Shard>,
    kind: Kind,
    caller: Caller,
    may: &[Permission],
    parts: &mut Parts,
) -> Reply {
    let Some(place) = shard.shared.live.place() else {
        let mut reply =
            text(StatusCode::SERVICE_UNAVAILABLE, "too many watch already; close another live page");
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return reply;
    };
    match kind {
        Kind::Realtime => realtime(shard, caller, Sees::of(may), parts, place),
        Kind::Logs => log_lines(shard, caller, parts, place),
    }
}

fn realtime(
    shard: &Arc<Shard>,
    caller: Caller,
    sees: Sees,
    parts: &mut Parts,
    place: OwnedSemaphorePermit,
) -> Reply {
    let after = parameter(&parts.uri, "after").and_then(|text| text.parse().ok());
    match socket::realtime(Arc::clone(&shard.shared), caller, sees, parts, after) {
        Some((response, talk)) => {
            shard.attend(async move {
                talk.await;
                drop(place);
            });
            response.map(|()| ReplyBody::foreign(Empty::new().map_err(|never| match never {}).boxed_unsync()))
        }
        None => text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket: connect to it with one"),
    }
}

fn log_lines(shard: &Arc<Shard>, caller: Caller, parts: &Parts, place: OwnedSemaphorePermit) -> Reply {
    let of = |name: &str| parameter(&parts.uri, name);
    let last = parts.headers.get(LAST_EVENT_ID).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let after = last.or_else(|| of("after")).and_then(|text| text.trim().parse().ok());
    let filter = LogFilter { process: of("process"), level: of("level"), text: of("text") };
    let (mut receiver, feed) = lines::log_stream(Arc::clone(&shard.shared), caller, filter, after);
    shard.attend(async move {
        feed.await;
        drop(place);
    });
    let frames = poll_fn(move |cx| receiver.poll_recv(cx)).map(|bytes| Ok::<_, Cut>(Frame::data(bytes)));
    let mut reply = Response::new(ReplyBody::foreign(StreamBody::new(frames).boxed_unsync()));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// The figures for Prometheus.
pub(crate) async fn metrics(shard: &Arc<Shard>, door: Door, parts: &Parts) -> Reply {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "the figures can be read only");
    }
    let allowed = match door {
        Door::Local => hosts::check(&parts.uri, &parts.headers).map_err(|_| StatusCode::FORBIDDEN),
        Door::Nobody | Door::Everybody => may_see(shard, parts).await,
    };
    if let Err(status) = allowed {
        let mut reply = text(status, "the figures need a Bearer token of somebody with ViewMetrics");
        reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return reply;
    }
    let mut reply = whole(prometheus(&shard.shared).await.into());
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS));
    reply
}

async fn may_see(shard: &Arc<Shard>, parts: &Parts) -> Result<(), StatusCode> {
    let shown = parts.headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let token = SecretText::new(shown.ok_or(StatusCode::UNAUTHORIZED)?.trim().to_owned());
    let caller = Caller::Token { token, origin: Origin::default() };
    let ask = Ask { caller, request: ControlRequest::Whoami, idempotency_key: None };
    match shard.shared.asker.ask(&ask).await {
        ControlReply::Person(person) if person.permissions.contains(&Permission::ViewMetrics) => Ok(()),
        ControlReply::Person(_) => Err(StatusCode::FORBIDDEN),
        _refused => Err(StatusCode::UNAUTHORIZED),
    }
}

fn text(status: StatusCode, words: &'static str) -> Reply {
    let mut reply = whole(Bytes::from_static(words.as_bytes()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

fn whole(body: Bytes) -> Reply {
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let mut reply = Response::new(ReplyBody::foreign(body));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// The value of a parameter of the query; an empty one is none.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or_default()).ok()?;
    pairs.into_iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
}

impl Live {
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}
