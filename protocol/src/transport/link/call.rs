//! Handles on one stream: what router and worker hold while a call runs.

use super::Shared;
use super::driver::reset_header;
use crate::ipc::call::{CallHead, Omitted, ReplyHead, Reset, ResetCode, Trailer};
use crate::ipc::codec;
use crate::ipc::frame::{FrameType, MAX_BODY, flag};
use crate::ipc::mux::{Item, OpenError};
use crate::model::Loss;
use bytes::Bytes;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The router's end of a data connection: starts calls. Cheap to clone.
#[derive(Clone)]
pub struct Opener {
    shared: Arc<Shared>,
}

impl Opener {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Starts a call. The whole body is handed over and trickles out as credit allows; nothing of 4 KiB or
    /// more is copied.
    pub fn open(&self, head: &CallHead, body: Vec<Bytes>) -> Result<CallStream, OpenError> {
        let header = codec::encode(head).map_err(|_| OpenError::Closed)?;
        let (id, writer) = self.shared.lock().open(Bytes::from(header), body)?;
        wake(writer);
        Ok(CallStream {
            id,
            shared: Arc::clone(&self.shared),
            over: false,
            terminated: false,
            omitted: Vec::new(),
        })
    }

    /// True once the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// True while the worker answers no pings.
    pub fn is_stalled(&self) -> bool {
        self.shared.lock().is_stalled()
    }

    /// Asks the worker for a sign of life, behind the calls that wait to be sent.
    pub fn probe(&self) {
        let writer = self.shared.lock().probe();
        wake(writer);
    }

    /// Whether such a question is not answered yet.
    pub fn is_probed(&self) -> bool {
        self.shared.lock().is_probed()
    }

    /// Calls on this connection.
    pub fn in_flight(&self) -> u32 {
        self.shared.lock().len() as u32
    }
}

/// What a worker answers to one attempt. `End`, `Reset` and `Lost` are last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Head(ReplyHead),
    /// Bytes for the client; `committed`: they hold the first content-bearing event or come after it.
    Data {
        bytes: Bytes,
        committed: bool,
    },
    End(Trailer),
    /// The attempt failed; the bytes are the upstream's own error body in the client's dialect, if any.
    Reset(Reset, Bytes),
    /// The connection (so, most likely, the worker) is gone, or it answers nothing.
    Lost,
}

/// One attempt, router side. Dropped before its end, it cancels the attempt.
pub struct CallStream {
    id: u32,
    shared: Arc<Shared>,
    over: bool,
    terminated: bool,
    omitted: Vec<Loss>,
}

impl CallStream {
    /// Whether the terminator of the answer has passed: its client lacks nothing, whatever comes now.
    pub fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// What was told so far of the answer that is not in its stream; once.
    pub fn take_omitted(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.omitted)
    }

    /// The next part of the answer. Cancel safe.
    pub async fn next(&mut self) -> Answer {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// See [`Self::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        if self.over {
            return Poll::Ready(Answer::Lost);
        }
        let item = loop {
            let (item, writer) = self.shared.lock().poll_receive(self.id, cx);
            wake(writer);
            match item {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Item::Omitted { header }) => {
                    self.omitted =
                        codec::decode(&header).map_or_else(|_| Vec::new(), |told: Omitted| told.losses);
                }
                Poll::Ready(item) => break item,
            }
        };
        self.terminated |= matches!(item, Item::Data { last: true, .. });
        let answer = decode_answer(item);
        self.over = matches!(answer, Answer::End(_) | Answer::Reset(..) | Answer::Lost);
        Poll::Ready(answer)
    }

    /// Ends the attempt, saying why.
    pub fn cancel(mut self, code: ResetCode) {
        self.reset(code);
    }

    fn reset(&mut self, code: ResetCode) {
        if !self.over {
            self.over = true;
            wake(self.shared.lock().reset(self.id, reset_header(code)));
        }
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        self.reset(ResetCode::Cancel);
        self.shared.lock().release(self.id);
    }
}

fn decode_answer(item: Item) -> Answer {
    let broken = || {
        let reset = Reset { code: ResetCode::Protocol, failure: None, headers: Vec::new(), trailer: None };
        Answer::Reset(reset, Bytes::new())
    };
    match item {
        Item::Head { header } => codec::decode(&header).map_or_else(|_| broken(), Answer::Head),
        Item::Data { bytes, commit, .. } => Answer::Data { bytes, committed: commit },
        Item::End { header } => codec::decode(&header).map_or_else(|_| broken(), Answer::End),
        Item::Reset { header, body } => {
            codec::decode(&header).map_or_else(|_| broken(), |r| Answer::Reset(r, body))
        }
        Item::BodyEnd | Item::Omitted { .. } => broken(),
        Item::Lost => Answer::Lost,
    }
}

/// The worker's end of a data connection: calls as they come.
pub struct Incoming {
    shared: Arc<Shared>,
}

