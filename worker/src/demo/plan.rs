//! When which bytes of an answer leave: everything the demo provider does to one call, as a list of steps that
//! are made when they are taken. Pure: no clock, no waiting, nothing of the process.
//!
//! Owns: the order of steps and where a failure strikes. Never: carries one out.

use super::answer::{Answer, Outside, Said};
use super::knobs::Knobs;
use super::request::{Asked, Shape, StreamUsage};
use super::trouble::{self, Fail};
use super::wire::{self, Wire};
use crate::relay::Failed;
use bytes::Bytes;
use protocol::ipc::call::ReplyHead;
use protocol::model::Failure;
use std::time::Duration;

/// Between the last bytes and the death of the process, so that they are on their way.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// What the plan cannot know by itself.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// The call's id.
    pub(crate) id: String,
    /// The router wants usage in the stream, whatever the client asked for.
    pub(crate) usage: StreamUsage,
    /// What a sandbox probe came to, if the model's name asks for one.
    pub(crate) found: Option<String>,
}

/// One answer, not yet given.
pub(crate) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Write that many MiB to standard error.
    Flood(u64),
    /// Allocate that many MiB for good.
    Leak(u64),
    /// Block the process.
    Spin(Duration),
    Wait(Duration),
    Head(ReplyHead),
    /// Content-bearing bytes of a stream.
    Piece(Bytes),
    /// Other bytes of a stream.
    Frame(Bytes),
    /// The whole body of an answer that is no stream.
    Document(Bytes),
    /// The stream has no more bytes.
    Complete,
    /// A whole error answer.
    Refuse(Box<Failed>),
    /// The connection breaks.
    Cut(Failure),
    /// Nothing more happens.
    Hang,
    /// The process dies by a signal.
    Abort,
    /// The process ends with this code.
    Exit(i32),
}

/// Plans the answer to the request whose bytes are `body`.
pub(crate) fn plan(knobs: &Knobs, body: &[u8], stamp: &Stamp) -> Result<Steps, Failure> {
    let asked = Asked::read(body)?;
    let outside = Outside { id: &stamp.id, found: stamp.found.as_deref() };
    let answer = Answer::new(knobs, &asked, body, outside)?;
    let before = overture(knobs);
    Ok(match (whole_failure(knobs, asked.shape, stamp.created), asked.shape) {
        (Some(failure), _) => Box::new(before.into_iter().chain([failure])),
        (None, Shape::Document) => Box::new(before.into_iter().chain(document(knobs, &answer, stamp))),
        (None, Shape::Stream { usage }) => {
            Box::new(before.into_iter().chain(stream(knobs, answer, stamp, usage)))
        }
    })
}

/// What happens before anything is answered.
fn overture(knobs: &Knobs) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |amount: u64, step: Step| {
        if amount > 0 {
            steps.push(step);
        }
    };
    add(knobs.flood, Step::Flood(knobs.flood));
    add(knobs.leak, Step::Leak(knobs.leak));
    add(knobs.spin, Step::Spin(Duration::from_millis(knobs.spin)));
    add(knobs.first, Step::Wait(Duration::from_millis(knobs.first)));
    steps
}

/// A failure instead of an answer: one that strikes before the head.
fn whole_failure(knobs: &Knobs, shape: Shape, now_unix_s: u64) -> Option<Step> {
    let later = matches!(shape, Shape::Stream { .. }) && knobs.after.is_some_and(|after| after > 0);
    match knobs.fail? {
        _ if later => None,
        Fail::Status(refusal) => Some(Step::Refuse(Box::new(refusal.answer(now_unix_s)))),
        Fail::Hang => Some(Step::Hang),
        Fail::Abort => Some(Step::Abort),
        Fail::Exit => Some(Step::Exit(trouble::EXIT_CONFIG)),
        Fail::Cut | Fail::ErrorEvent | Fail::NoDone | Fail::Empty | Fail::Garbage => None,
    }
}

