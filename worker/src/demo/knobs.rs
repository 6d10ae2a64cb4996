//! The model's name as orders: `demo`, then knobs separated by dashes (`demo-chunks=50-delay=20`).
//!
//! | knob | effect |
//! | --- | --- |
//! | `chunks=N` | exactly N content-bearing pieces (per tool call, when there are calls) |
//! | `delay=MS` | before each piece; a document takes as long as its stream would |
//! | `first=MS` | before the head of the answer |
//! | `size=BYTES` | a text of exactly that size |
//! | `fail=WAY` | see [`super::trouble`] |
//! | `after=N` | pieces of a stream before the failure; without it 0 |
//! | `tools`, `tools=N` | calls N of the request's tools, if it brings any |
//! | `echo` | answers with `{"sha256","length"}` of the request body |
//! | `flood=MB` | writes that much to standard error first |
//! | `leak=MB` | allocates that much first and keeps it |
//! | `spin=MS` | first blocks the process for that long |
//! | `probe=NAME[:ARGUMENT]` | tries to leave the sandbox; an argument takes the rest of the name |
//!
//! Owns: the words, their ranges, and what does not go together. Never: what a knob does to an answer.

use super::trouble::Fail;
use crate::sandbox::Probe;
use protocol::model::{Failure, FailureKind};

const PREFIX: &str = "demo";

const MAX_CHUNKS: u64 = 10_000_000;
const MAX_BYTES: u64 = 128 * 1024 * 1024;
const MAX_MS: u64 = 3_600_000;
const MAX_MB: u64 = 65_536;
const MAX_CALLS: u64 = 16;

/// What the model's name asks for. Times in milliseconds, `flood` and `leak` in MiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Knobs {
    /// The whole name, for the answer.
    pub(crate) model: String,
    pub(crate) chunks: Option<u64>,
    pub(crate) delay: u64,
    pub(crate) first: u64,
    pub(crate) size: Option<u64>,
    pub(crate) fail: Option<Fail>,
    pub(crate) after: Option<u64>,
    pub(crate) tools: Option<u64>,
    pub(crate) echo: bool,
    pub(crate) flood: u64,
    pub(crate) leak: u64,
    pub(crate) spin: u64,
    pub(crate) probe: Option<Attempt>,
}

/// A try to leave the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) probe: Probe,
    pub(crate) argument: String,
}

impl Knobs {
    /// Reads a model's name.
    pub(crate) fn parse(model: &str) -> Result<Self, Failure> {
        let words = match model.strip_prefix(PREFIX) {
            Some("") => Vec::new(),
            Some(rest) => split(rest.strip_prefix('-').unwrap_or(rest)).map_err(|word| unknown(&word))?,
            None => return Err(not_ours(model)),
        };
        let mut knobs = Self { model: model.to_owned(), ..Self::default() };
        for (at, (word, value)) in words.iter().enumerate() {
            if words[..at].iter().any(|(earlier, _)| earlier == word) {
                return Err(invalid(format!("the knob `{}` appears twice", word.name())));
            }
            knobs.set(*word, *value)?;
        }
        knobs.agree()?;
        Ok(knobs)
    }

    fn set(&mut self, word: Word, value: Option<&str>) -> Result<(), Failure> {
        let number = |from, to| number(word, value, from, to);
        match word {
            Word::Chunks => self.chunks = Some(number(1, MAX_CHUNKS)?),
            Word::Delay => self.delay = number(0, MAX_MS)?,
            Word::First => self.first = number(0, MAX_MS)?,
            Word::Size => self.size = Some(number(0, MAX_BYTES)?),
            Word::Fail => self.fail = Some(value.and_then(Fail::from_name).ok_or_else(|| bad(word, value))?),
            Word::After => self.after = Some(number(0, MAX_CHUNKS)?),
            Word::Tools if value.is_none() => self.tools = Some(1),
            Word::Tools => self.tools = Some(number(1, MAX_CALLS)?),
            Word::Echo if value.is_none() => self.echo = true,
            Word::Echo => return Err(bad(word, value)),
            Word::Flood => self.flood = number(0, MAX_MB)?,
            Word::Leak => self.leak = number(0, MAX_MB)?,
            Word::Spin => self.spin = number(0, MAX_MS)?,
            Word::Probe => self.probe = Some(value.and_then(attempt).ok_or_else(|| no_probe(value))?),
        }
        Ok(())
    }

