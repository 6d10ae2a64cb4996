//! The one task of a data connection: reads frames into the table, writes what the table has to send, and
//! notices a peer that answers nothing any more.

use super::{LinkError, Shared, Traffic};
use crate::ipc::call::{Reset, ResetCode};
use crate::ipc::codec;
use crate::ipc::frame;
use crate::ipc::mux::{Batch, Mux, Side};
use bytes::{Bytes, BytesMut};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::UnixStream;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The router asks this often; two unanswered in a row and its uncommitted calls go elsewhere.
const PING: Duration = Duration::from_secs(1);
const MISSED: u8 = 2;
/// Frames are decoded from reads of at least this size.
const READ: usize = 64 * 1024;

/// How a connection ended.
#[derive(Debug)]
pub enum LinkEnd {
    /// The peer closed it (or died).
    Closed,
    Failed(LinkError),
}

/// The future that runs a connection; ends with it.
pub struct Driver {
    stream: UnixStream,
    buf: BytesMut,
    batch: Batch,
    shared: Arc<Shared>,
    side: Side,
    wakes: Vec<Waker>,
    pings: Option<Interval>,
    /// Pings sent since the peer was last heard.
    missed: u8,
    traffic: Arc<Traffic>,
}

impl Driver {
    pub(super) fn new(
        stream: UnixStream,
        buf: BytesMut,
        shared: Arc<Shared>,
        side: Side,
        traffic: Arc<Traffic>,
    ) -> Self {
        let (batch, wakes) = (Batch::default(), Vec::new());
        Self { stream, buf, batch, shared, side, wakes, pings: None, missed: 0, traffic }
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<LinkEnd> {
        if let Some(end) = self.poll_read(cx) {
            return Poll::Ready(end);
        }
        self.poll_pings(cx);
        match self.poll_write(cx) {
            Poll::Ready(Err(e)) => Poll::Ready(LinkEnd::Failed(e.into())),
            _ => Poll::Pending,
        }
    }

    /// Reads until the socket has nothing more; `Some` = the connection is over.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Option<LinkEnd> {
        loop {
            self.buf.reserve(READ);
            let read = pin!(self.stream.read_buf(&mut self.buf)).poll(cx);
            let n = match read {
                Poll::Pending => return None,
                Poll::Ready(Ok(0)) => return Some(LinkEnd::Closed),
                Poll::Ready(Ok(n)) => n,
                Poll::Ready(Err(e)) => return Some(LinkEnd::Failed(e.into())),
            };
            self.missed = 0;
            self.traffic.add(0, n);
            if let Err(e) = self.take_frames() {
                return Some(LinkEnd::Failed(e));
            }
            if n < READ / 2 {
                // Most likely drained: one more read would only say so. Ask to be polled again if not.
                return self.rearm(cx);
            }
        }
    }

    fn rearm(&mut self, cx: &mut Context<'_>) -> Option<LinkEnd> {
        match self.stream.poll_read_ready(cx) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => {
                cx.waker().wake_by_ref();
                None
            }
            Poll::Ready(Err(e)) => Some(LinkEnd::Failed(e.into())),
        }
    }

    fn take_frames(&mut self) -> Result<(), LinkError> {
        let mut mux = self.shared.lock();
        while let Some(frame) = frame::decode(&mut self.buf)? {
            self.traffic.add(1, 0);
            mux.on_frame(frame, &mut self.wakes)?;
        }
        drop(mux);
        self.wake_all();
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        loop {
            if self.batch.is_empty() {
                self.with_mux(|mux, batch, wakes| mux.fill(batch, cx, wakes));
                if self.batch.is_empty() {
                    return Poll::Pending;
                }
                let (frames, bytes) = self.batch.size();
                self.traffic.add(frames, bytes);
            }
            let n = {
                let slices = self.batch.slices();
                ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices))?
            };
            self.batch.advance(n);
        }
    }

    fn with_mux(&mut self, act: impl FnOnce(&mut Mux, &mut Batch, &mut Vec<Waker>)) {
        act(&mut self.shared.lock(), &mut self.batch, &mut self.wakes);
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for waker in self.wakes.drain(..) {
            waker.wake();
        }
    }

    /// Only the router asks: the supervisor decides about a worker's life, this is about waiting calls.
    fn poll_pings(&mut self, cx: &mut Context<'_>) {
        if self.side != Side::Opener {
            return;
        }
        let pings = self.pings.get_or_insert_with(|| {
            let mut ticks = interval(PING);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        if pings.poll_tick(cx).is_pending() {
            return;
        }
        // Registers the next tick.
        let _ = pings.poll_tick(cx);
        let stalled = self.missed >= MISSED;
        self.missed = self.missed.saturating_add(1);
        self.with_mux(|mux, _, wakes| {
            mux.set_stalled(stalled);
            wakes.extend(mux.ping());
            if stalled {
                mux.abandon_uncommitted(&reset_header(ResetCode::Cancel), wakes);
            }
        });
    }
}

/// The encoded header of a reset without further detail.
pub(super) fn reset_header(code: ResetCode) -> Bytes {
    let reset = Reset { code, failure: None, headers: Vec::new(), trailer: None };
    codec::encode(&reset).map(Bytes::from).unwrap_or_default()
}

impl Future for Driver {
    type Output = LinkEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LinkEnd> {
        let end = ready!(self.poll_link(cx));
        self.with_mux(|mux, _, wakes| mux.close(wakes));
        Poll::Ready(end)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.with_mux(|mux, _, wakes| mux.close(wakes));
    }
}
