//! The provider that needs no network, no key and no luck: it answers in the OpenAI chat dialect by itself.
//!
//! A newcomer's first answer, and the faults of every test: what goes wrong is written in the model's name
//! (`demo-chunks=50-fail=cut-after=3`, see [`knobs`]). A request becomes a [`Plan`] of [`Step`]s, the same every
//! time; all of that is pure, and [`act`] alone does what the steps say.

mod act;
mod ask;
mod knobs;
mod reply;
mod schema;
mod speech;
mod wire;

pub(crate) use act::answer;

use crate::sandbox::{Probe, Verdict};
use ask::Ask;
use bytes::Bytes;
use knobs::{Fault, Knobs};
use reply::Reply;
use wire::Voice;

/// What the caller must provide because nothing here is random or knows the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// Unique among answers; letters and digits.
    pub(crate) id: String,
}

/// An answer, as things to do in order. After the last step the body ends cleanly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The answer begins; only once, before any [`Step::Chunk`].
    Head { status: u16, framing: Framing },
    /// These bytes of the body, at once.
    Chunk(Bytes),
    /// Nothing for so many milliseconds.
    Wait(u64),
    /// The answer breaks off here as if the connection were reset.
    Cut,
    /// Nothing more, ever.
    Hang,
    /// The whole answer is this error; no head came before it.
    Fail { status: u16, headers: Vec<(String, String)>, body: Bytes },
    /// Write so many bytes to standard error.
    Flood(u64),
    /// Take so many bytes of memory and keep them.
    Leak(u64),
    /// Keep the event loop busy for so many milliseconds.
    Spin(u64),
    /// End the process by a signal, as a failed assertion in C would.
    Abort,
    /// End the process with that code.
    Exit(u8),
    /// Test the sandbox, then send what [`Probing::chunks`] makes of the verdict.
    Probe(Probing),
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Json,
    EventStream,
}

/// A sandbox test in the middle of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probing {
    pub(crate) probe: Probe,
    /// A path or an address, when the last user message is one.
    pub(crate) argument: String,
    voice: Voice,
    prompt_tokens: u64,
}

impl Probing {
    /// The rest of the body, once the verdict is known.
    pub(crate) fn chunks(&self, verdict: &Verdict) -> Vec<Bytes> {
        let reply = Reply::text(verdict.to_string(), self.prompt_tokens);
        match self.voice.framing() {
            Framing::Json => vec![self.voice.document(&reply)],
            Framing::EventStream => {
                let mut chunks = vec![self.voice.opening()];
                chunks.extend(self.voice.contents(&reply, Some(1)));
                chunks.extend(self.voice.closing(&reply));
                chunks
            }
        }
    }
}

/// The answer to `POST chat/completions`. `model` is the candidate's id; the body's own is not looked at.
pub(crate) fn plan(model: &str, body: &[u8], stamp: Stamp) -> Plan {
    let knobs = match Knobs::parse(model) {
        Ok(knobs) => knobs,
        Err(error) => return refuse(error.status(), error.code(), &error.to_string()),
    };
    let ask = match Ask::parse(body) {
        Ok(ask) => ask,
        Err(error) => return refuse(400, None, &error.to_string()),
    };
    let voice = Voice::new(model, stamp, &ask);
    let mut steps = preliminaries(&knobs);
    if let (Some(fault), 0) = (knobs.fault, knobs.after)
        && let Some(ending) = before_head(fault)
    {
        steps.push(ending);
        return Plan { steps };
    }
    steps.push(Step::Head { status: 200, framing: voice.framing() });
    if let Some(probe) = knobs.probe {
        let (argument, prompt_tokens) = (ask.probe_argument(), ask.prompt_tokens);
        steps.push(Step::Probe(Probing { probe, argument, voice, prompt_tokens }));
        return Plan { steps };
    }
    let reply = match Reply::new(&knobs, &ask, &voice, body) {
        Ok(reply) => reply,
        Err(error) => return refuse(400, None, &error.to_string()),
    };
    match voice.framing() {
        Framing::Json => document(&mut steps, &knobs, &voice, &reply),
        Framing::EventStream => stream(&mut steps, &knobs, &voice, &reply),
    }
    Plan { steps }
}

