//! The command line: arguments in, one [`Command`] out.
//!
//! Owns every flag, including those of llm-link 0.7, and the commands that only print. Never starts a process,
//! opens a socket or reads the environment: what it needs of the machine comes through [`Secrets`].

mod apps;
mod arguments;
mod check;
mod legacy;
pub(crate) mod out;
mod providers;
#[cfg(test)]
mod tests;

pub(crate) use arguments::{RouterFlags, WorkerFlags};

use crate::settings::{Account, Mistakes, Origin, Overrides, Secrets};
use clap::Parser;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

/// The configuration cannot be used; also sysexits.h `EX_CONFIG`.
pub(crate) const EXIT_CONFIGURATION: u8 = 78;

/// What to do.
pub(crate) enum Command {
    Serve(Source),
    /// Print how the instance that keeps its things there is doing.
    Status {
        source: Source,
        format: Format,
    },
    /// Tell the instance that keeps its things there to do something to one of its providers.
    Control {
        source: Source,
        verb: Verb,
        provider: String,
    },
    /// Only print.
    Report(Report),
    /// A child: serve HTTP.
    Router(RouterFlags),
    /// A child: serve this provider.
    Worker(WorkerFlags),
}

/// Which configuration is meant. Feed it to [`crate::settings::load`] or
/// [`find_directories`](crate::settings::find_directories).
pub(crate) struct Source {
    pub(crate) origin: Origin,
    pub(crate) overrides: Overrides,
}

/// What can be done to a provider of a running instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Start a new worker and drain the old one.
    Restart,
    /// Take no new calls.
    Drain,
    /// Undo a drain.
    Resume,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// What can be printed without a running instance.
pub(crate) enum Report {
    Check(Source),
    ListProviders(Format),
    ShowProvider { name: String, format: Format },
    ListApps,
    AppInfo(String),
    ListModels { provider: Option<String> },
}

/// The end of the program before any command: help, version, or arguments that make no sense.
pub(crate) struct Stop {
    text: String,
    code: u8,
}

/// The command in these arguments; the first is the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    secrets: &dyn Secrets,
    account: Account,
) -> Result<Command, Stop> {
    let arguments = arguments::Arguments::try_parse_from(arguments)?;
    Ok(arguments.command(secrets, account)?)
}

impl Report {
    /// Prints it and gives the exit code.
    pub(crate) fn print(&self, to: &mut dyn io::Write, secrets: &dyn Secrets, account: Account) -> ExitCode {
        let printed = match self {
            Report::Check(source) => check::check(source, to, secrets, account),
            Report::ListProviders(format) => providers::list(*format, to),
            Report::ShowProvider { name, format } => providers::show(name, *format, to),
            Report::ListApps => apps::list(to),
            Report::AppInfo(name) => apps::show(name, to),
            Report::ListModels { provider } => providers::models(provider.as_deref(), to),
        };
        match printed {
            Ok(code) => code,
            // `llm-link providers list | head` ends well.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}

impl Stop {
    /// Says why and gives the exit code: help and version on `out`, everything else on `err`.
    pub(crate) fn say(&self, out: &mut dyn io::Write, err: &mut dyn io::Write) -> ExitCode {
        let text = self.text.as_bytes();
        let said = match self.code {
            0 => out.write_all(text).and_then(|()| out.flush()),
            _ => err.write_all(text).and_then(|()| err.flush()),
        };
        // Nobody is left to tell that nobody reads this.
        drop(said);
        ExitCode::from(self.code)
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Stop {
        let code = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
            _ => 2,
        };
        Stop { text: error.render().to_string(), code }
    }
}

impl From<Mistakes> for Stop {
    fn from(mistakes: Mistakes) -> Stop {
        Stop { text: format!("{mistakes}\n"), code: EXIT_CONFIGURATION }
    }
}
