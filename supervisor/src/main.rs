//! llm-link
mod router;
fn main() {}
