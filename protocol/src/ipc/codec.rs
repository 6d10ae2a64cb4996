//! bincode, in one place: the `legacy` layout (fixed-size little-endian, readable by three other crates)
//! with a limit just under 64 KiB, and nothing left over after a value.
//!
//! Wire types hold no zero-sized element types (a length of 2⁴⁰ of them would spin) and do not recurse
//! (a deep value would overflow the stack before the limit counts).

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest encoded header in bytes: what the frame's 16-bit length can say.
pub const MAX_HEADER: usize = 64 * 1024 - 1;

fn config() -> Configuration<LittleEndian, Fixint, Limit<MAX_HEADER>> {
    bincode::config::legacy().with_limit::<MAX_HEADER>()
}

/// Why a header could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("header cannot be encoded: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    #[error("header cannot be decoded: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    #[error("{left} bytes left over after the header")]
    LeftOver { left: usize },
    #[error("header of {len} bytes is over the limit of {MAX_HEADER}")]
    TooLong { len: usize },
}

/// The bytes of one header.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(value, config())?;
    if bytes.len() > MAX_HEADER {
        return Err(CodecError::TooLong { len: bytes.len() });
    }
    Ok(bytes)
}

/// The header in these bytes, all of them.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config())?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(CodecError::LeftOver { left }),
    }
}
