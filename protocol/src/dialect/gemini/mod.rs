//! Gemini: `POST models/{model}:generateContent` and `:streamGenerateContent`, SSE without names or terminator.

mod decode_events;
mod decode_part;
mod decode_request;
mod encode_events;
mod encode_part;
mod encode_request;
pub mod failure;
mod grounding;
pub mod names;
mod partial;
pub mod quirks;
mod schema;
pub(crate) mod tap;
pub(crate) mod usage;
mod wire;

pub(crate) use decode_events::Decoder;
pub(crate) use decode_request::decode_request;
pub(crate) use encode_events::{Encoder, encode_response};
pub(crate) use encode_request::encode_request;
pub use quirks::Quirks;
