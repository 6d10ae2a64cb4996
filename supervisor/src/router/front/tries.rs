//! One try of the retry loop: the call is handed to a candidate, and what follows when the try has ended.

use super::attempt::{self, Tried};
use super::course::Setback;
use super::dispatch::{COME_BACK_MS, Next, Run, Served, TOO_LATE};
use super::gate::Permit;
use super::hold::{Heard, Hold};
use super::poison::quarantined;
use super::random;
use super::traits;
use super::trial::Trial;
use crate::router::notices::{Severity, now_ms};
use crate::router::trace::{AttemptResult, Begun};
use protocol::model::{Failure, FailureKind};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// A call that a worker has.
pub(super) struct Try {
    pub(super) begun: Begun,
    /// Of the worker.
    generation: u64,
    pub(super) trial: Trial,
    /// What has come, if the call may be hedged.
    pub(super) heard: Heard,
    pub(super) running: Pin<Box<dyn Future<Output = Tried> + Send>>,
}

impl Future for Try {
    type Output = Tried;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Tried> {
        self.running.as_mut().poll(cx)
    }
}

impl Run {
    /// Hands the call to a candidate. The outcome is what to do next if that was not possible.
    pub(super) async fn begin(&mut self, at: usize, force: bool) -> Result<Try, Next> {
        let candidate = self.course.candidate(at).clone();
        let at_queue = self.record.elapsed();
        if self.shard.lanes.sheds(&candidate.provider, random) {
            self.turned_away(at, &candidate.provider);
            return Err(Next::GoOn);
        }
        let Some(place) = self.place(at, &candidate).await else { return Err(self.after_queue()) };
        let queued = self.record.elapsed().saturating_sub(at_queue);
        let begun = Begun { candidate: at, at: at_queue, queued };
        self.hand_over(begun, place, force)
            .inspect_err(|setback| {
                if *setback == Setback::Shut {
                    self.course.failed(at, Setback::Shut, 0.0);
                }
            })
            .map_err(|_| Next::GoOn)
    }

    /// Hands the call to a candidate at which it has a place.
    pub(super) fn hand_over(&mut self, begun: Begun, place: Permit, force: bool) -> Result<Try, Setback> {
        let at = begun.candidate;
        let candidate = self.course.candidate(at).clone();
        let shared = &self.shard.shared;
        let tokens = traits::input_tokens(&self.call.body);
        let trial = Trial::enter(&candidate, place, force, tokens, &shared.notices).ok_or(Setback::Shut)?;
        let opened = match self.shard.lanes.way(&candidate.provider) {
            None => Err("the worker's connection is gone".to_owned()),
            Some(way) => {
                let head = self.call.head(&candidate, self.course.sent() + 1, Instant::now());
                let opened = way.opener.open(&head, vec![self.call.body.clone()]);
                opened.map(|stream| (stream, way.generation)).map_err(|e| e.to_string())
            }
        };
        let (stream, generation) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                let failure = Failure::new(FailureKind::Refused, why).with_retry_after_ms(COME_BACK_MS);
                self.failed(begun, failure, None, Setback::Refused);
                return Err(Setback::Refused);
            }
        };
        self.course.handed_over(at);
        self.record.trying(begun);
        let policy = &self.call.caller.policy;
        let hold = Hold::new(shared.snapshot().limits.hold_bytes as usize, policy.hold);
        let heard = Heard::default();
        let hold = if policy.hedge.enabled { hold.heard_by(self.call.dialect, &heard) } else { hold };
        let running = Box::pin(attempt::run(stream, hold, self.call.deadline));
        Ok(Try { begun, generation, trial, heard, running })
    }

    /// What follows from a try that ended.
    pub(super) fn ended(&mut self, of: Pin<Box<Try>>, tried: Tried) -> Next {
        let Try { begun, generation, trial, .. } = *Pin::into_inner(of);
        let at = begun.candidate;
        let shared = Arc::clone(&self.shard.shared);
        match tried {
            Tried::Answered(answer) => {
                self.record.tried(begun, AttemptResult::Answered);
                if !shared.poison.is_empty() {
                    shared.poison.cleared(self.call.fingerprint());
                }
                Next::Answered(Box::new(Served { at, answer, trial }))
            }
            Tried::Late => {
                self.record.tried(begun, AttemptResult::Failed(FailureKind::Timeout, TOO_LATE.to_owned()));
                self.too_late();
                Next::Stop
            }
            Tried::Failed { failure, upstream, setback, trailer } => {
                match setback {
                    Setback::Refused => self.course.take_back(at),
                    Setback::Lost => self.suspect(at, generation, trial.in_flight()),
                    Setback::Crowded | Setback::Shut | Setback::TimedOut | Setback::Failed { .. } => {}
                }
                trial.failed(&failure, random());
                if trailer.is_some() {
                    self.record.note(|t| t.trailer = trailer);
                }
                self.failed(begun, failure, upstream, setback);
                Next::GoOn
            }
        }
    }

    /// A worker ended while it had the call: a request that does so twice is not sent again.
    fn suspect(&mut self, at: usize, generation: u64, in_flight: u32) {
        let shared = &self.shard.shared;
        let provider = self.course.candidate(at).provider.clone();
        let fingerprint = self.call.fingerprint();
        if shared.poison.crashed(fingerprint, (&provider, generation), in_flight, now_ms()) {
            let message = format!(
                "a request of the app `{}` ended two workers, the last one of {provider}; it is not sent again for ten minutes",
                self.call.caller.app
            );
            let detail = serde_json::json!({ "call": self.call.id.to_string() });
            shared.notices.tell(Severity::Critical, "request.quarantined", &provider, message, detail);
            self.course.give_up();
            self.shown.offer(quarantined(), None, at);
        }
        shared.notices.changed();
    }
}
