//! One client connection: HTTP/1.1 with keep-alive, watched from outside by the shard's sweep.

use super::serve::serve;
use super::watch::{Ask, Clock, Watch};
use crate::router::shard::Shard;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use protocol::ipc::configure::RouterLimits;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// The smallest buffer hyper takes.
const SMALLEST_BUFFER: usize = 64 * 1024;

/// Serves one connection until its end.
pub(crate) async fn run(shard: Arc<Shard>, listener: u32, stream: TcpStream, watch: Arc<Watch>) {
    let clock = Arc::clone(&shard.clock);
    let io = ClientIo { stream: TokioIo::new(stream), watch: Arc::clone(&watch), clock: Arc::clone(&clock) };
    let service = service_fn(|request| {
        let busy = watch.serve(&clock);
        let shard = &shard;
        async move {
            let mut reply = serve(shard, listener, request).await;
            reply.body_mut().hold_busy(busy);
            Ok::<_, Infallible>(reply)
        }
    });
    let limits = shard.shared.snapshot().limits;
    let mut connection = pin!(server(&limits).serve_connection(io, service));
    let mut closing = false;
    let end = poll_fn(|cx| {
        match watch.asked(cx.waker()) {
            Ask::Cut => return Poll::Ready(Ok(())),
            Ask::Close if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
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

/// The client's socket; tells the watch when bytes come.
struct ClientIo {
    stream: TokioIo<TcpStream>,
    watch: Arc<Watch>,
    clock: Arc<Clock>,
}

impl Read for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.watch.heard(self.clock.now());
        }
        read
    }
}

impl Write for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
