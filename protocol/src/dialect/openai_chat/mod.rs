//! OpenAI Chat Completions: `POST /chat/completions`, SSE with `data: [DONE]`; and the old `POST /completions`.
//!
//! The dialect of most vendors: what they do differently is [`Quirks`]. Sources: the OpenAPI description of the API,
//! recorded traffic of its vendors.

mod decode_events;
mod decode_message;
mod decode_request;
mod encode_events;
mod encode_message;
mod encode_request;
pub mod failure;
pub mod quirks;
pub(crate) mod tap;
mod think;
pub(crate) mod usage;
mod wire;

pub(crate) use decode_events::Decoder;
pub(crate) use decode_message::arguments;
pub(crate) use decode_request::{choice_word, decode_request, function, likelihood, schema_format, tool};
pub(crate) use encode_events::{Encoder, encode_response, says};
pub(crate) use encode_request::{encode_request, function_members, schema_format as write_schema_format};
pub use quirks::Quirks;
