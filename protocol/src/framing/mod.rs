//! Bytes to frames and back, independent of any dialect: [`sse`] for event streams, [`ndjson`] for lines of JSON.
//!
//! Owns: where a frame begins and ends under any split of the bytes, the size bound, the position of each frame in
//! the stream (so that a pass-through can keep or cut whole frames byte by byte).
//! Never: looks inside the payload, knows a dialect, drops a byte. The `raw` parts of all frames of a stream,
//! put together, are the stream.

pub mod ndjson;
pub mod sse;

pub use ndjson::{NdjsonDecoder, NdjsonLine};
pub use sse::{SseDecoder, SseEvent};

/// The largest frame a decoder accepts unless it was made with another limit: 16 MiB.
pub const FRAME_LIMIT: usize = 16 * 1024 * 1024;

/// Why a stream of bytes is no stream of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// One frame is larger than the limit in bytes.
    #[error("frame at byte {at} is larger than {limit} bytes")]
    TooLarge { at: u64, limit: usize },
}
