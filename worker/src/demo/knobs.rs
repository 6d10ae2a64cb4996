//! What a demo model's name asks for: `demo`, then `-knob=value` or `-knob`, in any order.
//!
//! Values may hold dashes themselves (`probe=open-passwd`): a part without `=` that is no knob belongs to
//! the value before it.

use crate::sandbox::Probe;

/// Longest wait in milliseconds, most chunks, largest answer in bytes: a name must not be a bomb.
const MAX_MS: u64 = 600_000;
const MAX_CHUNKS: u64 = 10_000;
const MAX_SIZE: u64 = 16 << 20;
const MAX_MEGABYTES: u64 = 65_536;

const HELP: &str = "the knobs of a demo model are chunks=N, delay=MS, first=MS, size=BYTES, after=N, \
    fail=400|401|404|429|500|503|529|cut|hang|error-event|no-done|empty|garbage|abort|exit78, \
    tools, tools=N, echo, flood=MB, leak=MB, spin=MS, probe=NAME; for example demo-chunks=50-delay=20";

/// Which fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error answer of that status; inside a stream, an error event of that kind.
    Status(u16),
    Cut,
    Hang,
    ErrorEvent,
    NoDone,
    Empty,
    Garbage,
    Abort,
    Exit78,
}

/// The knobs, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Knobs {
    /// Content chunks; `None` = as the words fall.
    pub(super) chunks: Option<usize>,
    pub(super) delay: u64,
    pub(super) first: u64,
    pub(super) size: Option<usize>,
    pub(super) fault: Option<Fault>,
    pub(super) after: usize,
    /// Call tools: `Some(None)` = those the user names, else the first.
    pub(super) tools: Option<Option<usize>>,
    pub(super) echo: bool,
    pub(super) flood: Option<u64>,
    pub(super) leak: Option<u64>,
    pub(super) spin: Option<u64>,
    pub(super) probe: Option<Probe>,
}

/// Why a name is no demo model's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KnobError {
    #[error("the model {0} does not exist: demo models are called demo or demo-KNOB")]
    Model(String),
    #[error("{0} is not a knob: {HELP}")]
    Unknown(String),
    #[error("{0} is not a value of {1}: {HELP}")]
    Value(String, &'static str),
    #[error("the knob {0} is given twice: {HELP}")]
    Twice(String),
}

impl KnobError {
    pub(super) fn status(&self) -> u16 {
        match self {
            KnobError::Model(_) => 404,
            KnobError::Unknown(_) | KnobError::Value(..) | KnobError::Twice(_) => 400,
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            KnobError::Model(_) => Some("model_not_found"),
            KnobError::Unknown(_) | KnobError::Value(..) | KnobError::Twice(_) => None,
        }
    }
}

impl Knobs {
    pub(super) fn parse(model: &str) -> Result<Self, KnobError> {
        let unknown = || KnobError::Model(model.to_owned());
        let rest = model.strip_prefix("demo").ok_or_else(unknown)?;
        let mut knobs = Knobs::default();
        if rest.is_empty() {
            return Ok(knobs);
        }
        let rest = rest.strip_prefix('-').ok_or_else(unknown)?;
        let mut seen = Vec::new();
        for part in parts(rest) {
            let (name, value) = part.split_once('=').map_or((part.as_str(), None), |(n, v)| (n, Some(v)));
            if seen.contains(&name.to_owned()) {
                return Err(KnobError::Twice(name.to_owned()));
            }
            knobs.turn(name, value)?;
            seen.push(name.to_owned());
        }
        Ok(knobs)
    }

