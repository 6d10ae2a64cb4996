//! Ollama's native API: `POST /api/chat` and `/api/generate`, NDJSON, streaming by default.

pub mod failure;
pub(crate) mod tap;
pub(crate) mod usage;
