//! The body of an upstream's answer: its bytes as they come, its errors as [`Failure`]s.

use super::classify;
use super::lanes::Flight;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use protocol::model::Failure;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Dropping it abandons the answer: an HTTP/1.1 connection is closed, an HTTP/2 stream is reset.
#[derive(Debug)]
pub struct AnswerBody {
    inner: Incoming,
    /// The first bytes, when they were looked at before the rest.
    peeked: Option<Bytes>,
    host: String,
    _flight: Flight,
}

impl AnswerBody {
    pub(super) fn new(inner: Incoming, host: String, flight: Flight) -> Self {
        Self { inner, peeked: None, host, _flight: flight }
    }

    /// Waits for the first bytes and shows them; empty at the end of the body.
    ///
    /// # Errors
    /// When the body breaks off before.
    pub async fn peek(&mut self) -> Result<&[u8], Failure> {
        while self.peeked.is_none() {
            match self.frame().await.transpose()? {
                None => return Ok(&[]),
                Some(frame) => self.peeked = frame.into_data().ok().filter(|bytes| !bytes.is_empty()),
            }
        }
        Ok(self.peeked.as_deref().unwrap_or_default())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(first) = self.peeked.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        polled.map(|frame| frame.map(|f| f.map_err(|e| classify::during(&e, &self.host))))
    }

    fn is_end_stream(&self) -> bool {
        self.peeked.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.peeked.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
