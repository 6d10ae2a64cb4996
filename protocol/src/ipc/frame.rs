//! The frame: 16 bytes of head, a bincode header, raw body bytes.
//!
//! ```text
//! 0      2     3      4      5     6        8       12        16
//! | magic | ver | type | flags | 0 | hdr_len | stream | body_len | header … | body …
//! ```
//! All numbers little-endian. Pure: bytes in, frames out; bounded whatever the peer sends.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes before header and body.
pub const HEAD: usize = 16;
/// Largest body of one frame.
pub const MAX_BODY: usize = 64 * 1024;
/// Largest body that [`super::mux`] puts in one DATA frame, so that big bodies interleave.
pub const DATA_BODY: usize = 16 * 1024;
/// Written into every frame.
pub const VERSION: u8 = 1;

const MAGIC: u16 = 0x4C4C;

/// What a frame is. Closed: an unknown number is a protocol error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameType {
    Hello = 1,
    HelloAck = 2,
    /// A call's head, and the first bytes of its body.
    Open = 3,
    /// More bytes of a body. A header, if there is one, tells what of the answer is not among them.
    Data = 4,
    /// The reply's head, and the first bytes of its body.
    Head = 5,
    /// The reply is complete; header is the trailer.
    End = 6,
    /// The body is a little-endian u32: more bytes the sender of this frame will accept on that stream.
    Credit = 7,
    Reset = 8,
    GoAway = 9,
    Ping = 10,
    Pong = 11,
    /// A message of the control conversation.
    Control = 12,
}

impl FrameType {
    fn from_byte(b: u8) -> Option<Self> {
        use FrameType as T;
        Some(match b {
            1 => T::Hello,
            2 => T::HelloAck,
            3 => T::Open,
            4 => T::Data,
            5 => T::Head,
            6 => T::End,
            7 => T::Credit,
            8 => T::Reset,
            9 => T::GoAway,
            10 => T::Ping,
            11 => T::Pong,
            12 => T::Control,
            _ => return None,
        })
    }
}

/// Bits of the flags byte.
pub mod flag {
    /// The sender's body is complete with this frame.
    pub const END: u8 = 1;
    /// With the end of this body the answer is committed: it holds the first content-bearing event.
    pub const COMMIT: u8 = 2;
    /// With the end of this body the client has the answer's own terminator: what breaks after it cuts nothing.
    pub const LAST: u8 = 8;
    /// More frames of the same control message follow; their bodies are one.
    pub const MORE: u8 = 4;
}

/// One frame, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: FrameType,
    pub flags: u8,
    pub stream: u32,
    pub header: Bytes,
    pub body: Bytes,
}

/// Why bytes are not a frame. Each of these ends the connection they came on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("bad magic {0:#06x}")]
    Magic(u16),
    #[error("frame version {0}, this build speaks {VERSION}")]
    Version(u8),
    #[error("unknown frame type {0}")]
    Type(u8),
    #[error("reserved byte is {0}, not 0")]
    Reserved(u8),
    #[error("body of {0} bytes is over the limit of {MAX_BODY}")]
    BodyTooLong(usize),
}

impl Frame {
    /// A frame without header and body.
    pub fn bare(kind: FrameType, stream: u32) -> Self {
        Self { kind, flags: 0, stream, header: Bytes::new(), body: Bytes::new() }
    }

    /// The 16 bytes before header and body.
    pub fn head(&self) -> [u8; HEAD] {
        let (header_len, body_len) = (self.header.len(), self.body.len());
        Head { kind: self.kind, flags: self.flags, stream: self.stream, header_len, body_len }.bytes()
    }

    /// Appends the whole frame.
    pub fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.head());
        out.extend_from_slice(&self.header);
        out.extend_from_slice(&self.body);
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> usize {
        HEAD + self.header.len() + self.body.len()
    }
}

/// The 16 bytes before header and body, decoded: what the frame is and how much follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub kind: FrameType,
    pub flags: u8,
    pub stream: u32,
    pub header_len: usize,
    pub body_len: usize,
}

impl Head {
    /// Reads and checks the head; both lengths are within their limits.
    pub fn parse(h: &[u8; HEAD]) -> Result<Self, FrameError> {
        let magic = u16::from_le_bytes([h[0], h[1]]);
        if magic != MAGIC {
            return Err(FrameError::Magic(magic));
        }
        if h[2] != VERSION {
            return Err(FrameError::Version(h[2]));
        }
        let kind = FrameType::from_byte(h[3]).ok_or(FrameError::Type(h[3]))?;
        if h[5] != 0 {
            return Err(FrameError::Reserved(h[5]));
        }
        let header_len = usize::from(u16::from_le_bytes([h[6], h[7]]));
        let stream = u32::from_le_bytes([h[8], h[9], h[10], h[11]]);
        let body_len = u32::from_le_bytes([h[12], h[13], h[14], h[15]]) as usize;
        if body_len > MAX_BODY {
            return Err(FrameError::BodyTooLong(body_len));
        }
        Ok(Self { kind, flags: h[4], stream, header_len, body_len })
    }

    /// The 16 bytes.
    pub fn bytes(&self) -> [u8; HEAD] {
        let mut h = [0u8; HEAD];
        h[0..2].copy_from_slice(&MAGIC.to_le_bytes());
        h[2] = VERSION;
        h[3] = self.kind as u8;
        h[4] = self.flags;
        h[6..8].copy_from_slice(&(self.header_len as u16).to_le_bytes());
        h[8..12].copy_from_slice(&self.stream.to_le_bytes());
        h[12..16].copy_from_slice(&(self.body_len as u32).to_le_bytes());
        h
    }

    /// Bytes of the whole frame.
    pub fn wire_len(&self) -> usize {
        HEAD + self.header_len + self.body_len
    }
}

/// Takes the first whole frame off `buf`; `None` = more bytes are needed.
/// Header and body share one allocation of their own.
pub fn decode(buf: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let Some(first) = buf.first_chunk::<HEAD>() else { return Ok(None) };
    let head = Head::parse(first)?;
    let whole = head.wire_len();
    if buf.len() < whole {
        buf.reserve(whole - buf.len());
        return Ok(None);
    }
    // Copied, so that a frame kept for long does not keep a whole read buffer alive.
    let mut bytes = Bytes::copy_from_slice(&buf[HEAD..whole]);
    buf.advance(whole);
    let header = bytes.split_to(head.header_len);
    Ok(Some(Frame { kind: head.kind, flags: head.flags, stream: head.stream, header, body: bytes }))
}
