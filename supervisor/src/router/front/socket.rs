//! The client's socket under the HTTP server: tells the watch when bytes come, and closes so that the client
//! gets to read the last answer. A socket closed with unread bytes resets the connection under that answer.

use super::watch::{Clock, Watch};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Bounds of what is read after the last answer, only to be thrown away.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// See the module.
pub(super) struct Socket {
    stream: TokioIo<TcpStream>,
    watch: Arc<Watch>,
    clock: Arc<Clock>,
    linger: Linger,
}

/// How far the closing has come.
enum Linger {
    NotYet,
    /// The client still sends; read on until it has heard us, or until this is over.
    Reading {
        end: Pin<Box<Sleep>>,
        left: usize,
    },
    Over,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>, clock: Arc<Clock>) -> Self {
        Self { stream: TokioIo::new(stream), watch, clock, linger: Linger::NotYet }
    }

    /// Takes what the client still sends. Nothing there at the first look means nothing to take.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 16 * 1024];
        loop {
            let read = self.stream.inner().try_read(&mut scratch);
            match (&mut self.linger, read) {
                (Linger::Over, _) | (_, Ok(0)) => break,
                (Linger::NotYet, Ok(n)) => {
                    let end = Box::pin(sleep(LINGER));
                    self.linger = Linger::Reading { end, left: LINGER_BYTES.saturating_sub(n) };
                }
                (Linger::Reading { left, .. }, Ok(n)) if *left > n => *left -= n,
                (Linger::Reading { end, .. }, Err(e)) if e.kind() == io::ErrorKind::WouldBlock => {
                    if end.as_mut().poll(cx).is_ready() {
                        break;
                    }
                    if ready!(self.stream.inner().poll_read_ready(cx)).is_err() {
                        break;
                    }
                }
                (Linger::NotYet | Linger::Reading { .. }, _) => break,
            }
        }
        self.linger = Linger::Over;
        Poll::Ready(())
    }
}

impl Read for Socket {
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

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.linger, Linger::NotYet) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
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
