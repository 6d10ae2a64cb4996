//! LLM Link: one local endpoint in front of every LLM provider. Reads the command line and starts the role.
#![expect(dead_code, unused_imports, reason = "the composition root is on its way")]

mod control;
mod fleet {
    pub(crate) mod output;
}
mod lifecycle;
mod router;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
