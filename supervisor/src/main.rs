//! llm-link

mod router;

use std::process::ExitCode;

fn main() -> ExitCode {
    router::run(&router::Args { generation: 1, build: env!("CARGO_PKG_VERSION").to_owned() })
}