    /// Refuses combinations of which one half would be ignored.
    fn agree(&self) -> Result<(), Failure> {
        let said = [self.echo, self.probe.is_some(), self.tools.is_some(), self.size.is_some()];
        if said.into_iter().filter(|said| *said).count() > 1 {
            return Err(invalid(
                "only one of the knobs `echo`, `probe`, `tools` and `size` says what to answer",
            ));
        }
        if self.after.is_some() && self.fail.is_none() {
            return Err(invalid("the knob `after` needs the knob `fail`"));
        }
        match (self.chunks, self.size) {
            (Some(chunks), Some(size)) if chunks > size => {
                Err(invalid("the knob `chunks` asks for more pieces than `size` has bytes"))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Chunks,
    Delay,
    First,
    Size,
    Fail,
    After,
    Tools,
    Echo,
    Flood,
    Leak,
    Spin,
    Probe,
}

impl Word {
    const ALL: [Word; 12] = [
        Word::Chunks,
        Word::Delay,
        Word::First,
        Word::Size,
        Word::Fail,
        Word::After,
        Word::Tools,
        Word::Echo,
        Word::Flood,
        Word::Leak,
        Word::Spin,
        Word::Probe,
    ];

    fn name(self) -> &'static str {
        match self {
            Word::Chunks => "chunks",
            Word::Delay => "delay",
            Word::First => "first",
            Word::Size => "size",
            Word::Fail => "fail",
            Word::After => "after",
            Word::Tools => "tools",
            Word::Echo => "echo",
            Word::Flood => "flood",
            Word::Leak => "leak",
            Word::Spin => "spin",
            Word::Probe => "probe",
        }
    }

    /// As it is written, for a person who got it wrong.
    fn usage(self) -> String {
        let name = self.name();
        match self {
            Word::Chunks | Word::After => format!("{name}=N"),
            Word::Delay | Word::First | Word::Spin => format!("{name}=MS"),
            Word::Size => format!("{name}=BYTES"),
            Word::Fail => format!("{name}={}", Fail::names().join("|")),
            Word::Tools => format!("{name}, {name}=N"),
            Word::Echo => name.to_owned(),
            Word::Flood | Word::Leak => format!("{name}=MB"),
            Word::Probe => format!("{name}=NAME[:ARGUMENT]"),
        }
    }

    /// The knob that `text` begins with, as a whole word.
    fn at_start(text: &str) -> Option<Word> {
        let name = &text[..text.find(['=', '-']).unwrap_or(text.len())];
        Self::ALL.into_iter().find(|word| word.name() == name)
    }
}

/// Cuts at those dashes that a knob follows: values hold dashes too. The error is the word that is no knob.
fn split(mut rest: &str) -> Result<Vec<(Word, Option<&str>)>, String> {
    let mut words = Vec::new();
    loop {
        let Some(word) = Word::at_start(rest) else {
            return Err(rest.split('-').next().unwrap_or_default().chars().take(40).collect());
        };
        let tail = &rest[word.name().len()..];
        let end = match tail.strip_prefix('=') {
            Some(value) => 1 + value_end(word, value),
            None => 0,
        };
        words.push((word, tail.get(1..end)));
        match tail[end..].strip_prefix('-') {
            Some(next) => rest = next,
            None => return Ok(words),
        }
    }
}

fn value_end(word: Word, value: &str) -> usize {
    let mut dashes = value.match_indices('-').map(|(at, _)| at);
    let end = dashes.find(|at| Word::at_start(&value[at + 1..]).is_some()).unwrap_or(value.len());
    // A path may hold anything.
    let argument = word == Word::Probe && value[..end].contains(':');
    if argument { value.len() } else { end }
}

fn number(word: Word, value: Option<&str>, from: u64, to: u64) -> Result<u64, Failure> {
    let digits = value.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok()).ok_or_else(|| bad(word, value))?;
    if (from..=to).contains(&number) {
        return Ok(number);
    }
    Err(invalid(format!("the knob `{}` takes a number from {from} to {to}", word.name())))
}

fn attempt(value: &str) -> Option<Attempt> {
    let (name, argument) = value.split_once(':').unwrap_or((value, ""));
    Some(Attempt { probe: Probe::from_name(name)?, argument: argument.to_owned() })
}

fn no_probe(value: Option<&str>) -> Failure {
    let names: Vec<&str> = Probe::ALL.into_iter().map(Probe::name).collect();
    let value: String = value.unwrap_or_default().chars().take(40).collect();
    invalid(format!("there is no probe `{value}`; the probes are {}", names.join(", ")))
}

fn bad(word: Word, value: Option<&str>) -> Failure {
    let value: String = value.unwrap_or_default().chars().take(40).collect();
    invalid(format!("`{value}` is no value of the knob `{}`; it is written {}", word.name(), word.usage()))
}

fn unknown(word: &str) -> Failure {
    let knobs: Vec<String> = Word::ALL.into_iter().map(Word::usage).collect();
    invalid(format!(
        "the demo provider knows no knob `{word}`; its model is `{PREFIX}`, then any of these after a dash: {}",
        knobs.join(", ")
    ))
}

fn not_ours(model: &str) -> Failure {
    let model: String = model.chars().take(100).collect();
    let message = format!("the demo provider has no model `{model}`; its models are called `{PREFIX}`");
    Failure::new(FailureKind::ModelNotFound, message).with_param("model")
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidRequest, message).with_param("model")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(model: &str) -> String {
        let failure = Knobs::parse(model).unwrap_err();
        assert_eq!((failure.kind, failure.param.as_deref()), (FailureKind::InvalidRequest, Some("model")));
        failure.message
    }

