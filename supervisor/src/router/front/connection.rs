//! One client connection: HTTP/1.1 with keep-alive, watched from outside by the shard's sweep.

use super::socket::Socket;
use super::watch::{Ask, Watch};
use crate::router::reception::{Entrance, receive};
use crate::router::shard::Shard;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use protocol::ipc::configure::RouterLimits;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::net::TcpStream;

/// The smallest buffer hyper takes.
const SMALLEST_BUFFER: usize = 64 * 1024;

/// Serves one connection until its end.
pub(crate) async fn run(shard: Arc<Shard>, listener: u32, stream: TcpStream, watch: Arc<Watch>) {
    // A connection that is gone already asks for nothing.
    let Ok(peer) = stream.peer_addr() else { return };
    let entrance = Entrance { listener, peer: peer.ip() };
    let clock = Arc::clone(&shard.clock);
    let socket = Socket::new(stream, Arc::clone(&watch), Arc::clone(&clock));
    let service = service_fn(|request| {
        let busy = watch.serve(&clock);
        let shard = &shard;
        async move {
            let mut reply = receive(shard, entrance, request).await;
            reply.body_mut().hold_busy(busy);
            Ok::<_, Infallible>(reply)
        }
    });
    let limits = shard.shared.snapshot().limits;
    let mut connection = pin!(server(&limits).serve_connection(socket, service).with_upgrades());
    let mut closing = false;
    let end = poll_fn(|cx| {
        match watch.asked(cx.waker()) {
            Ask::Cut => return Poll::Ready(Ok(())),
            Ask::Close if !closing => {
                closing = true;
                Pin::as_mut(&mut connection).graceful_shutdown();
            }
            Ask::Close | Ask::Nothing => {}
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = end.await {
        tracing::debug!(%error, "client connection ended");
    }
}

/// Heads are read up to twice the limit, so that a reasonable excess gets a reasonable answer.
fn server(limits: &RouterLimits) -> http1::Builder {
    let head = usize::try_from(limits.header_bytes.saturating_mul(2)).unwrap_or(usize::MAX).min(1 << 24);
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(head).max_buf_size(head.max(SMALLEST_BUFFER));
    builder
}
