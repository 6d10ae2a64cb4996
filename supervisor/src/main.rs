//! LLM Link: one local endpoint in front of every LLM provider. Reads the command line and starts the role.
#![cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the roles that use the rest are added by their own change")
)]

mod cli;
mod control;
mod fleet {
    pub(crate) mod output;
}
mod lifecycle;
mod router;
mod settings;

use cli::{Command, out};
use settings::Host;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let account = Host::account();
    let command = match cli::parse(std::env::args_os(), &Host, account) {
        Ok(command) => command,
        Err(stop) => return stop.say(&mut out::stdout(), &mut out::stderr()),
    };
    match command {
        Command::Report(report) => report.print(&mut out::stdout(), &Host, account),
        Command::Serve(_)
        | Command::Status { .. }
        | Command::Control { .. }
        | Command::Router
        | Command::Worker { .. } => {
            let said = out::stderr().write_all(b"llm-link: this role is not part of this build\n");
            drop(said);
            ExitCode::FAILURE
        }
    }
}
