//! The body of an upstream's answer: its bytes as they come, its errors as [`Failure`]s.

use super::classify;
use super::lanes::Flight;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use protocol::model::Failure;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Dropping it abandons the answer: an HTTP/1.1 connection is closed, an HTTP/2 stream is reset.
#[derive(Debug)]
pub struct AnswerBody {
    inner: Incoming,
    host: String,
    _flight: Flight,
}

impl AnswerBody {
    pub(super) fn new(inner: Incoming, host: String, flight: Flight) -> Self {
        Self { inner, host, _flight: flight }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        polled.map(|frame| frame.map(|f| f.map_err(|e| classify::during(&e, &self.host))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
