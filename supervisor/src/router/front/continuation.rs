//! A stream of plain text that broke off after its client had begun to read it is taken up by another provider,
//! once, if its app wants that.
//!
//! Owns: what the client has of such a stream, and who may go on with it. The second provider's worker reads what
//! was sent and refuses what is no plain prose; here no answer is read.

use super::attempt::{Answer, Tried};
use super::call::Call;
use super::course::{Course, Replay};
use super::dispatch::{Next, Run, standing};
use super::trial::Trial;
use crate::router::routing::Candidate;
use crate::router::shard::Shard;
use crate::router::trace::{AttemptResult, FirstHalf, Record};
use bytes::{Bytes, BytesMut};
use protocol::dialect::Operation;
use protocol::ipc::call::{ReplyHead, Trailer};
use protocol::ipc::continues::Continues;
use protocol::model::{Failure, Retry};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A longer answer is not kept, and not continued.
const MOST_SENT: usize = 1024 * 1024;
/// How long a client waits for the second half.
const PATIENCE: Duration = Duration::from_secs(20);
/// Providers that are asked for it, one after the other.
const MOST_ASKED: usize = 2;

/// The second half, or the first one's record back.
pub(super) enum Second {
    Goes(Box<Answer>, Record, Trial),
    Nobody(Record),
}

/// The search for a second half.
pub(super) type Seeking = Pin<Box<dyn Future<Output = Second> + Send>>;

/// See the module.
pub(super) struct Continuation {
    shard: Arc<Shard>,
    call: Call,
    course: Course,
    /// Who gave the first half.
    at: usize,
    sent: Vec<Bytes>,
    bytes: usize,
}

impl Continuation {
    /// For an answer that candidate `at` has begun to give; `None` = it ends where it ends.
    pub(super) fn of(
        shard: Arc<Shard>,
        call: Call,
        course: Course,
        at: usize,
        head: &ReplyHead,
    ) -> Option<Box<Self>> {
        let wanted = call.caller.policy.continuation
            && head.stream
            && call.operation == Operation::Chat
            && call.rules.replay == Replay::Allowed;
        if !wanted || !course.route().iter().enumerate().any(|(other, c)| other != at && can_go_on(c)) {
            return None;
        }
        Some(Box::new(Self { shard, call, course, at, sent: Vec::new(), bytes: 0 }))
    }

    /// The client was sent this.
    pub(super) fn sent(&mut self, bytes: &Bytes) {
        self.bytes += bytes.len();
        if self.bytes <= MOST_SENT {
            self.sent.push(bytes.clone());
        } else {
            self.sent = Vec::new();
        }
    }

    /// Somebody may go on after this failure.
    pub(super) fn is_possible(&self, failure: &Failure) -> bool {
        self.bytes <= MOST_SENT
            && !self.sent.is_empty()
            && failure.retry != Retry::Never
            && !self.shard.shared.is_cut()
    }

    /// Asks the others to go on; `trailer` is what the first half is known to have cost.
    pub(super) fn seek(self, mut record: Record, failure: &Failure, trailer: Option<Trailer>) -> Seeking {
        let before = trailer.as_ref().map(|t| t.usage).unwrap_or_default();
        let now = record.elapsed();
        record.note(|trace| {
            trace.trailer = trailer;
            trace.first_half = Some(FirstHalf { candidate: self.at, usage: before });
            if let Some(first) = trace.attempts.last_mut() {
                first.took = now.saturating_sub(first.began);
                let message = format!("{} (after it had begun to answer)", failure.message);
                first.result = AttemptResult::Failed(failure.kind, message);
            }
        });
        Box::pin(self.go_on(record, before))
    }

    async fn go_on(self, record: Record, before: protocol::model::Usage) -> Second {
        let Self { shard, mut call, course, at, sent, bytes } = self;
        let mut body = BytesMut::with_capacity(call.body.len() + bytes);
        body.extend_from_slice(&call.body);
        sent.iter().for_each(|piece| body.extend_from_slice(piece));
        call.body = body.freeze();
        call.continues = Some(Box::new(Continues { sent: bytes as u64, by: String::new(), before }));
        call.deadline = Some(Instant::now() + PATIENCE);
        let first = course.candidate(at).clone();
        let mut run = Run::new(shard, call, course, record);
        for other in targets(&run, at) {
            if !run.shard.shared.may_retry() {
                break;
            }
            let Ok(try_) = run.begin(other, false).await else { continue };
            let mut try_ = Box::pin(try_);
            let tried = try_.as_mut().await;
            let hopeless = matches!(&tried, Tried::Failed { failure, .. } if failure.retry == Retry::Never)
                || matches!(&tried, Tried::Late);
            if let Next::Answered(served) = run.ended(try_, tried) {
                let note = format!(
                    "continued: {} broke off, {} goes on",
                    first.address(),
                    run.course.candidate(other).address()
                );
                run.record.note(|trace| trace.notes.push(note));
                return Second::Goes(Box::new(served.answer), run.record, served.trial);
            }
            if hopeless {
                break;
            }
        }
        run.record.note(|trace| trace.notes.push("nobody could go on with the answer".to_owned()));
        Second::Nobody(run.record)
    }
}

/// The others that can go on, in their order.
fn targets(run: &Run, first: usize) -> Vec<usize> {
    let others = run.course.route().iter().enumerate();
    let fit = others.filter(|(at, c)| *at != first && can_go_on(c) && standing(&run.shard, c).is_fit());
    fit.map(|(at, _)| at).take(MOST_ASKED).collect()
}

/// The model continues an assistant's turn.
fn can_go_on(candidate: &Candidate) -> bool {
    candidate.entry.as_ref().is_some_and(|entry| entry.facts.prefill == Some(true))
}