impl Incoming {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The next call; `None` once the connection is gone. A head that cannot be decoded is refused.
    pub async fn next(&mut self) -> Option<Call> {
        loop {
            let (id, header) = poll_fn(|cx| self.shared.lock().poll_accept(cx)).await?;
            let body = RequestBody { id, shared: Arc::clone(&self.shared) };
            let mut reply = Reply { id, shared: Arc::clone(&self.shared), over: false };
            match codec::decode::<CallHead>(&header) {
                Ok(head) => return Some(Call { head, body, reply }),
                Err(_) => reply.reset_bare(ResetCode::Protocol),
            }
        }
    }

    /// From now on every new call is answered with REFUSED.
    pub fn refuse_new(&self) {
        self.shared.lock().refuse_new(true);
    }

    /// Takes calls again.
    pub fn take_new(&self) {
        self.shared.lock().refuse_new(false);
    }
}

/// One call, worker side.
pub struct Call {
    pub head: CallHead,
    pub body: RequestBody,
    pub reply: Reply,
}

/// The client's bytes.
pub struct RequestBody {
    id: u32,
    shared: Arc<Shared>,
}

impl RequestBody {
    /// The next bytes; `None` = complete; `Err` = the call is over. Cancel safe.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Gone>>> {
        let (item, writer) = self.shared.lock().poll_receive(self.id, cx);
        wake(writer);
        match item {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Item::Data { bytes, .. }) => Poll::Ready(Some(Ok(bytes))),
            Poll::Ready(Item::BodyEnd) => Poll::Ready(None),
            Poll::Ready(_) => Poll::Ready(Some(Err(Gone))),
        }
    }

    /// See [`Self::poll_next`].
    pub async fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.shared.lock().release(self.id);
    }
}

/// The router reset the call or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call was cancelled")]
pub struct Gone;

/// The answer to one call. Dropped before its end, it resets the stream as a failure of ours.
pub struct Reply {
    id: u32,
    shared: Arc<Shared>,
    over: bool,
}

impl Reply {
    /// Sends the head of the answer.
    pub fn head(&mut self, head: &ReplyHead) {
        if let Ok(header) = codec::encode(head) {
            self.frame(FrameType::Head, Bytes::from(header), Bytes::new());
        }
    }

    /// Sends bytes of the answer, waiting while the client does not take what was sent. Cancel safe until it
    /// has waited. `Err` = the call is over.
    pub async fn data(&mut self, mut bytes: Bytes, commit: Commit) -> Result<(), Gone> {
        let flags = match commit {
            Commit::Held => 0,
            Commit::Committed => flag::COMMIT,
            Commit::Terminated => flag::COMMIT | flag::LAST,
        };
        let sent = poll_fn(|cx| self.shared.lock().poll_send(self.id, cx, &mut bytes, flags)).await;
        wake(sent.map_err(|_over| Gone)?);
        Ok(())
    }

    /// Tells what of the answer is not in its stream; once, before its terminator.
    pub fn omitted(&mut self, losses: Vec<Loss>) {
        if let Ok(header) = codec::encode(&Omitted { losses }) {
            self.frame(FrameType::Data, Bytes::from(header), Bytes::new());
        }
    }

    /// The answer is complete and valid.
    pub fn end(mut self, trailer: &Trailer) {
        if let Ok(header) = codec::encode(trailer) {
            self.frame(FrameType::End, Bytes::from(header), Bytes::new());
            self.over = true;
        }
    }

    /// The answer failed; `body` is the upstream's own error body in the client's dialect, or empty. One too
    /// large for a frame is left out: the failure in `reset` says what happened.
    pub fn fail(mut self, reset: &Reset, body: Bytes) {
        let body = if body.len() > MAX_BODY { Bytes::new() } else { body };
        if let Ok(header) = codec::encode(reset) {
            self.frame(FrameType::Reset, Bytes::from(header), body);
            self.over = true;
        }
    }

    /// A watch on this call's end from the router's side, to be held beside the reply. One at a time.
    pub fn cancellation(&self) -> Cancellation {
        Cancellation { id: self.id, shared: Arc::clone(&self.shared) }
    }

    fn frame(&mut self, kind: FrameType, header: Bytes, body: Bytes) {
        wake(self.shared.lock().send_frame(self.id, kind, header, body));
    }

    fn reset_bare(&mut self, code: ResetCode) {
        self.over = true;
        wake(self.shared.lock().reset(self.id, reset_header(code)));
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.over {
            self.reset_bare(ResetCode::Protocol);
        }
        self.shared.lock().release(self.id);
    }
}

/// See [`Reply::cancellation`].
pub struct Cancellation {
    id: u32,
    shared: Arc<Shared>,
}

impl Cancellation {
    /// Resolves when the router reset the call or is gone. Cancel safe.
    pub async fn cancelled(&self) {
        poll_fn(|cx| self.shared.lock().poll_cancelled(self.id, cx)).await;
    }
}

/// Whether bytes of an answer commit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Another candidate could still take over.
    Held,
    /// They hold the first content-bearing event, or come after it.
    Committed,
    /// They end with the terminator of the answer: the client has all of it.
    Terminated,
}
