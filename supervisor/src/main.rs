//! LLM Link: one local endpoint in front of every LLM provider, each in its own supervised process.
//! Reads the command line and starts what it asks for.

mod cli;
mod control;
mod fleet;
mod import;
mod install;
mod journal;
mod ledger;
mod lifecycle;
mod logging;
mod operate;
mod people;
mod record;
mod router;
mod sealed;
mod serve;
mod settings;
#[cfg_attr(not(test), expect(dead_code, reason = "called by the control plane, which is its own change"))]
mod store;
mod telemetry;
#[cfg_attr(not(test), expect(dead_code, reason = "called by the control plane, which is its own change"))]
mod vault;

use cli::{Command, out};
use settings::Host;
use std::process::ExitCode;

/// What hello messages and the status call this build.
const BUILD: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let account = Host::account();
    let command = match cli::parse(std::env::args_os(), &Host, account, operate::now_ms()) {
        Ok(command) => command,
        Err(stop) => return stop.say(&mut out::stdout(), &mut out::stderr()),
    };
    match command {
        Command::Serve(source) => {
            lifecycle::endure_file_limits();
            serve::run(source, account)
        }
        Command::Report(report) => report.print(&mut out::stdout(), &Host, account),
        Command::Operate(operation) => operate::run(operation, account),
        Command::Install(wish) => match install::install(&wish, account) {
            Ok(true) => operate::greet(account),
            Ok(false) => ExitCode::SUCCESS,
            Err(code) => code,
        },
        Command::Uninstall(wish) => install::uninstall(&wish, account),
        Command::Man(directory) => operate::man(&directory),
        Command::Router(flags) => {
            lifecycle::endure_file_limits();
            logging::start_child(&flags.log);
            router::run(&router::Args { generation: flags.generation, build: BUILD.to_owned() })
        }
        Command::Worker(flags) => {
            logging::start_child(&flags.log);
            let (provider, generation) = (flags.provider, flags.generation);
            worker::run(&worker::Args { provider, generation, build: BUILD.to_owned() })
        }
    }
}
