//! One try of a call at one worker, up to the commit point.

use super::continuation::Continuation;
use super::course::Setback;
use super::hold::{Held, Hold, Verdict};
use super::refusal::Upstream;
use super::relay::{Relay, Shape, failure_of, worker_lost};
use super::reply::ReplyBody;
use super::trial::Trial;
use crate::router::trace::{End, Record};
use bytes::Bytes;
use protocol::dialect::Dialect;
use protocol::ipc::call::{ReplyHead, Reset, ResetCode, Trailer};
use protocol::model::{Failure, FailureKind, Retry};
use protocol::transport::link::CallStream;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How a try ended.
pub(crate) enum Tried {
    Answered(Answer),
    /// The call's deadline passed; the worker was told.
    Late,
    Failed {
        failure: Failure,
        upstream: Option<Upstream>,
        setback: Setback,
        trailer: Option<Trailer>,
    },
}

/// An answer at its commit point.
pub(crate) struct Answer {
    pub(super) held: Held,
    pub(super) rest: Rest,
}

pub(super) enum Rest {
    Follows(CallStream),
    Nothing(Trailer),
}

impl Answer {
    pub(crate) fn head(&self) -> &ReplyHead {
        &self.held.head
    }

    /// The head and the body for the client; record and trial live as long as the answer.
    pub(crate) fn into_reply(
        self,
        dialect: Dialect,
        mut record: Record,
        mut trial: Trial,
        going_on: Option<Box<Continuation>>,
    ) -> (ReplyHead, ReplyBody) {
        trial.committed();
        let Held { head, chunks } = self.held;
        let body = match self.rest {
            Rest::Nothing(trailer) => {
                trial.went_well(&trailer.usage);
                for chunk in &chunks {
                    match head.stream {
                        true => record.delivered().events(dialect, chunk),
                        false => record.delivered().document(chunk.len() as u64),
                    }
                }
                record.finish(End::Served, Some(trailer));
                ReplyBody::whole(chunks)
            }
            Rest::Follows(stream) => {
                let shape = if head.stream { Shape::Events } else { Shape::Document };
                let relay = Relay::new(chunks, stream, dialect, shape, record, trial);
                ReplyBody::relay(relay.with_continuation(going_on))
            }
        };
        (head, body)
    }
}

/// Listens to the worker until its answer may be shown, or failed, holding back what `hold` says.
pub(crate) async fn run(mut stream: CallStream, mut hold: Hold, deadline: Option<Instant>) -> Tried {
    loop {
        let until = [deadline, hold.ends()].into_iter().flatten().min();
        let heard = match until {
            None => Some(stream.next().await),
            Some(until) => timeout_at(until, stream.next()).await.ok(),
        };
        let verdict = match heard {
            Some(answer) => hold.take(answer, Instant::now()),
            None if hold.ends().is_some_and(|ends| ends <= Instant::now()) => hold.expire(),
            None => {
                stream.cancel(ResetCode::Deadline);
                return Tried::Late;
            }
        };
        match verdict {
            Verdict::Wait => {}
            Verdict::Commit(held) => return Tried::Answered(Answer { held, rest: Rest::Follows(stream) }),
            Verdict::Complete(mut held, trailer) => {
                held.head.losses.extend(stream.take_omitted());
                return Tried::Answered(Answer { held, rest: Rest::Nothing(trailer) });
            }
            Verdict::Broken(reset, body) => return broken(reset, body),
            Verdict::Lost => return lost(),
            Verdict::Nonsense(what) => return nonsense(what),
        }
    }
}

fn broken(reset: Reset, body: Bytes) -> Tried {
    if reset.code == ResetCode::Protocol && reset.failure.is_none() {
        return lost();
    }
    let trailer = reset.trailer.clone();
    let headers = reset.headers.clone();
    let refused = reset.code == ResetCode::Refused;
    let failure = failure_of(reset);
    let setback = if refused || failure.kind == FailureKind::Refused {
        Setback::Refused
    } else if failure.kind == FailureKind::Timeout {
        Setback::TimedOut
    } else {
        Setback::Failed {
            retry: failure.retry,
            retry_after: failure.retry_after_ms.map(Duration::from_millis),
        }
    };
    let upstream = (!body.is_empty()).then_some(Upstream { headers, body });
    Tried::Failed { failure, upstream, setback, trailer }
}

fn lost() -> Tried {
    Tried::Failed { failure: worker_lost(), upstream: None, setback: Setback::Lost, trailer: None }
}

fn nonsense(what: &str) -> Tried {
    tracing::error!(what, "a worker sent what makes no sense");
    let failure = Failure::new(FailureKind::Internal, format!("the worker sent {what}"));
    let setback = Setback::Failed { retry: Retry::Elsewhere, retry_after: None };
    Tried::Failed { failure, upstream: None, setback, trailer: None }
}