/// A document takes as long as its stream would.
fn document(knobs: &Knobs, answer: &Answer, stamp: &Stamp) -> Vec<Step> {
    let wait = Duration::from_millis(knobs.delay.saturating_mul(answer.pieces()));
    let wire = Wire::new(&stamp.id, &knobs.model, stamp.created, StreamUsage::Unasked);
    let last = match knobs.fail {
        Some(Fail::Cut) => Step::Cut(trouble::cut()),
        Some(Fail::ErrorEvent) => Step::Document(trouble::in_band().into()),
        Some(Fail::Empty) => Step::Document(Bytes::new()),
        Some(Fail::Garbage) => Step::Document(Bytes::from_static(trouble::GARBAGE.as_bytes())),
        Some(Fail::NoDone) => {
            let whole = wire.document(answer);
            Step::Document(whole.slice(..whole.len() / 2))
        }
        // These struck before the head.
        Some(Fail::Status(_) | Fail::Hang | Fail::Abort | Fail::Exit) | None => {
            Step::Document(wire.document(answer))
        }
    };
    let head = Step::Head(head(wire::DOCUMENT_TYPE, Body::Document));
    if wait.is_zero() { vec![head, last] } else { vec![head, Step::Wait(wait), last] }
}

fn stream(
    knobs: &Knobs,
    answer: Answer,
    stamp: &Stamp,
    asked: StreamUsage,
) -> impl Iterator<Item = Step> + Send + use<> {
    let Answer { said, stop, usage } = answer;
    let wire = Wire::new(&stamp.id, &knobs.model, stamp.created, asked);
    let mut well = vec![Step::Frame(wire.finish(stop))];
    if asked == StreamUsage::Asked || stamp.usage == StreamUsage::Asked {
        well.push(Step::Frame(wire.usage(&usage)));
    }
    let (limit, ending) = strike(knobs, well);
    let delay = Duration::from_millis(knobs.delay);
    let opening = opening(knobs, &wire, &said);
    let pieces = wire.pieces(said).take(usize::try_from(limit).unwrap_or(usize::MAX));
    let pieces = pieces.flat_map(move |piece| {
        let wait = (!delay.is_zero()).then_some(Step::Wait(delay));
        wait.into_iter().chain([Step::Piece(piece)])
    });
    opening.into_iter().chain(pieces).chain(ending)
}

/// An `empty` stream has not even a first chunk.
fn opening(knobs: &Knobs, wire: &Wire, said: &Said) -> Vec<Step> {
    let head = Step::Head(head(wire::STREAM_TYPE, Body::Stream));
    match (knobs.fail, knobs.after) {
        (Some(Fail::Empty), None | Some(0)) => vec![head],
        _ => vec![head, Step::Frame(wire.role(said))],
    }
}

/// After how many pieces a stream ends, and how; `well` is how it ends when nothing goes wrong.
fn strike(knobs: &Knobs, mut well: Vec<Step>) -> (u64, Vec<Step>) {
    let after = knobs.after.unwrap_or(0);
    let event = |data: &str| vec![Step::Frame(wire::event(data)), Step::Complete];
    let last_words = |death: Step| vec![Step::Wait(LAST_WORDS), death];
    match knobs.fail {
        None => {
            well.extend([Step::Frame(wire::done()), Step::Complete]);
            (u64::MAX, well)
        }
        Some(Fail::NoDone) => (knobs.after.unwrap_or(u64::MAX), vec![Step::Complete]),
        Some(Fail::Empty) => (after, vec![Step::Complete]),
        Some(Fail::Cut) => (after, vec![Step::Cut(trouble::cut())]),
        Some(Fail::Hang) => (after, vec![Step::Hang]),
        Some(Fail::Status(refusal)) => (after, event(&refusal.error())),
        Some(Fail::ErrorEvent) => (after, event(&trouble::in_band())),
        Some(Fail::Garbage) => (after, event(trouble::GARBAGE)),
        Some(Fail::Abort) => (after, last_words(Step::Abort)),
        Some(Fail::Exit) => (after, last_words(Step::Exit(trouble::EXIT_CONFIG))),
    }
}

/// How a body follows its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Stream,
    Document,
}

/// The head of a good answer.
pub(crate) fn head(content_type: &str, body: Body) -> ReplyHead {
    ReplyHead {
        status: 200,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        stream: body == Body::Stream,
        losses: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
