//! The conversation on fd 3: typed messages over an inherited socketpair, one pair of halves for each end.
//!
//! A message is one or more [`FrameType::Control`] frames: the first carries the bincode header, a body of
//! more than one frame is split and every frame but the last is flagged [`flag::MORE`]. Nothing is read
//! ahead, so bodies (a provider's key among them) live in zeroizing buffers only.
//!
//! It decides nothing: what a message means is the business of the supervisor's state machine and of the
//! child's own loop.
//!
//! ```no_run
//! # async fn child() -> Result<(), Box<dyn std::error::Error>> {
//! use protocol::ipc::control::{FromChild, Pulse, ToChild};
//! use protocol::transport::{control, inherit};
//!
//! let (mut sender, mut receiver) = control::child_end(inherit::adopt_control()?)?;
//! // ... send Hello first, see `protocol::ipc` for the order of messages ...
//! while let Some(received) = receiver.receive().await? {
//!     match received.message {
//!         ToChild::Ping { seq } => sender.send(&FromChild::Pong(Pulse { seq, ..Pulse::default() }), &[]).await?,
//!         ToChild::Shutdown => break,
//!         _other => { /* `received.body` holds JSON or the key */ }
//!     }
//! }
//! // `None`: the supervisor is gone, so is this process's reason to be.
//! # Ok(()) }
//! ```

use crate::ipc::codec::{self, CodecError};
use crate::ipc::control::{FromChild, ToChild};
use crate::ipc::frame::{FrameError, FrameType, HEAD, Head, MAX_BODY, flag};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use zeroize::Zeroizing;

