//! Anthropic Messages: `POST /v1/messages`, named SSE events, blocks opened and closed one at a time.

pub mod failure;
pub(crate) mod tap;
pub(crate) mod usage;
