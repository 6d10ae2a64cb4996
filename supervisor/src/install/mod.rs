//! `llm-link install` and `uninstall`: what an administrator would do by hand to make a service of this executable,
//! and how it is undone. The plan is pure data ([`plan`]); one place carries it out ([`shell`]).
//!
//! Data is never touched: configuration, keys and state stay where they are, also after `uninstall`.

mod place;
mod plan;
mod shell;
#[cfg(test)]
mod tests;

use crate::cli::exit::Exit;
use crate::cli::out;
use crate::settings::{Account, Host, Secrets};
use place::Place;
use shell::Shell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// For the user who asks, without root.
    pub(crate) user: bool,
    /// Below this directory instead of `/`; nothing is started then.
    pub(crate) root: Option<PathBuf>,
    /// Put in place, but not started.
    pub(crate) no_start: bool,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum InstallError {
    #[error("a service for the whole machine needs root; `llm-link install --user` makes one of your own")]
    NotRoot,
    #[error("--user is for users; as root, leave it out")]
    RootsOwn,
    #[error("$HOME is no absolute path")]
    NoHome,
    #[error("this executable belongs to a package, which brings the service and takes it away again")]
    Packaged,
    #[error("cannot {what}: {error}")]
    Step { what: String, error: std::io::Error },
    #[error("{command} failed:\n{said}")]
    Command { command: String, said: String },
}

/// Makes the service. Gives true when it was started, so that its setup link can be asked for.
pub(crate) fn install(wish: &Wish, account: Account) -> Result<bool, ExitCode> {
    let installed = || -> Result<bool, InstallError> {
        let place = place(wish, account)?;
        let executable = own_executable()?;
        refuse_package(wish, &executable)?;
        let shell = Shell::new(wish.root.clone());
        let files = plan::files(&place, &executable);
        files.iter().try_for_each(|step| shell.take(step))?;
        let runs = wish.root.is_none() && place.manager_runs();
        if !runs || wish.no_start {
            say(&not_started(wish, &place));
            return Ok(false);
        }
        plan::start(&place).iter().try_for_each(|step| shell.take(step))?;
        say(&format!("\nllm-link runs. Its configuration is {}.", place.configuration.display()));
        Ok(true)
    };
    installed().map_err(|error| complain(&error))
}

/// Undoes it.
pub(crate) fn uninstall(wish: &Wish, account: Account) -> ExitCode {
    let undone = || -> Result<(), InstallError> {
        let place = place(wish, account)?;
        refuse_package(wish, &own_executable()?)?;
        let shell = Shell::new(wish.root.clone());
        if wish.root.is_none() && place.manager_runs() {
            plan::stop(&place).iter().try_for_each(|step| shell.take(step))?;
        }
        plan::removals(&place).iter().try_for_each(|step| shell.take(step))?;
        if wish.root.is_none() && place.manager_runs() {
            plan::settle(&place).iter().try_for_each(|step| shell.take(step))?;
        }
        say("\nllm-link is no service any more. What is left, because it is yours:");
        place.left().iter().for_each(|line| say(&format!("  {line}")));
        Ok(())
    };
    undone().map_or_else(|error| complain(&error), |()| Exit::Done.into())
}

fn place(wish: &Wish, account: Account) -> Result<Place, InstallError> {
    match (wish.user, account) {
        (true, Account::Root) if wish.root.is_none() => Err(InstallError::RootsOwn),
        (true, _) => Place::of_user(&|name| Host.env(name)).ok_or(InstallError::NoHome),
        // Below another root nothing of this machine is touched.
        (false, Account::User) if wish.root.is_none() => Err(InstallError::NotRoot),
        (false, _) => Ok(Place::of_machine()),
    }
}

fn refuse_package(wish: &Wish, executable: &Path) -> Result<(), InstallError> {
    let packaged = !wish.user && wish.root.is_none() && executable == Path::new("/usr/bin/llm-link");
    if packaged { Err(InstallError::Packaged) } else { Ok(()) }
}

fn own_executable() -> Result<PathBuf, InstallError> {
    std::env::current_exe()
        .map_err(|error| InstallError::Step { what: "find this executable".to_owned(), error })
}

fn not_started(wish: &Wish, place: &Place) -> String {
    if wish.no_start || wish.root.is_some() {
        return format!(
            "\nEverything is in place; start it with: {}",
            place.command("enable --now llm-link.socket llm-link.service")
        );
    }
    format!(
        "\nEverything is in place, but systemd does not run here, so nothing was started.\n\
         Where it runs: {}\nWithout it: {} serve",
        place.command("enable --now llm-link.socket llm-link.service"),
        place.executable.display(),
    )
}

fn complain(error: &InstallError) -> ExitCode {
    // Nobody is left to tell that nobody reads this.
    drop(writeln!(out::stderr(), "llm-link: {error}"));
    let exit = match error {
        InstallError::NotRoot | InstallError::RootsOwn => Exit::Forbidden,
        InstallError::NoHome => Exit::Invalid,
        InstallError::Packaged => Exit::Conflict,
        InstallError::Step { .. } | InstallError::Command { .. } => Exit::Failed,
    };
    exit.into()
}

fn say(line: &str) {
    let mut out = out::stdout();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}
