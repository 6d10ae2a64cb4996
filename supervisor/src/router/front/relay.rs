//! The answer after the commit point: what the worker sends is the client's, as it comes.
//!
//! An answer that breaks off here ends with the error event of the client's dialect and never with a success
//! terminator; where no event can be written, the connection is cut.

use super::attempt::Rest::{Follows, Nothing};
use super::continuation::{Continuation, Second, Seeking};
use super::dispatch::stopping;
use super::random;
use super::reply::Cut;
use super::trial::Trial;
use crate::router::trace::{End, Record};
use bytes::Bytes;
use protocol::dialect::Dialect;
use protocol::ipc::call::{Reset, ResetCode};
use protocol::model::{Failure, FailureKind};
use protocol::transport::link::{Answer, CallStream};
use std::task::{Context, Poll};

/// An answer on its way.
pub(crate) struct Relay {
    held: std::vec::IntoIter<Bytes>,
    dialect: Dialect,
    shape: Shape,
    edge: Edge,
    /// Gone when the answer is over.
    rest: Option<Rest>,
    /// Gone when it was asked for, or when nobody wants it.
    continuation: Option<Box<Continuation>>,
    seeking: Option<Break>,
}

/// An answer that broke off while somebody is sought to go on.
struct Break {
    seeking: Seeking,
    failure: Failure,
    /// The upstream's own words.
    event: Bytes,
}

/// What must live as long as the answer.
struct Rest {
    stream: CallStream,
    record: Record,
    trial: Trial,
}

/// What kind of body the client was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Events of the client's dialect.
    Events,
    /// One document; it has no place for an error once it has begun.
    Document,
}

impl Relay {
    /// Continues an answer whose beginning was held back.
    pub(crate) fn new(
        held: Vec<Bytes>,
        stream: CallStream,
        dialect: Dialect,
        shape: Shape,
        record: Record,
        trial: Trial,
    ) -> Self {
        let edge = Edge::new(dialect);
        let rest = Some(Rest { stream, record, trial });
        Self { held: held.into_iter(), dialect, shape, edge, rest, continuation: None, seeking: None }
    }

    /// Somebody else may go on if it breaks off.
    pub(super) fn with_continuation(mut self, continuation: Option<Box<Continuation>>) -> Self {
        self.continuation = continuation.filter(|_| self.shape == Shape::Events);
        self
    }

    fn passed(&mut self, bytes: &Bytes) {
        if let Some(rest) = &mut self.rest {
            match self.shape {
                Shape::Events => rest.record.delivered().events(self.dialect, bytes),
                Shape::Document => rest.record.delivered().document(bytes.len() as u64),
            }
        }
        self.edge.passed(bytes);
        if let Some(continuation) = &mut self.continuation {
            continuation.sent(bytes);
        }
    }

    /// The next bytes for the client; `None` = complete, or ended with an error event.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            if let Some(bytes) = self.held.next() {
                self.passed(&bytes);
                return Poll::Ready(Some(Ok(bytes)));
            }
            if let Some(broken) = &mut self.seeking {
                let second = std::task::ready!(broken.seeking.as_mut().poll(cx));
                if let Some(end) = self.found(second) {
                    return Poll::Ready(Some(end));
                }
                continue;
            }
            let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
            let answer = std::task::ready!(rest.stream.poll_next(cx));
            let next = self.heard(answer);
            if self.seeking.is_none() {
                return Poll::Ready(next);
            }
        }
    }

    /// What follows from one more part of the answer: bytes for the client, or its end.
    fn heard(&mut self, answer: Answer) -> Option<Result<Bytes, Cut>> {
        if let Some(rest) = &mut self.rest {
            rest.record.lost(rest.stream.take_omitted());
        }
        let terminated = self.rest.as_ref().is_some_and(|rest| rest.stream.is_terminated());
        match answer {
            Answer::Data { bytes, .. } => {
                self.passed(&bytes);
                Some(Ok(bytes))
            }
            Answer::End(trailer) => {
                if let Some(rest) = self.rest.take() {
                    rest.trial.went_well(&trailer.usage);
                    rest.record.finish(End::Served, Some(trailer));
                }
                None
            }
            Answer::Head(_) => {
                let failure = Failure::new(FailureKind::Internal, "the worker began a second answer");
                self.break_off(failure, None, Bytes::new())
            }
            Answer::Reset(..) | Answer::Lost if terminated => {
                // The client has all of it, success included: only what it cost may be unknown.
                let trailer = if let Answer::Reset(reset, _) = answer { reset.trailer } else { None };
                if let Some(rest) = self.rest.take() {
                    rest.trial.went_well(&trailer.as_ref().map(|t| t.usage).unwrap_or_default());
                    rest.record.finish(End::Served, trailer);
                }
                None
            }
            Answer::Reset(reset, event) => {
                let trailer = reset.trailer.clone();
                self.break_off(failure_of(reset), trailer, event)
            }
            Answer::Lost => {
                let cut = self.rest.as_ref().is_some_and(|rest| rest.record.is_cut());
                let failure = if cut { stopping() } else { worker_lost() };
                self.break_off(failure, None, Bytes::new())
            }
        }
    }

    /// A second half was found, which follows, or was not: that is the end.
    fn found(&mut self, second: Second) -> Option<Result<Bytes, Cut>> {
        let Break { failure, event, .. } = self.seeking.take()?;
        match second {
            Second::Goes(mut answer, mut record, mut trial) => {
                trial.committed();
                record.lost(std::mem::take(&mut answer.held.head.losses));
                self.held = answer.held.chunks.into_iter();
                match answer.rest {
                    Follows(stream) => self.rest = Some(Rest { stream, record, trial }),
                    Nothing(trailer) => {
                        trial.went_well(&trailer.usage);
                        record.finish(End::Served, Some(trailer));
                    }
                }
                None
            }
            Second::Nobody(record) => {
                record.finish(End::Interrupted(failure.kind), None);
                Some(Ok(self.last_event(&failure, &event)))
            }
        }
    }

    /// Ends with the upstream's own error event in the client's dialect, if there is one, else with ours.
    fn break_off(
        &mut self,
        failure: Failure,
        trailer: Option<protocol::ipc::call::Trailer>,
        own: Bytes,
    ) -> Option<Result<Bytes, Cut>> {
        if let Some(rest) = self.rest.take() {
            rest.trial.failed(&failure, random());
            let whole = self.edge.closing().is_empty();
            match self.continuation.take().filter(|next| whole && next.is_possible(&failure)) {
                None => rest.record.finish(End::Interrupted(failure.kind), trailer),
                Some(next) => {
                    let seeking = next.seek(rest.record, &failure, trailer);
                    self.seeking = Some(Break { seeking, failure, event: own });
                    return None;
                }
            }
        }
        match self.shape {
            Shape::Document => Some(Err(Cut)),
            Shape::Events => Some(Ok(self.last_event(&failure, &own))),
        }
    }

    /// The upstream's own error event, or ours.
    fn last_event(&self, failure: &Failure, own: &Bytes) -> Bytes {
        let mut event = self.edge.closing().to_vec();
        match own.is_empty() {
            true => event.extend_from_slice(&self.dialect.encode_stream_failure(failure)),
            false => event.extend_from_slice(own),
        }
        event.into()
    }
}

