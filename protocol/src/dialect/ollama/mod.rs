//! Ollama's native API: `POST /api/chat` and `/api/generate`, NDJSON, streaming by default.

mod decode_events;
mod decode_request;
mod encode_events;
mod encode_request;
pub mod failure;
pub(crate) mod tap;
pub(crate) mod usage;
mod wire;

pub(crate) use decode_events::Decoder;
pub(crate) use decode_request::decode_request;
pub(crate) use encode_events::{Encoder, encode_response};
pub(crate) use encode_request::encode_request;
