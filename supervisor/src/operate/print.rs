//! Where answers go: text or JSON on standard output, reasons on standard error, and the exit code of each.

use super::Outcome;
use super::line::Failure;
use crate::cli::exit::Exit;
use crate::cli::show::{self, Sheet, View};
use crate::cli::{Format, out};
use crate::settings::{Host, Secrets};
use jiff::tz::TimeZone;
use protocol::control::answer::Now;
use protocol::control::document::Difference;
use protocol::control::{Changed, ControlReply};
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// See the module.
pub(super) struct Printer {
    pub(super) format: Format,
    view: View,
    error_view: View,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

impl Printer {
    pub(super) fn new(format: Format) -> Printer {
        // https://no-color.org
        let wanted = Host.env("NO_COLOR").is_none_or(|value| value.is_empty())
            && Host.env("TERM").is_none_or(|term| term != "dumb");
        let (out, err) = out::terminals();
        let view = |colour| View { colour, now_ms: now_ms(), zone: TimeZone::system() };
        Printer { format, view: view(out && wanted), error_view: view(err && wanted) }
    }

    /// Prints an answer.
    pub(super) fn reply(&self, reply: &ControlReply) -> Outcome {
        match self.format {
            Format::Text => self.text(&show::reply(reply, &self.now()))?,
            Format::Json => self.json(&content(reply))?,
        }
        Ok(exit(reply))
    }

    /// Prints an answer as it came.
    pub(super) fn raw(&self, reply: &ControlReply) -> Outcome {
        self.json(reply)?;
        Ok(match reply {
            ControlReply::Refused(refusal) => Exit::from(refusal.kind),
            other => exit(other),
        })
    }

    /// Prints something of our own: JSON for programs, the text for people.
    pub(super) fn own(&self, text: &str, json: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.text(text),
            Format::Json => self.json(json),
        }
    }

    /// One of many lines: JSON on one line, or what `write` makes of it.
    pub(super) fn line(
        &self,
        json: &impl Serialize,
        write: impl FnOnce(&mut Sheet<'_>),
    ) -> Result<(), Failure> {
        let text = match self.format {
            Format::Json => format!("{}\n", serde_json::to_string(json).unwrap_or_default()),
            Format::Text => {
                let view = self.now();
                let mut sheet = Sheet::new(&view);
                write(&mut sheet);
                sheet.finish()
            }
        };
        self.text(&text)
    }

    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = out::stdout();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(Failure::io("cannot write"))
    }

    fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|_| Failure::Unexpected)?;
        self.text(&format!("{text}\n"))
    }

    /// Says why it was not done.
    pub(super) fn failure(&self, failure: &Failure) -> Exit {
        let exit = failure.exit();
        let text = match (failure, self.format) {
            // `llm-link calls | head` ends well.
            (Failure::Io { error, .. }, _) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Done,
            (Failure::Refused(refusal), Format::Json) => {
                format!("{}\n", serde_json::to_string_pretty(refusal).unwrap_or_default())
            }
            (Failure::Refused(refusal), Format::Text) => show::refusal(refusal, &self.error_view),
            (other, _) => format!("llm-link: {other}\n"),
        };
        // Nobody is left to tell that nobody reads this.
        drop(out::stderr().write_all(text.as_bytes()));
        exit
    }

    /// How the answer ends the program.
    pub(super) fn exit(&self, reply: &ControlReply) -> Exit {
        exit(reply)
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// The terminal shows colours.
    pub(super) fn is_terminal(&self) -> bool {
        out::terminals().0
    }

    fn now(&self) -> View {
        View { now_ms: now_ms(), ..self.view.clone() }
    }
}

/// What is in the answer, without the word for its kind.
fn content(reply: &ControlReply) -> Value {
    let mut value = serde_json::to_value(reply).unwrap_or_default();
    value.get_mut("with").map(Value::take).unwrap_or_default()
}

fn exit(reply: &ControlReply) -> Exit {
    match reply {
        ControlReply::Changed(changed) => changed_exit(changed),
        ControlReply::Tested(report) if !report.ok => Exit::Failed,
        ControlReply::Differences(differences) => differences_exit(differences),
        _ => Exit::Done,
    }
}

fn changed_exit(changed: &Changed) -> Exit {
    if changed.pending.is_empty() { Exit::Done } else { Exit::Pending }
}

/// Of a comparison; of a change they were made.
fn differences_exit(differences: &[Difference]) -> Exit {
    if differences.is_empty() { Exit::Done } else { Exit::Different }
}

/// What a dry run found, in whichever shape it came.
pub(super) fn found(reply: ControlReply) -> Option<Vec<Difference>> {
    match reply {
        ControlReply::Differences(found) => Some(found),
        ControlReply::Changed(changed) => match changed.now {
            Some(Now::Differences(found)) => Some(found),
            _ => None,
        },
        _ => None,
    }
}
