//! LLM Link: one local endpoint in front of every LLM provider.
#![expect(
    dead_code,
    unused_imports,
    reason = "the roles that use these modules are added by their own change"
)]

mod settings;

fn main() {}
