//! OpenAI Responses: `POST /responses`, named SSE events, no `[DONE]`.

mod decode_events;
mod decode_item;
mod decode_request;
mod encode_events;
mod encode_item;
mod encode_request;
pub mod failure;
mod marks;
mod output_item;
pub(crate) mod tap;
pub(crate) mod usage;
mod wire;

pub(crate) use decode_events::Decoder;
pub(crate) use decode_request::decode_request;
pub(crate) use encode_events::{Encoder, LastDelta, encode_response};
pub(crate) use encode_request::{encode_request, is_custom, split_namespace};
pub use marks::{OwnItems, own_items};
pub(crate) use output_item::says;
