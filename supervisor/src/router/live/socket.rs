//! The live page's WebSocket: frames from the ring as text messages, in order, from where the viewer was. Its rights
//! are asked for again now and then; one that does not read is let go.

use super::sees::Sees;
use crate::router::shared::Shared;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use protocol::control::ask::Caller;
use protocol::control::{Ask, ControlReply, ControlRequest};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Frames sent before the connection is looked at again.
const AT_ONCE: usize = 64;
/// How long a viewer may take to read what is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at the viewer's rights.
const RECHECK: Duration = Duration::from_secs(15);
/// Viewers say nothing but pings and goodbye.
const LARGEST: usize = 4096;

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// The answer that begins the conversation, and the conversation; none when the request does not ask for one.
pub(crate) fn realtime(
    shared: Arc<Shared>,
    caller: Caller,
    sees: Sees,
    parts: &mut Parts,
    after: Option<u64>,
) -> Option<(Response<()>, impl Future<Output = ()> + use<>)> {
    let accept = accept(&parts.headers)?;
    let upgrade = parts.extensions.remove::<OnUpgrade>()?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    let talk = async move {
        match upgrade.await {
            Ok(upgraded) => {
                let config = WebSocketConfig::default()
                    .max_message_size(Some(LARGEST))
                    .max_frame_size(Some(LARGEST))
                    .max_write_buffer_size(1024 * 1024);
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                Viewer { shared, caller, sees, socket }.run(after).await;
            }
            Err(error) => tracing::debug!(%error, "a live connection did not begin"),
        }
    };
    Some((response, talk))
}

/// What the handshake is answered with (RFC 6455, 4.2.2).
fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name, word: &str| {
        let value = headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let asked = has(UPGRADE, "websocket") && has(CONNECTION, "upgrade") && has(SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asked)?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}

struct Viewer {
    shared: Arc<Shared>,
    caller: Caller,
    sees: Sees,
    socket: Socket,
}

impl Viewer {
    async fn run(mut self, after: Option<u64>) {
        let mut newest = self.shared.live.ring.watch();
        let mut seen = after.unwrap_or_else(|| self.shared.live.ring.last());
        let mut looks = interval(RECHECK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset_at(Instant::now() + RECHECK);
        let cut = self.shared.cut.clone();
        loop {
            let (frames, at) = self.shared.live.ring.after(seen, AT_ONCE, self.sees);
            for text in frames {
                if !self.send(Message::Text(Utf8Bytes::from(&*text))).await {
                    return;
                }
            }
            seen = at;
            if at < *newest.borrow_and_update() {
                continue;
            }
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                _ = looks.tick() => {
                    self.sees = sees(&self.shared, &self.caller).await;
                    if self.sees.is_nothing() {
                        return self.goodbye(CloseCode::Policy, "your rights have ended: log in again").await;
                    }
                }
                said = self.socket.next() => match said {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                () = cut.cancelled() => {
                    return self.goodbye(CloseCode::Restart, "the router ends: come back").await;
                }
            }
        }
    }

    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(PATIENCE, self.socket.send(message)).await, Ok(Ok(())))
    }

    async fn goodbye(mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        self.send(Message::Close(Some(frame))).await;
    }
}

/// Apart from the socket, which cannot be shared between threads.
async fn sees(shared: &Shared, caller: &Caller) -> Sees {
    let (caller, request) = (caller.clone(), ControlRequest::Whoami);
    match shared.asker.ask(&Ask { caller, request, idempotency_key: None }).await {
        ControlReply::Person(person) => Sees::of(&person.permissions),
        _other => Sees::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_handshake_is_one() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        assert_eq!(accept(&headers), None);
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("8"));
        assert_eq!(accept(&headers), None);
    }
}