/// Largest body of one message in bytes, all its frames together.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Why the conversation cannot go on. Each of these ends it.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("control socket: {0}")]
    Io(#[from] io::Error),
    #[error("control frame: {0}")]
    Frame(#[from] FrameError),
    #[error("control message: {0}")]
    Codec(#[from] CodecError),
    #[error("control frame of type {0:?} has no place in this conversation")]
    Unexpected(FrameType),
    #[error("a control message began inside another")]
    Interleaved,
    #[error("control message of more than {MAX_MESSAGE} bytes")]
    TooLong,
}

/// One message and its raw body (configuration, key, ...); empty when the message has none.
pub struct Received<M> {
    pub message: M,
    pub body: Zeroizing<Vec<u8>>,
}

/// The sending half of one end.
pub struct ControlSender<M> {
    half: OwnedWriteHalf,
    message: PhantomData<fn(M)>,
}

/// The receiving half of one end.
pub struct ControlReceiver<M> {
    half: OwnedReadHalf,
    partial: Partial,
    message: PhantomData<fn() -> M>,
}

/// What a child sends and receives.
pub type ChildEnd = (ControlSender<FromChild>, ControlReceiver<ToChild>);
/// What the supervisor sends and receives.
pub type SupervisorEnd = (ControlSender<ToChild>, ControlReceiver<FromChild>);

/// The child's end, from [`super::inherit::adopt_control`]. Needs a tokio runtime with I/O.
///
/// # Errors
/// When the socket cannot be registered with the runtime.
pub fn child_end(stream: StdStream) -> io::Result<ChildEnd> {
    halves(stream)
}

/// The supervisor's end of a socketpair. Needs a tokio runtime with I/O.
///
/// # Errors
/// When the socket cannot be registered with the runtime.
pub fn supervisor_end(stream: StdStream) -> io::Result<SupervisorEnd> {
    halves(stream)
}

fn halves<O, I>(stream: StdStream) -> io::Result<(ControlSender<O>, ControlReceiver<I>)> {
    stream.set_nonblocking(true)?;
    let (read, write) = UnixStream::from_std(stream)?.into_split();
    Ok((
        ControlSender { half: write, message: PhantomData },
        ControlReceiver { half: read, partial: Partial::default(), message: PhantomData },
    ))
}

impl<M: Serialize> ControlSender<M> {
    /// Sends one message with its body (at most [`MAX_MESSAGE`] bytes; a key fits one frame, 64 KiB).
    ///
    /// Not cancel-safe: a dropped future may leave half a frame on the wire, so give the sender to one task.
    /// Waits while the peer does not read: never call it from a task that must not wait for this peer.
    ///
    /// # Errors
    /// After any error the conversation is over.
    pub async fn send(&mut self, message: &M, body: &[u8]) -> Result<(), ControlError> {
        if body.len() > MAX_MESSAGE {
            return Err(ControlError::TooLong);
        }
        let header = codec::encode(message)?;
        let (first, mut rest) = body.split_at(body.len().min(MAX_BODY));
        self.frame(&header, first, rest).await?;
        while !rest.is_empty() {
            let (next, left) = rest.split_at(rest.len().min(MAX_BODY));
            rest = left;
            self.frame(&[], next, rest).await?;
        }
        Ok(())
    }

    async fn frame(&mut self, header: &[u8], body: &[u8], rest: &[u8]) -> Result<(), ControlError> {
        let flags = if rest.is_empty() { 0 } else { flag::MORE };
        let head = Head {
            kind: FrameType::Control,
            flags,
            stream: 0,
            header_len: header.len(),
            body_len: body.len(),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.wire_len()));
        bytes.extend_from_slice(&head.bytes());
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(body);
        Ok(self.half.write_all(&bytes).await?)
    }
}

impl<M: DeserializeOwned> ControlReceiver<M> {
    /// No part of a message has been read: another reader of the same socket could go on from here.
    pub fn is_between_messages(&self) -> bool {
        self.partial.filled == 0 && self.partial.header.is_none()
    }

    /// The next message; `None` when the peer has closed its end or is dead (also in the middle of a
    /// message, or by a reset). Cancel-safe: a dropped future loses nothing.
    ///
    /// # Errors
    /// The peer breaks the protocol: stop talking to it.
    pub async fn receive(&mut self) -> Result<Option<Received<M>>, ControlError> {
        loop {
            let whole = self.partial.wanted()?;
            if self.partial.filled < whole {
                match self.half.read(self.partial.space(whole)).await {
                    Ok(0) => return Ok(None),
                    Ok(n) => self.partial.filled += n,
                    Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                    Err(e) => return Err(e.into()),
                }
                continue;
            }
            if let Some(Received { message: header, body }) = self.partial.take()? {
                return Ok(Some(Received { message: codec::decode(&header)?, body }));
            }
        }
    }
}

/// A message on its way in: the frame being read, and what earlier frames of it brought.
#[derive(Default)]
struct Partial {
    frame: Zeroizing<Vec<u8>>,
    filled: usize,
    header: Option<Vec<u8>>,
    body: Zeroizing<Vec<u8>>,
}

impl Partial {
    fn head(&self) -> Result<Option<Head>, ControlError> {
        let bytes = self.frame.get(..self.filled).and_then(|b| b.first_chunk::<HEAD>());
        let Some(head) = bytes.map(Head::parse).transpose()? else { return Ok(None) };
        match head.kind {
            FrameType::Control => Ok(Some(head)),
            other => Err(ControlError::Unexpected(other)),
        }
    }

    /// Bytes the current frame has in all, as far as is known: first its head, then the whole.
    fn wanted(&self) -> Result<usize, ControlError> {
        Ok(self.head()?.map_or(HEAD, |head| head.wire_len()))
    }

    /// Where the next bytes go. The buffer grows by exchange, so no copy of a body is left behind.
    fn space(&mut self, whole: usize) -> &mut [u8] {
        if self.frame.len() < whole {
            let mut larger = Zeroizing::new(vec![0; whole]);
            larger[..self.filled].copy_from_slice(&self.frame[..self.filled]);
            self.frame = larger;
        }
        &mut self.frame[self.filled..whole]
    }

    /// The frame is whole: adds it to the message; gives its header and body when they are whole too.
    fn take(&mut self) -> Result<Option<Received<Vec<u8>>>, ControlError> {
        let Some(head) = self.head()? else { return Ok(None) };
        let frame = std::mem::take(&mut self.frame);
        self.filled = 0;
        let (header, body) = frame[HEAD..head.wire_len()].split_at(head.header_len);
        match self.header {
            None => self.header = Some(header.to_vec()),
            Some(_) if header.is_empty() => {}
            Some(_) => return Err(ControlError::Interleaved),
        }
        append(&mut self.body, body)?;
        if head.flags & flag::MORE != 0 {
            return Ok(None);
        }
        let body = std::mem::take(&mut self.body);
        Ok(self.header.take().map(|message| Received { message, body }))
    }
}

/// Appends within [`MAX_MESSAGE`]; grows by doubling into a new zeroizing buffer.
fn append(whole: &mut Zeroizing<Vec<u8>>, part: &[u8]) -> Result<(), ControlError> {
    let needed = whole.len() + part.len();
    if needed > MAX_MESSAGE {
        return Err(ControlError::TooLong);
    }
    if whole.capacity() < needed {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * whole.len())));
        larger.extend_from_slice(whole);
        *whole = larger;
    }
    whole.extend_from_slice(part);
    Ok(())
}

#[cfg(test)]
mod tests;
