//! One stream: what waits to go out, what came in, and the credit between them.

use super::WINDOW;
use crate::ipc::frame::{DATA_BODY, Frame, FrameType, flag};
use bytes::Bytes;
use std::collections::VecDeque;
use std::task::Waker;

/// What a handle receives. `End`, `Reset` and `Lost` are terminal: nothing follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The reply's typed head (router side only).
    Head {
        header: Bytes,
    },
    Data {
        bytes: Bytes,
        commit: bool,
        /// They end with the terminator of the answer.
        last: bool,
    },
    /// What of the answer is not among its bytes (router side only).
    Omitted {
        header: Bytes,
    },
    /// The request's body is complete (worker side only).
    BodyEnd,
    /// The reply is complete; header is the trailer (router side only).
    End {
        header: Bytes,
    },
    Reset {
        header: Bytes,
        body: Bytes,
    },
    /// The connection is gone.
    Lost,
}

impl Item {
    fn is_terminal(&self) -> bool {
        matches!(self, Item::End { .. } | Item::Reset { .. } | Item::Lost)
    }
}

/// Something waiting to go out, in the stream's order.
#[derive(Debug)]
pub(super) enum Out {
    /// Needs no credit.
    Frame { kind: FrameType, flags: u8, header: Bytes, body: Bytes },
    /// Needs credit for every byte; may be cut into several frames. Flags go with the last of them.
    Data { bytes: Bytes, flags: u8 },
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Stream {
    out: VecDeque<Out>,
    /// Bytes in `out` that wait for credit.
    pub(super) queued: usize,
    send_credit: u32,
    /// In the table's turn queue.
    pub(super) scheduled: bool,
    inbox: VecDeque<Item>,
    /// Bytes the peer may still send.
    recv_credit: u32,
    /// Bytes taken by the handle and not yet granted again.
    consumed: u32,
    /// A terminal item was received (or made) for this stream.
    pub(super) closed_in: bool,
    /// A terminal frame was queued by our side.
    pub(super) closed_out: bool,
    /// A committed chunk was received.
    pub(super) committed: bool,
    /// The reply's head was received; there is one.
    headed: bool,
    /// What is not in the reply was received; once.
    omitted: bool,
    /// The end of the request's body was received; nothing of it may follow.
    body_ended: bool,
    /// Handles alive: the row stays while there are any.
    pub(super) handles: u8,
    pub(super) recv_waker: Option<Waker>,
    pub(super) send_waker: Option<Waker>,
    pub(super) cancel_waker: Option<Waker>,
}

impl Stream {
    pub(super) fn new(handles: u8) -> Self {
        Self {
            out: VecDeque::new(),
            queued: 0,
            send_credit: WINDOW,
            scheduled: false,
            inbox: VecDeque::new(),
            recv_credit: WINDOW,
            consumed: 0,
            closed_in: false,
            closed_out: false,
            committed: false,
            headed: false,
            omitted: false,
            body_ended: false,
            handles,
            recv_waker: None,
            send_waker: None,
            cancel_waker: None,
        }
    }

    pub(super) fn queue(&mut self, out: Out) {
        if let Out::Data { bytes, .. } = &out {
            self.queued += bytes.len();
        }
        self.out.push_back(out);
    }

    /// Drops everything not yet written: the stream is over.
    pub(super) fn clear_out(&mut self) {
        self.out.clear();
        self.queued = 0;
    }

    /// The Open frame was not written yet: the peer does not know of this stream.
    pub(super) fn holds_open(&self) -> bool {
        matches!(self.out.front(), Some(Out::Frame { kind: FrameType::Open, .. }))
    }

    pub(super) fn flushed(&self) -> bool {
        self.out.is_empty()
    }

    /// True when the next thing in line may go out now.
    pub(super) fn sendable(&self) -> bool {
        match self.out.front() {
            None => false,
            Some(Out::Frame { .. }) => true,
            Some(Out::Data { bytes, .. }) => bytes.is_empty() || self.send_credit > 0,
        }
    }

    /// The next frame, as far as credit allows.
    pub(super) fn next_frame(&mut self, id: u32) -> Option<Frame> {
        if !self.sendable() {
            return None;
        }
        match self.out.pop_front()? {
            Out::Frame { kind, flags, header, body } => {
                self.send_credit = self.send_credit.saturating_sub(body.len() as u32);
                Some(Frame { kind, flags, stream: id, header, body })
            }
            Out::Data { mut bytes, flags } => {
                let n = bytes.len().min(self.send_credit as usize).min(DATA_BODY);
                let now = bytes.split_to(n);
                self.send_credit -= n as u32;
                self.queued -= n;
                let last = bytes.is_empty();
                if !last {
                    self.out.push_front(Out::Data { bytes, flags });
                }
                let flags = if last { flags } else { flags & !flag::END };
                Some(Frame { kind: FrameType::Data, flags, stream: id, header: Bytes::new(), body: now })
            }
        }
    }

    /// More credit from the peer. False = the sum is absurd.
    pub(super) fn grant(&mut self, more: u32) -> bool {
        match self.send_credit.checked_add(more) {
            Some(sum) if sum <= 2 * WINDOW => {
                self.send_credit = sum;
                true
            }
            _ => false,
        }
    }

    /// Bytes arrived. False = more than was granted.
    pub(super) fn take_credit(&mut self, n: usize) -> bool {
        match self.recv_credit.checked_sub(n as u32) {
            Some(left) => {
                self.recv_credit = left;
                true
            }
            None => false,
        }
    }

    /// Notes the reply's head. False = it was there already: items that cost no credit come once.
    pub(super) fn take_head(&mut self) -> bool {
        !std::mem::replace(&mut self.headed, true)
    }

    /// Notes what is not in the reply. False = it was told already.
    pub(super) fn take_omitted(&mut self) -> bool {
        !std::mem::replace(&mut self.omitted, true)
    }

    /// Notes a piece of the request's body, perhaps its last. False = the body had ended.
    pub(super) fn take_body(&mut self, last: bool) -> bool {
        let ended = self.body_ended;
        self.body_ended |= last;
        !ended
    }

    /// Puts an item in the inbox; after a terminal one nothing more gets in.
    pub(super) fn deliver(&mut self, item: Item) -> Option<Waker> {
        if self.closed_in {
            return None;
        }
        if item.is_terminal() {
            self.closed_in = true;
        }
        self.inbox.push_back(item);
        self.recv_waker.take()
    }

    /// Replaces whatever was not read yet by one terminal item.
    pub(super) fn abort(&mut self, item: Item) -> [Option<Waker>; 3] {
        if !self.closed_in {
            self.closed_in = true;
            self.inbox.push_back(item);
        }
        [self.recv_waker.take(), self.send_waker.take(), self.cancel_waker.take()]
    }

    /// The next item for the handle, and the credit to grant for it, if that is due.
    pub(super) fn receive(&mut self) -> (Option<Item>, Option<u32>) {
        let item = self.inbox.pop_front();
        let Some(Item::Data { bytes, .. }) = &item else { return (item, None) };
        self.consumed += bytes.len() as u32;
        if self.closed_in || self.consumed < WINDOW / 2 {
            return (item, None);
        }
        let grant = std::mem::take(&mut self.consumed);
        self.recv_credit += grant;
        (item, Some(grant))
    }
}
