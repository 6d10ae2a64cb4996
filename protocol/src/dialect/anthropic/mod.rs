//! Anthropic Messages: `POST /v1/messages`, named SSE events, blocks opened and closed one at a time.

mod decode_block;
mod decode_events;
mod decode_request;
mod encode_block;
mod encode_events;
mod encode_request;
pub mod failure;
mod marks;
pub mod quirks;
pub(crate) mod tap;
pub(crate) mod usage;
mod wire;

pub(crate) use decode_events::Decoder;
pub(crate) use decode_request::decode_request;
pub(crate) use encode_events::{Encoder, encode_response};
pub(crate) use encode_request::encode_request;
pub use marks::carries_own_marks;
pub use quirks::Quirks;

const HERE: super::Dialect = super::Dialect::Anthropic;
