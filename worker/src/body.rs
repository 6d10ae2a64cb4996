//! The client's body on its way to the upstream: streamed through as it arrives, with exact length, and with
//! byte ranges replaced in passing (the `model` value, `stream_options`).

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use protocol::transport::link::{Gone, RequestBody};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Where a request's bytes come from.
pub(crate) enum Source {
    /// The client, as they arrive.
    Client(RequestBody),
    /// They are all here.
    Whole(Option<Bytes>),
}

impl Source {
    /// All bytes, waiting for those under way. The router has bounded them.
    pub(crate) async fn whole(self, len: u64) -> Result<Bytes, Gone> {
        let mut this = match self {
            Source::Whole(bytes) => return Ok(bytes.unwrap_or_default()),
            Source::Client(_) => self,
        };
        let mut bytes = BytesMut::with_capacity(usize::try_from(len.min(1 << 22)).unwrap_or(0));
        while let Some(piece) = this.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes.freeze())
    }

    /// The next bytes; `None` = complete. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Gone>>> {
        match self {
            Source::Client(body) => body.poll_next(cx),
            Source::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
        }
    }
}

/// A replacement: bytes `start..end` of the client's body become `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) with: Bytes,
}

/// See the module. Patches are in ascending order and do not overlap.
pub(crate) struct PatchedBody {
    source: Source,
    cutter: Cutter,
    /// Bytes still to come out.
    left: u64,
}

impl PatchedBody {
    pub(crate) fn new(source: Source, len: u64, patches: Vec<Patch>) -> Self {
        let removed: u64 = patches.iter().map(|p| p.end - p.start).sum();
        let added: u64 = patches.iter().map(|p| p.with.len() as u64).sum();
        Self { source, cutter: Cutter::new(patches), left: len + added - removed }
    }
}

impl Body for PatchedBody {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let this = self.get_mut();
        loop {
            if let Some(bytes) = this.cutter.next() {
                this.left = this.left.saturating_sub(bytes.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            match ready!(this.source.poll_next(cx)) {
                Some(Ok(bytes)) => this.cutter.feed(bytes),
                Some(Err(gone)) => return Poll::Ready(Some(Err(gone))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Applies the patches to a body that comes in pieces. Pure.
struct Cutter {
    patches: VecDeque<Patch>,
    /// Position of the next byte to be fed.
    at: u64,
    out: VecDeque<Bytes>,
}

impl Cutter {
    fn new(patches: Vec<Patch>) -> Self {
        Self { patches: patches.into(), at: 0, out: VecDeque::new() }
    }

    fn next(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    fn feed(&mut self, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let Some(patch) = self.patches.front_mut() else {
                self.at += bytes.len() as u64;
                self.out.push_back(bytes);
                return;
            };
            if self.at < patch.start {
                let keep = bytes.split_to(bytes.len().min((patch.start - self.at) as usize));
                self.at += keep.len() as u64;
                self.out.push_back(keep);
                continue;
            }
            if !patch.with.is_empty() {
                self.out.push_back(std::mem::take(&mut patch.with));
            }
            let skip = bytes.len().min((patch.end - self.at) as usize);
            self.at += skip as u64;
            drop(bytes.split_to(skip));
            if self.at >= patch.end {
                self.patches.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: Vec<Bytes>, patches: Vec<Patch>) -> Vec<u8> {
        let mut cutter = Cutter::new(patches);
        let mut out = Vec::new();
        for piece in pieces {
            cutter.feed(piece);
            while let Some(bytes) = cutter.next() {
                out.extend_from_slice(&bytes);
            }
        }
        out
    }

    proptest! {
        /// However the body is split, the result is the body with the ranges replaced.
        #[test]
        fn any_split_gives_the_same_bytes(
            body in proptest::collection::vec(any::<u8>(), 1..200),
            cuts in proptest::collection::vec(0usize..200, 0..6),
            a in 0usize..200, b in 0usize..200, c in 0usize..200,
            with in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut marks = [a % body.len(), b % body.len(), c % body.len()];
            marks.sort_unstable();
            let [start, end, insert] = marks;
            let patches = vec![
                Patch { start: start as u64, end: end as u64, with: with.clone().into() },
                Patch { start: insert as u64, end: insert as u64, with: Bytes::from_static(b"+") },
            ];
            let mut expected = body[..start].to_vec();
            expected.extend_from_slice(&with);
            expected.extend_from_slice(&body[end..insert]);
            expected.extend_from_slice(b"+");
            expected.extend_from_slice(&body[insert..]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|n| n % body.len()).collect();
            cuts.sort_unstable();
            let whole = Bytes::from(body);
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(whole.slice(from..cut));
                from = cut;
            }
            pieces.push(whole.slice(from..));
            prop_assert_eq!(cut(pieces, patches), expected);
        }
    }
}