/// The answer to `GET models`: one plain model and a few that show what the knobs do.
pub(crate) fn models(created: u64) -> Bytes {
    wire::models(created, &["demo", "demo-delay=30", "demo-tools", "demo-echo", "demo-fail=429"])
}

/// What is done to the process before anything is said.
fn preliminaries(knobs: &Knobs) -> Vec<Step> {
    const MEGABYTE: u64 = 1 << 20;
    let steps = [
        knobs.flood.map(|n| Step::Flood(n * MEGABYTE)),
        knobs.leak.map(|n| Step::Leak(n * MEGABYTE)),
        knobs.spin.map(Step::Spin),
    ];
    steps.into_iter().flatten().collect()
}

/// Faults that leave no head when they come before everything else.
fn before_head(fault: Fault) -> Option<Step> {
    match fault {
        Fault::Status(status) => Some(wire::failure(status)),
        Fault::Cut => Some(Step::Cut),
        Fault::Hang => Some(Step::Hang),
        Fault::Abort => Some(Step::Abort),
        Fault::Exit78 => Some(Step::Exit(78)),
        Fault::ErrorEvent | Fault::NoDone | Fault::Empty | Fault::Garbage => None,
    }
}

fn wait(steps: &mut Vec<Step>, ms: u64) {
    if ms > 0 {
        steps.push(Step::Wait(ms));
    }
}

fn stream(steps: &mut Vec<Step>, knobs: &Knobs, voice: &Voice, reply: &Reply) {
    if knobs.fault == Some(Fault::Empty) {
        return;
    }
    steps.push(Step::Chunk(voice.opening()));
    wait(steps, knobs.first);
    let contents = voice.contents(reply, knobs.chunks);
    let sent = match knobs.fault {
        Some(Fault::NoDone) | None => contents.len(),
        Some(_) => contents.len().min(knobs.after),
    };
    for chunk in contents.into_iter().take(sent) {
        wait(steps, knobs.delay);
        steps.push(Step::Chunk(chunk));
    }
    match knobs.fault {
        None => steps.extend(voice.closing(reply).into_iter().map(Step::Chunk)),
        // Content and nothing that says it is complete.
        Some(Fault::NoDone | Fault::Empty) => {}
        Some(Fault::ErrorEvent) => steps.push(Step::Chunk(voice.error_event(500))),
        Some(Fault::Status(status)) => steps.push(Step::Chunk(voice.error_event(status))),
        Some(Fault::Garbage) => steps.push(Step::Chunk(wire::GARBAGE)),
        Some(Fault::Cut) => steps.push(Step::Cut),
        Some(Fault::Hang) => steps.push(Step::Hang),
        Some(Fault::Abort) => steps.push(Step::Abort),
        Some(Fault::Exit78) => steps.push(Step::Exit(78)),
    }
}

fn document(steps: &mut Vec<Step>, knobs: &Knobs, voice: &Voice, reply: &Reply) {
    let pieces = voice.contents(reply, knobs.chunks).len() as u64;
    wait(steps, knobs.first.saturating_add(knobs.delay.saturating_mul(pieces)));
    let whole = voice.document(reply);
    let half = whole.slice(..whole.len() / 2);
    match knobs.fault {
        None => steps.push(Step::Chunk(whole)),
        Some(Fault::Empty) => {}
        Some(Fault::NoDone) => steps.push(Step::Chunk(half)),
        Some(Fault::ErrorEvent) => steps.push(Step::Chunk(wire::error_body(500))),
        Some(Fault::Status(status)) => steps.push(Step::Chunk(wire::error_body(status))),
        Some(Fault::Garbage) => steps.push(Step::Chunk(wire::GARBAGE)),
        Some(Fault::Cut) => steps.extend([Step::Chunk(half), Step::Cut]),
        Some(Fault::Hang) => steps.extend([Step::Chunk(half), Step::Hang]),
        Some(Fault::Abort) => steps.extend([Step::Chunk(half), Step::Abort]),
        Some(Fault::Exit78) => steps.extend([Step::Chunk(half), Step::Exit(78)]),
    }
}

fn refuse(status: u16, code: Option<&str>, message: &str) -> Plan {
    let body = wire::error(message, "invalid_request_error", code);
    Plan { steps: vec![Step::Fail { status, headers: wire::json_headers(), body }] }
}

#[cfg(test)]
mod tests;
