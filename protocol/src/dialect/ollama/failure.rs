//! Ollama's error envelope: `{"error":"text"}`, the same as a last line of a stream.

use crate::model::Failure;
use serde_json::{Value, json};

pub fn body(failure: &Failure) -> Value {
    json!({"error": failure.message})
}

pub fn stream(failure: &Failure) -> Vec<u8> {
    let mut line = body(failure).to_string().into_bytes();
    line.push(b'\n');
    line
}