    #[test]
    fn knobs_combine_and_values_may_hold_dashes() {
        let knobs = Knobs::parse("demo-chunks=50-delay=20-fail=error-event-after=3").unwrap();
        let wanted = Knobs {
            model: "demo-chunks=50-delay=20-fail=error-event-after=3".into(),
            chunks: Some(50),
            delay: 20,
            fail: Some(Fail::ErrorEvent),
            after: Some(3),
            ..Knobs::default()
        };
        assert_eq!(knobs, wanted);
        assert_eq!(Knobs::parse("demo").unwrap().chunks, None);
        assert_eq!(Knobs::parse("demo-tools").unwrap().tools, Some(1));
        assert_eq!(Knobs::parse("demo-delay=5-tools=2").unwrap().tools, Some(2));
    }

    #[test]
    fn a_probe_takes_an_argument_to_the_end_of_the_name() {
        let attempt = |model| Knobs::parse(model).unwrap().probe.unwrap();
        let path = attempt("demo-first=5-probe=write:/tmp/a-echo-b:c");
        assert_eq!((path.probe, path.argument.as_str()), (Probe::Write, "/tmp/a-echo-b:c"));
        let plain = attempt("demo-probe=open-passwd-delay=1");
        assert_eq!((plain.probe, plain.argument.as_str()), (Probe::OpenPasswd, ""));
        assert!(said("demo-probe=teleport").contains("exec, open-passwd"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let unknown = said("demo-chunky=5");
        assert!(unknown.contains("`chunky=5`") && unknown.contains("chunks=N"), "{unknown}");
        for model in ["demo-", "demo-echo-", "demo--echo", "demox", "demo=1", "demo-5"] {
            assert!(said(model).contains("knows no knob"), "{model}");
        }
        for model in
            ["demo-chunks", "demo-chunks=", "demo-chunks=+5", "demo-fail", "demo-fail=418", "demo-echo=1"]
        {
            assert!(said(model).contains("is no value of the knob"), "{model}");
        }
        assert!(said("demo-chunks=0").contains("from 1 to"));
        assert!(said("demo-chunks=99999999999999999999").contains("is no value"));
        assert!(said("demo-delay=1-delay=2").contains("twice"));
        assert!(said("demo-after=2").contains("needs"));
        assert!(said("demo-size=2-chunks=3").contains("more pieces"));
        assert!(said("demo-size=2-echo").contains("only one of"));
        assert_eq!(Knobs::parse("gpt-5").unwrap_err().kind, FailureKind::ModelNotFound);
    }
}
