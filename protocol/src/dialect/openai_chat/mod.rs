//! OpenAI Chat Completions: `POST /chat/completions`, SSE with `data: [DONE]`.

pub mod failure;
pub(crate) mod tap;
pub(crate) mod usage;