    fn turn(&mut self, name: &str, value: Option<&str>) -> Result<(), KnobError> {
        match (name, value) {
            ("chunks", Some(v)) => self.chunks = Some(count(v, "chunks", 1, MAX_CHUNKS)?),
            ("delay", Some(v)) => self.delay = number(v, "delay", 0, MAX_MS)?,
            ("first", Some(v)) => self.first = number(v, "first", 0, MAX_MS)?,
            ("size", Some(v)) => self.size = Some(count(v, "size", 0, MAX_SIZE)?),
            ("after", Some(v)) => self.after = count(v, "after", 0, MAX_CHUNKS)?,
            ("fail", Some(v)) => self.fault = Some(fault(v)?),
            ("tools", None) => self.tools = Some(None),
            ("tools", Some(v)) => self.tools = Some(Some(count(v, "tools", 1, 128)?)),
            ("echo", None) => self.echo = true,
            ("flood", Some(v)) => self.flood = Some(number(v, "flood", 0, MAX_MEGABYTES)?),
            ("leak", Some(v)) => self.leak = Some(number(v, "leak", 0, MAX_MEGABYTES)?),
            ("spin", Some(v)) => self.spin = Some(number(v, "spin", 0, MAX_MS)?),
            ("probe", Some(v)) => {
                let probe = Probe::from_name(v).ok_or_else(|| KnobError::Value(v.to_owned(), "probe"))?;
                self.probe = Some(probe);
            }
            _ => return Err(KnobError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

/// `fail=error-event-after=3` has two parts, not three.
fn parts(rest: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for piece in rest.split('-') {
        let begins = piece.contains('=') || matches!(piece, "tools" | "echo");
        match parts.last_mut() {
            Some(last) if !begins && last.contains('=') => {
                last.push('-');
                last.push_str(piece);
            }
            _ => parts.push(piece.to_owned()),
        }
    }
    parts
}

fn fault(value: &str) -> Result<Fault, KnobError> {
    Ok(match value {
        "400" | "401" | "404" | "429" | "500" | "503" | "529" => {
            Fault::Status(value.parse().map_err(|_| KnobError::Value(value.to_owned(), "fail"))?)
        }
        "cut" => Fault::Cut,
        "hang" => Fault::Hang,
        "error-event" => Fault::ErrorEvent,
        "no-done" => Fault::NoDone,
        "empty" => Fault::Empty,
        "garbage" => Fault::Garbage,
        "abort" => Fault::Abort,
        "exit78" => Fault::Exit78,
        _ => return Err(KnobError::Value(value.to_owned(), "fail")),
    })
}

fn number(value: &str, knob: &'static str, least: u64, most: u64) -> Result<u64, KnobError> {
    let parsed = value.parse::<u64>().ok().filter(|n| (least..=most).contains(n));
    parsed.ok_or_else(|| KnobError::Value(value.to_owned(), knob))
}

fn count(value: &str, knob: &'static str, least: u64, most: u64) -> Result<usize, KnobError> {
    usize::try_from(number(value, knob, least, most)?).map_err(|_| KnobError::Value(value.to_owned(), knob))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_combine_and_values_may_hold_dashes() {
        let knobs = Knobs::parse("demo-chunks=50-delay=20-fail=error-event-after=3-tools").unwrap();
        assert_eq!((knobs.chunks, knobs.delay, knobs.after), (Some(50), 20, 3));
        assert_eq!((knobs.fault, knobs.tools), (Some(Fault::ErrorEvent), Some(None)));
        assert_eq!(Knobs::parse("demo-probe=open-passwd").unwrap().probe, Some(Probe::OpenPasswd));
        assert_eq!(Knobs::parse("demo-tools=2-echo").unwrap().tools, Some(Some(2)));
        assert_eq!(Knobs::parse("demo"), Ok(Knobs::default()));
    }

    #[test]
    fn what_is_not_a_knob_is_answered_with_the_list() {
        for (model, status) in [
            ("demo-speed=9", 400),
            ("demo-", 400),
            ("demo-chunks", 400),
            ("demo-chunks=0", 400),
            ("demo-fail=418", 400),
            ("demo-probe=everything", 400),
            ("demo-delay=1-delay=2", 400),
            ("gpt-4o", 404),
            ("demonstration", 404),
        ] {
            let error = Knobs::parse(model).unwrap_err();
            assert_eq!(error.status(), status, "{model}");
            assert_eq!(error.to_string().contains("chunks=N, delay=MS"), status == 400, "{error}");
        }
    }
}
