//! All streams of one connection, and the rules between them.

use super::WINDOW;
use super::batch::Batch;
use super::stream::{Item, Out, Stream};
use crate::ipc::frame::{DATA_BODY, Frame, FrameType, flag};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::task::{Context, Poll, Waker};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The router: opens streams.
    Opener,
    /// The worker: accepts at most this many at once.
    Acceptor { max_streams: u32 },
}

/// Why a stream cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the connection to the worker is closed")]
    Closed,
    #[error("the worker takes no new calls")]
    GoingAway,
    #[error("the worker has as many calls as it takes")]
    Full,
}

/// The peer broke the protocol: the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("{0:?} frame on stream {1} makes no sense here")]
    Unexpected(FrameType, u32),
    #[error("stream {0} sent more than it was granted")]
    OverCredit(u32),
    #[error("stream {0} was granted an absurd credit")]
    AbsurdCredit(u32),
    #[error("stream {0} was opened twice or out of order")]
    Reopened(u32),
    #[error("the peer asks faster than it reads")]
    Flood,
}

/// The stream ended from the peer's side, or with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;

/// Frames that may wait outside the streams' own queues.
const MAX_URGENT: usize = 16 * 1024;

/// Stream ids count up from 1: the id is its own hash.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // Spread the bits: hashbrown takes bucket and tag from opposite ends.
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 << 8) | u64::from(*b);
        }
    }
    fn write_u32(&mut self, n: u32) {
        self.0 = u64::from(n);
    }
}

/// Most polls come from the task that polled before: its waker is there already.
fn remember(slot: &mut Option<Waker>, cx: &Context<'_>) {
    if !slot.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        *slot = Some(cx.waker().clone());
    }
}

/// The table. Every method is quick and never blocks; wakers that must be woken are handed out, so that the
/// caller can wake them outside its lock.
pub struct Mux {
    side: Side,
    streams: HashMap<u32, Stream, BuildHasherDefault<IdHasher>>,
    /// Opener: the next id to give. Acceptor: the highest id seen.
    last_id: u32,
    /// Streams that have something to send, in turn.
    turns: VecDeque<u32>,
    /// Frames of no stream's queue: credit, resets of unknown streams, ping, pong, goaway.
    urgent: VecDeque<Frame>,
    accepted: VecDeque<(u32, Bytes)>,
    peer_max: u32,
    refusing: bool,
    going_away: bool,
    closed: bool,
    writer: Option<Waker>,
    acceptor: Option<Waker>,
    stalled: bool,
    /// Pings sent, and how many of them are answered: in turn.
    pings: u64,
    pongs: u64,
    probe: Probe,
}

/// The turn of no stream: the probe's.
const PROBE: u32 = 0;

/// A Ping that waits its turn as a stream does; see [`Mux::probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Nothing,
    Queued,
    /// It was the ping of that number.
    Sent(u64),
}

impl Mux {
    /// An empty table. `peer_max`: streams the peer takes at once (opener side).
    pub fn new(side: Side, peer_max: u32) -> Self {
        Self {
            side,
            streams: HashMap::default(),
            last_id: 0,
            turns: VecDeque::new(),
            urgent: VecDeque::new(),
            accepted: VecDeque::new(),
            peer_max,
            refusing: false,
            going_away: false,
            closed: false,
            writer: None,
            acceptor: None,
            stalled: false,
            pings: 0,
            pongs: 0,
            probe: Probe::Nothing,
        }
    }

    /// Streams in the table.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// True when no stream is in the table.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// True once the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The peer answers no pings: better not to open streams now.
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// See [`Self::is_stalled`].
    pub fn set_stalled(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// Opens a stream whose whole body is known. Returns its id and the writer to wake.
    pub fn open(&mut self, header: Bytes, body: Vec<Bytes>) -> Result<(u32, Option<Waker>), OpenError> {
        if self.closed || self.last_id == u32::MAX {
            return Err(OpenError::Closed);
        }
        if self.going_away {
            return Err(OpenError::GoingAway);
        }
        if self.streams.len() >= self.peer_max as usize {
            return Err(OpenError::Full);
        }
        self.last_id += 1;
        let id = self.last_id;
        let mut stream = Stream::new(1);
        let mut chunks = body.into_iter().filter(|b| !b.is_empty()).peekable();
        let first = match chunks.peek() {
            Some(b) if b.len() <= DATA_BODY => chunks.next().unwrap_or_default(),
            _ => Bytes::new(),
        };
        let end = |more: bool| if more { 0 } else { flag::END };
        let flags = end(chunks.peek().is_some());
        stream.queue(Out::Frame { kind: FrameType::Open, flags, header, body: first });
        while let Some(bytes) = chunks.next() {
            let flags = end(chunks.peek().is_some());
            stream.queue(Out::Data { bytes, flags });
        }
        stream.scheduled = true;
        self.streams.insert(id, stream);
        self.turns.push_back(id);
        Ok((id, self.writer.take()))
    }

    /// The next accepted stream and its head (worker side); `None` once the connection is gone.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<(u32, Bytes)>> {
        if let Some(next) = self.accepted.pop_front() {
            return Poll::Ready(Some(next));
        }
        if self.closed {
            return Poll::Ready(None);
        }
        self.acceptor = Some(cx.waker().clone());
        Poll::Pending
    }

