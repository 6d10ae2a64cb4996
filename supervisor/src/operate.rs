//! The commands that talk to a running instance: ask, print, exit code.

use crate::cli::{Format, Source, Verb, out};
use crate::control::{client, render};
use crate::settings::{Account, Host, find_directories};
use protocol::control::{ControlReply, ControlRequest, SystemStatus};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Prints how the instance is doing.
pub(crate) fn status(source: &Source, format: Format, account: Account) -> ExitCode {
    let printed = ask(source, ControlRequest::Status, account).and_then(|reply| match reply {
        ControlReply::Status(status) => print(&status, format).map_err(|e| e.to_string()),
        ControlReply::Refused(refusal) => Err(refusal.message),
        _other => Err("the answer makes no sense".to_owned()),
    });
    finish(printed)
}

/// Does something to one provider.
pub(crate) fn control(source: &Source, verb: Verb, provider: String, account: Account) -> ExitCode {
    let request = match verb {
        Verb::Restart => ControlRequest::Restart { provider },
        Verb::Drain => ControlRequest::Drain { provider, within_ms: None },
        Verb::Resume => ControlRequest::Resume { provider },
    };
    let done = ask(source, request, account).and_then(|reply| match reply {
        ControlReply::Done(text) => writeln!(out::stdout(), "{text}").map_err(|e| e.to_string()),
        ControlReply::Refused(refusal) => Err(refusal.message),
        _other => Err("the answer makes no sense".to_owned()),
    });
    finish(done)
}

fn ask(source: &Source, request: ControlRequest, account: Account) -> Result<ControlReply, String> {
    let directories =
        find_directories(&source.origin, &source.overrides, &Host, account).map_err(|m| m.to_string())?;
    client::ask(&directories.runtime, request).map_err(|e| e.to_string())
}

fn print(status: &SystemStatus, format: Format) -> io::Result<()> {
    let mut out = out::stdout();
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(status)?),
        Format::Text => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            out.write_all(render::status(status, now.as_millis() as u64).as_bytes())
        }
    }
}

fn finish(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody is left to tell that nobody reads this.
            drop(writeln!(out::stderr(), "llm-link: {why}"));
            ExitCode::FAILURE
        }
    }
}
