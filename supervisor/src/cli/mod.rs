//! The command line: arguments in, one [`Command`] out.
//!
//! Owns every flag, including those of llm-link 0.7, and the commands that only print. Never starts a process,
//! opens a socket, writes a file or reads the environment: what it needs of the machine comes through [`Secrets`].

mod apps;
mod arguments;
mod check;
pub(crate) mod deed;
pub(crate) mod exit;
mod legacy;
pub(crate) mod manual;
pub(crate) mod out;
pub(crate) mod patch;
mod presets;
pub(crate) mod show;
#[cfg(test)]
mod tests;
mod when;
mod words;

pub(crate) use arguments::{RouterFlags, WorkerFlags};

use crate::install::Wish;
use crate::settings::{Account, Mistakes, Origin, Overrides, Secrets};
use clap::Parser;
use clap::error::ErrorKind;
use clap_complete::Shell;
use deed::Deed;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// The configuration cannot be used.
pub(crate) const EXIT_CONFIGURATION: u8 = 78;

/// What to do.
pub(crate) enum Command {
    Serve(Source),
    /// Ask a running instance for something.
    Operate(Operation),
    /// Only print.
    Report(Report),
    /// Make a service of this executable.
    Install(Wish),
    /// Undo that.
    Uninstall(Wish),
    /// Write the manual pages into this directory.
    Man(PathBuf),
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

/// Something a running instance is asked for.
pub(crate) struct Operation {
    /// Which instance.
    pub(crate) source: Source,
    pub(crate) format: Format,
    pub(crate) deed: Deed,
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
    ListPresets(Format),
    ShowPreset { name: String, format: Format },
    ListApps,
    AppInfo(String),
    ListModels { provider: Option<String> },
    Completions(Shell),
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
    now_ms: i64,
) -> Result<Command, Stop> {
    arguments::Arguments::try_parse_from(arguments)?.command(secrets, account, now_ms)
}

impl Report {
    /// Prints it and gives the exit code.
    pub(crate) fn print(&self, to: &mut dyn io::Write, secrets: &dyn Secrets, account: Account) -> ExitCode {
        let printed = match self {
            Report::Check(source) => check::check(source, to, secrets, account),
            Report::ListPresets(format) => presets::list(*format, to),
            Report::ShowPreset { name, format } => presets::show(name, *format, to),
            Report::ListApps => apps::list(to),
            Report::AppInfo(name) => apps::show(name, to),
            Report::ListModels { provider } => presets::models(provider.as_deref(), to),
            Report::Completions(shell) => manual::completions(*shell, to),
        };
        match printed {
            Ok(code) => code,
            // `llm-link presets | head` ends well.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}

impl Stop {
    /// Arguments that clap could read and that still make no sense.
    fn usage(why: String) -> Stop {
        Stop { text: format!("error: {why}\n"), code: 2 }
    }

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
