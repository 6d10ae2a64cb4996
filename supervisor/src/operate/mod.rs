//! The commands that talk to a running instance: secrets are read, questions asked, answers printed, and the exit
//! code says how it went. Decides nothing about providers or apps: the supervisor does.

mod document;
mod edit;
mod follow;
mod import;
mod keys;
mod line;
mod print;
mod progress;
mod secret;
mod watch;
mod write;

pub(crate) use print::now_ms;
pub(crate) use write::man;

use crate::cli::deed::Deed;
use crate::cli::exit::Exit;
use crate::cli::{Format, Operation};
use crate::settings::{Account, Host, Origin, Overrides, find_directories};
use line::{Failure, Line};
use print::Printer;
use protocol::control::ControlRequest;
use std::process::ExitCode;

/// How it went, or why it did not.
type Outcome = Result<Exit, Failure>;

/// Does it, and says how it went.
pub(crate) fn run(operation: Operation, account: Account) -> ExitCode {
    let Operation { source, format, deed } = operation;
    let printer = Printer::new(format);
    let done = find_directories(&source.origin, &source.overrides, &Host, account)
        .map_err(Failure::Mistakes)
        .and_then(|directories| done(deed, &Line::new(directories.runtime), &printer));
    done.unwrap_or_else(|failure| printer.failure(&failure)).into()
}

/// After an installation: where to go on. A console that has its first user already needs no link.
pub(crate) fn greet(account: Account) -> ExitCode {
    let origin = Origin::find(None, &Host, account);
    let printer = Printer::new(Format::Text);
    let asked =
        find_directories(&origin, &Overrides::default(), &Host, account).map_err(Failure::Mistakes).and_then(
            |directories| watch::patiently(&Line::new(directories.runtime), &ControlRequest::SetupLink),
        );
    match asked {
        Ok(reply) => printer.reply(&reply).unwrap_or_else(|failure| printer.failure(&failure)).into(),
        // It runs, and that was asked for.
        Err(Failure::Refused(refusal)) => {
            drop(printer.text(&format!("{}\n", refusal.message)));
            Exit::Done.into()
        }
        Err(failure) => printer.failure(&failure).into(),
    }
}

fn done(deed: Deed, line: &Line, printer: &Printer) -> Outcome {
    match deed {
        Deed::Ask(request) => ask(*request, line, printer),
        Deed::AskJson(request) => {
            let reply = line.ask_json(&secret::text_or_stdin(request)?)?;
            printer.raw(&reply)
        }
        Deed::WatchStatus => watch::status(line, printer),
        Deed::AddProvider { name, fields, key } => edit::add_provider(name, &fields, key, line, printer),
        Deed::AddApp { name, fields, key } => edit::add_app(name, &fields, key, line, printer),
        Deed::AddUser { name, fields, password } => edit::add_user(name, &fields, password, line, printer),
        Deed::SetPassword { user, password } => {
            let password = secret::password(password)?;
            ask(ControlRequest::SetPassword { user, current: None, password }, line, printer)
        }
        Deed::Edit { what, fields } => edit::edit(what, &fields, line, printer),
        Deed::AddProviderKey { provider, label, from } => {
            let value = secret::key(&from)?;
            ask(ControlRequest::AddProviderKey { provider, label, value }, line, printer)
        }
        Deed::ProviderKey { provider, key, act } => {
            let request = keys::of_provider(provider, &key, act, line)?;
            ask(request, line, printer)
        }
        Deed::AppKey { app, key, act } => {
            let request = keys::of_app(app, &key, act, line)?;
            ask(request, line, printer)
        }
        Deed::Logs { filter, last, follow } => follow::logs(filter, last, follow, line, printer),
        Deed::Events { filter, last, follow } => follow::events(filter, last, follow, line, printer),
        Deed::Config { under } => document::config(under.as_deref(), line, printer),
        Deed::Apply { file, prune, dry_run, epoch } => {
            document::apply(&file, prune, dry_run, epoch, line, printer)
        }
        Deed::Import { files, dry_run, replace, output } => {
            import::run(import::Wish { files, dry_run, replace, output }, line, printer)
        }
        Deed::Export { to } => document::export(to.as_deref(), line, printer),
        Deed::Await { request, process } => watch::to_its_end(*request, &process, line, printer),
    }
}

fn ask(request: ControlRequest, line: &Line, printer: &Printer) -> Outcome {
    let progress = progress::Progress::of(&request);
    let reply = line.ask(request);
    progress.over();
    printer.reply(&reply?)
}