/// What a reset means, when the worker does not say it.
pub(crate) fn failure_of(reset: Reset) -> Failure {
    reset.failure.unwrap_or_else(|| match reset.code {
        ResetCode::Refused => Failure::new(FailureKind::Refused, "the worker takes no new calls"),
        ResetCode::Deadline => Failure::new(FailureKind::Timeout, "the call took longer than it may"),
        ResetCode::Upstream => Failure::new(FailureKind::Interrupted, "the provider's answer broke off"),
        ResetCode::Cancel | ResetCode::Protocol => worker_lost(),
    })
}

/// The failure of a call whose worker is gone.
pub(crate) fn worker_lost() -> Failure {
    Failure::new(FailureKind::WorkerLost, "the provider's worker process ended while it had the call")
}

/// Whether the bytes so far end between two events.
#[derive(Clone, Copy, Debug)]
struct Edge {
    framing: Framing,
    /// The last four bytes, newest last; at first as if an event had just ended.
    last: [u8; 4],
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Sse,
    Lines,
}

impl Edge {
    fn new(dialect: Dialect) -> Self {
        let framing = match dialect {
            Dialect::Ollama => Framing::Lines,
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Gemini => {
                Framing::Sse
            }
        };
        Self { framing, last: *b"\n\n\n\n" }
    }

    fn passed(&mut self, bytes: &[u8]) {
        match bytes.last_chunk() {
            Some(last) => self.last = *last,
            None => {
                self.last.rotate_left(bytes.len());
                self.last[4 - bytes.len()..].copy_from_slice(bytes);
            }
        }
    }

    /// What must be written so that a new event can begin.
    fn closing(&self) -> &'static [u8] {
        match (self.framing, &self.last) {
            (Framing::Lines, [.., b'\n']) => b"",
            (Framing::Lines, _) => b"\n",
            (Framing::Sse, [.., b'\n', b'\n'] | [.., b'\r', b'\r'] | b"\r\n\r\n") => b"",
            (Framing::Sse, _) => b"\n\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(dialect: Dialect, passed: &[&str]) -> &'static str {
        let mut edge = Edge::new(dialect);
        passed.iter().for_each(|p| edge.passed(p.as_bytes()));
        std::str::from_utf8(edge.closing()).unwrap()
    }

    #[test]
    fn a_new_event_begins_where_the_last_one_ended() {
        for passed in [
            &[][..],
            &["data: 1\n\n"],
            &["data: 1\n", "\n"],
            &["data: 1\r\n\r", "\n"],
            &["x", "\n", "", "\n"],
        ] {
            assert_eq!(closing(Dialect::OpenAiChat, passed), "", "{passed:?}");
        }
        for passed in [&["data: 1"][..], &["data: 1\n"], &["\n\n", "d"], &["data: 1\r\n"]] {
            assert_eq!(closing(Dialect::Anthropic, passed), "\n\n", "{passed:?}");
        }
        assert_eq!(closing(Dialect::Ollama, &["{}\n"]), "");
        assert_eq!(closing(Dialect::Ollama, &["{}"]), "\n");
    }

    #[test]
    fn a_reset_without_a_failure_gets_the_one_its_code_means() {
        let bare = |code| failure_of(Reset { code, failure: None, headers: vec![], trailer: None }).kind;
        assert_eq!(bare(ResetCode::Refused), FailureKind::Refused);
        assert_eq!(bare(ResetCode::Deadline), FailureKind::Timeout);
        assert_eq!(bare(ResetCode::Upstream), FailureKind::Interrupted);
        assert_eq!(bare(ResetCode::Protocol), FailureKind::WorkerLost);
    }
}