    /// From now on every new stream is answered with REFUSED (or not, again).
    pub fn refuse_new(&mut self, refuse: bool) {
        self.refusing = refuse;
    }

    /// The next item of a stream.
    pub fn poll_receive(&mut self, id: u32, cx: &mut Context<'_>) -> (Poll<Item>, Option<Waker>) {
        let Some(stream) = self.streams.get_mut(&id) else { return (Poll::Ready(Item::Lost), None) };
        let (item, grant) = stream.receive();
        let Some(item) = item else {
            if stream.closed_in {
                return (Poll::Ready(Item::Lost), None);
            }
            remember(&mut stream.recv_waker, cx);
            return (Poll::Pending, None);
        };
        let wake = grant.and_then(|n| {
            let mut frame = Frame::bare(FrameType::Credit, id);
            frame.body = Bytes::copy_from_slice(&n.to_le_bytes());
            self.urgent.push_back(frame);
            self.writer.take()
        });
        (Poll::Ready(item), wake)
    }

    /// Queues body bytes, taken from `bytes`, once the stream's queue has room for more.
    pub fn poll_send(
        &mut self,
        id: u32,
        cx: &mut Context<'_>,
        bytes: &mut Bytes,
        flags: u8,
    ) -> Poll<Result<Option<Waker>, Over>> {
        let Some(stream) = self.streams.get_mut(&id).filter(|s| !s.closed_in) else {
            return Poll::Ready(Err(Over));
        };
        if stream.queued >= WINDOW as usize {
            remember(&mut stream.send_waker, cx);
            return Poll::Pending;
        }
        if !stream.closed_out {
            stream.queue(Out::Data { bytes: std::mem::take(bytes), flags });
            Self::schedule(&mut self.turns, id, stream);
        }
        Poll::Ready(Ok(self.writer.take()))
    }

