//! Frames gathered for one vectored write: small ones are copied together, large bodies ride along uncopied.

use crate::ipc::frame::Frame;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Bodies from this size are not copied.
const COPY_BELOW: usize = 4 * 1024;
/// A batch takes no more frames beyond either bound.
const FULL_BYTES: usize = 64 * 1024;
const FULL_FRAMES: usize = 256;
const MAX_SLICES: usize = 64;

/// Bytes on their way out, in order.
#[derive(Debug, Default)]
pub struct Batch {
    whole: VecDeque<Bytes>,
    tail: BytesMut,
    bytes: usize,
    frames: usize,
}

impl Batch {
    /// True when everything pushed was written.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// True when it should be written before more is pushed.
    pub fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES || self.frames >= FULL_FRAMES
    }

    /// Frames and bytes in it.
    pub fn size(&self) -> (usize, usize) {
        (self.frames, self.bytes)
    }

    /// Appends one frame.
    pub fn push(&mut self, frame: Frame) {
        self.frames += 1;
        self.bytes += frame.wire_len();
        if frame.body.len() < COPY_BELOW {
            frame.write(&mut self.tail);
            return;
        }
        self.tail.extend_from_slice(&frame.head());
        self.tail.extend_from_slice(&frame.header);
        self.seal();
        self.whole.push_back(frame.body);
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.whole.push_back(self.tail.split().freeze());
        }
    }

    /// The unwritten bytes as slices for `writev`.
    pub fn slices(&mut self) -> Vec<IoSlice<'_>> {
        self.seal();
        self.whole.iter().take(MAX_SLICES).map(|b| IoSlice::new(b)).collect()
    }

    /// Forgets the first `n` bytes: they were written.
    pub fn advance(&mut self, mut n: usize) {
        self.bytes -= n;
        while n > 0 {
            let Some(first) = self.whole.front_mut() else { break };
            let step = first.len().min(n);
            first.advance(step);
            n -= step;
            if first.is_empty() {
                self.whole.pop_front();
            }
        }
        if self.bytes == 0 {
            self.frames = 0;
        }
    }
}
