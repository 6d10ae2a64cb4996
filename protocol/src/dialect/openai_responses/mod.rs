//! OpenAI Responses: `POST /responses`, named SSE events, no `[DONE]`.

pub mod failure;
pub(crate) mod tap;
pub(crate) mod usage;
