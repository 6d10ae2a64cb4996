//! Gemini: `POST models/{model}:generateContent` and `:streamGenerateContent`, SSE without names or terminator.

pub mod failure;
pub(crate) mod tap;
pub(crate) mod usage;