    /// Ready when the peer reset the stream or the connection is gone (worker side).
    pub fn poll_cancelled(&mut self, id: u32, cx: &mut Context<'_>) -> Poll<()> {
        match self.streams.get_mut(&id) {
            Some(s) if !s.closed_in => {
                remember(&mut s.cancel_waker, cx);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// True when the stream ended from the peer's side, or with the connection.
    #[cfg(test)]
    pub(super) fn is_over(&self, id: u32) -> bool {
        self.streams.get(&id).is_none_or(|s| s.closed_in)
    }

    /// Queues a typed frame (Head, End, Reset) behind what is queued already.
    pub fn send_frame(&mut self, id: u32, kind: FrameType, header: Bytes, body: Bytes) -> Option<Waker> {
        let terminal = matches!(kind, FrameType::End | FrameType::Reset);
        self.queue(id, Out::Frame { kind, flags: 0, header, body }, terminal)
    }

    fn queue(&mut self, id: u32, out: Out, terminal: bool) -> Option<Waker> {
        let stream = self.streams.get_mut(&id)?;
        if stream.closed_out || (stream.closed_in && matches!(self.side, Side::Acceptor { .. })) {
            return None;
        }
        stream.closed_out = terminal;
        stream.queue(out);
        Self::schedule(&mut self.turns, id, stream);
        self.writer.take()
    }

    fn schedule(turns: &mut VecDeque<u32>, id: u32, stream: &mut Stream) {
        if !stream.scheduled && stream.sendable() {
            stream.scheduled = true;
            turns.push_back(id);
        }
    }

    /// Ends a stream now: what is queued is dropped and `header` goes out as a Reset.
    pub fn reset(&mut self, id: u32, header: Bytes) -> Option<Waker> {
        let stream = self.streams.get_mut(&id)?;
        if stream.closed_in || stream.closed_out {
            return None;
        }
        let started = self.closed || !Self::withdraw(stream);
        stream.closed_out = true;
        if started {
            self.urgent.push_back(Frame { header, ..Frame::bare(FrameType::Reset, id) });
        }
        self.writer.take()
    }

    /// Takes back what was not written; true when not even the Open had gone out.
    fn withdraw(stream: &mut Stream) -> bool {
        let unsent = stream.holds_open();
        stream.clear_out();
        unsent
    }

    /// A handle is gone; the row goes with the last one, once everything queued is written.
    pub fn release(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.handles = stream.handles.saturating_sub(1);
            Self::sweep(&mut self.streams, id);
        }
    }

    fn sweep(streams: &mut HashMap<u32, Stream, BuildHasherDefault<IdHasher>>, id: u32) {
        if streams.get(&id).is_some_and(|s| s.handles == 0 && s.flushed()) {
            streams.remove(&id);
        }
    }

    /// Every stream without a committed chunk is given up: its handle sees `Lost`, the peer a Reset.
    pub fn abandon_uncommitted(&mut self, header: &Bytes, wakes: &mut Vec<Waker>) {
        for (id, stream) in &mut self.streams {
            if stream.committed || stream.closed_in {
                continue;
            }
            stream.clear_out();
            stream.closed_out = true;
            wakes.extend(stream.abort(Item::Lost).into_iter().flatten());
            self.urgent.push_back(Frame { header: header.clone(), ..Frame::bare(FrameType::Reset, *id) });
        }
        wakes.extend(self.writer.take());
    }

    /// The connection is gone: every stream ends with `Lost`.
    pub fn close(&mut self, wakes: &mut Vec<Waker>) {
        self.closed = true;
        for stream in self.streams.values_mut() {
            stream.clear_out();
            wakes.extend(stream.abort(Item::Lost).into_iter().flatten());
        }
        self.streams.retain(|_, s| s.handles > 0);
        self.turns.clear();
        self.urgent.clear();
        wakes.extend(self.writer.take());
        wakes.extend(self.acceptor.take());
    }

    /// Sends a Ping.
    pub fn ping(&mut self) -> Option<Waker> {
        self.pings += 1;
        self.urgent.push_back(Frame::bare(FrameType::Ping, 0));
        self.writer.take()
    }

    /// Sends a Ping behind what waits to be sent now: it is answered when a stream that is opened now would be taken.
    /// Nothing happens while one is under way.
    pub fn probe(&mut self) -> Option<Waker> {
        if self.probe != Probe::Nothing || self.closed {
            return None;
        }
        self.probe = Probe::Queued;
        self.turns.push_back(PROBE);
        self.writer.take()
    }

    /// Whether a probe is under way.
    pub fn is_probed(&self) -> bool {
        self.probe != Probe::Nothing
    }

    /// Moves frames into `batch` until it is full or nothing may be sent; then remembers the writer.
    pub fn fill(&mut self, batch: &mut Batch, cx: &mut Context<'_>, wakes: &mut Vec<Waker>) {
        while !batch.is_full() {
            let Some(frame) = self.urgent.pop_front() else { break };
            batch.push(frame);
        }
        while !batch.is_full() {
            let Some(id) = self.turns.pop_front() else { break };
            if id == PROBE {
                self.pings += 1;
                self.probe = Probe::Sent(self.pings);
                batch.push(Frame::bare(FrameType::Ping, 0));
                continue;
            }
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            stream.scheduled = false;
            let mut quota = DATA_BODY;
            while let Some(frame) = stream.next_frame(id) {
                quota = quota.saturating_sub(frame.wire_len());
                batch.push(frame);
                if quota == 0 {
                    break;
                }
            }
            if stream.queued < WINDOW as usize / 2 {
                wakes.extend(stream.send_waker.take());
            }
            Self::schedule(&mut self.turns, id, stream);
            Self::sweep(&mut self.streams, id);
        }
        if batch.is_empty() {
            self.writer = Some(cx.waker().clone());
        }
    }

    /// One frame from the peer.
    pub fn on_frame(&mut self, frame: Frame, wakes: &mut Vec<Waker>) -> Result<(), Violation> {
        if self.urgent.len() > MAX_URGENT {
            return Err(Violation::Flood);
        }
        match (frame.kind, self.side) {
            (FrameType::Ping, _) => {
                self.urgent.push_back(Frame::bare(FrameType::Pong, 0));
                wakes.extend(self.writer.take());
            }
            (FrameType::Pong, _) => {
                self.stalled = false;
                self.pongs += 1;
                if matches!(self.probe, Probe::Sent(number) if number <= self.pongs) {
                    self.probe = Probe::Nothing;
                }
            }
            (FrameType::GoAway, Side::Opener) => self.going_away = true,
            (FrameType::Open, Side::Acceptor { max_streams }) => self.on_open(frame, max_streams, wakes)?,
            (FrameType::Head | FrameType::End, Side::Opener)
            | (FrameType::Data | FrameType::Credit | FrameType::Reset, _) => {
                self.on_stream_frame(frame, wakes)?;
            }
            (kind, _) => return Err(Violation::Unexpected(kind, frame.stream)),
        }
        Ok(())
    }

    fn on_open(&mut self, frame: Frame, max: u32, wakes: &mut Vec<Waker>) -> Result<(), Violation> {
        let id = frame.stream;
        if id <= self.last_id {
            return Err(Violation::Reopened(id));
        }
        self.last_id = id;
        if self.refusing || self.streams.len() >= max as usize {
            self.urgent.push_back(Frame { header: refused(), ..Frame::bare(FrameType::Reset, id) });
            wakes.extend(self.writer.take());
            return Ok(());
        }
        let mut stream = Stream::new(2);
        if !stream.take_credit(frame.body.len()) {
            return Err(Violation::OverCredit(id));
        }
        if !frame.body.is_empty() {
            stream.deliver(Item::Data { bytes: frame.body, commit: false, last: false });
        }
        let last = frame.flags & flag::END != 0;
        if stream.take_body(last) && last {
            stream.deliver(Item::BodyEnd);
        }
        self.streams.insert(id, stream);
        self.accepted.push_back((id, frame.header));
        wakes.extend(self.acceptor.take());
        Ok(())
    }

    fn on_stream_frame(&mut self, frame: Frame, wakes: &mut Vec<Waker>) -> Result<(), Violation> {
        let id = frame.stream;
        if id == 0 || id > self.last_id {
            return Err(Violation::Unexpected(frame.kind, id));
        }
        // Late frames of a stream that is over here are the peer not knowing yet.
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        match frame.kind {
            FrameType::Credit => {
                let n = <[u8; 4]>::try_from(&frame.body[..]).map(u32::from_le_bytes).unwrap_or(u32::MAX);
                if !stream.grant(n) {
                    return Err(Violation::AbsurdCredit(id));
                }
                Self::schedule(&mut self.turns, id, stream);
                wakes.extend(self.writer.take());
            }
            FrameType::Reset => {
                stream.clear_out();
                let reset = Item::Reset { header: frame.header, body: frame.body };
                wakes.extend(stream.abort(reset).into_iter().flatten());
            }
            kind => return Self::on_payload(stream, kind, frame, wakes),
        }
        Self::sweep(&mut self.streams, id);
        Ok(())
    }

    fn on_payload(
        stream: &mut Stream,
        kind: FrameType,
        frame: Frame,
        wakes: &mut Vec<Waker>,
    ) -> Result<(), Violation> {
        if !stream.take_credit(frame.body.len()) {
            return Err(Violation::OverCredit(frame.stream));
        }
        let last = kind == FrameType::Data && frame.flags & flag::END != 0;
        let omits = kind == FrameType::Data && frame.body.is_empty() && !frame.header.is_empty();
        let fits = match kind {
            FrameType::Head => stream.take_head(),
            FrameType::Data if omits => stream.take_omitted(),
            FrameType::Data => stream.take_body(last),
            _ => true,
        };
        if !fits {
            return Err(Violation::Unexpected(kind, frame.stream));
        }
        match kind {
            FrameType::Head => wakes.extend(stream.deliver(Item::Head { header: frame.header })),
            FrameType::Data if omits => wakes.extend(stream.deliver(Item::Omitted { header: frame.header })),
            FrameType::End => {
                // The request body need not be read to its end for the reply to be complete.
                stream.clear_out();
                wakes.extend(stream.deliver(Item::End { header: frame.header }));
            }
            _ => {}
        }
        if !frame.body.is_empty() {
            let commit = frame.flags & flag::COMMIT != 0;
            stream.committed |= commit;
            let last = frame.flags & flag::LAST != 0;
            wakes.extend(stream.deliver(Item::Data { bytes: frame.body, commit, last }));
        }
        if last {
            wakes.extend(stream.deliver(Item::BodyEnd));
        }
        Ok(())
    }
}

/// The header of a REFUSED reset, as the codec writes it.
fn refused() -> Bytes {
    use crate::ipc::call::{Reset, ResetCode};
    let reset = Reset { code: ResetCode::Refused, failure: None, headers: Vec::new(), trailer: None };
    crate::ipc::codec::encode(&reset).map(Bytes::from).unwrap_or_default()
}
