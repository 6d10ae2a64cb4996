//! One step of the retry loop: the call is handed to a candidate, or to a second one as well if the first is late,
//! until somebody answers or fails.

use super::attempt::{self, Tried};
use super::course::{Setback, Step};
use super::dispatch::{COME_BACK_MS, Next, Run, Served, standing};
use super::hedge;
use super::hold::Hold;
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
use tokio::time::{Instant, timeout};

/// A call that a worker has.
pub(super) struct Try {
    begun: Begun,
    /// Of the worker.
    generation: u64,
    trial: Trial,
    running: Pin<Box<dyn Future<Output = Tried> + Send>>,
}

impl Future for Try {
    type Output = Tried;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Tried> {
        self.running.as_mut().poll(cx)
    }
}

impl Run {
    pub(super) async fn attempt(&mut self, at: usize, force: bool) -> Next {
        let first = match self.begin(at, force).await {
            Ok(try_) => try_,
            Err(next) => return next,
        };
        let mut first = Box::pin(first);
        let Some(patience) = hedge::patience(&self.call.caller.policy.hedge, &first.trial) else {
            let tried = first.as_mut().await;
            return self.ended(first, tried);
        };
        if let Ok(tried) = timeout(patience, first.as_mut()).await {
            return self.ended(first, tried);
        }
        let Some(second) = self.hedge().await else {
            let tried = first.as_mut().await;
            return self.ended(first, tried);
        };
        self.race(first, Box::pin(second)).await
    }

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
        let shared = &self.shard.shared;
        let tokens = traits::input_tokens(&self.call.body);
        let Some(trial) = Trial::enter(&candidate, place, force, tokens, &shared.notices) else {
            self.course.failed(at, Setback::Shut, 0.0);
            return Err(Next::GoOn);
        };
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
                return Err(Next::GoOn);
            }
        };
        self.course.handed_over(at);
        let snapshot = shared.snapshot();
        let hold = Hold::new(snapshot.limits.hold_bytes as usize, self.call.caller.policy.hold);
        let running = Box::pin(attempt::run(stream, hold, self.call.deadline));
        Ok(Try { begun, generation, trial, running })
    }

    /// A second candidate for a call whose first one is late, if there is one and hedges are left.
    async fn hedge(&mut self) -> Option<Try> {
        let Step::Go { at, force: false, .. } = self.course.next(|c| standing(&self.shard, c)) else {
            return None;
        };
        if self.course.was_asked(at) || !self.shard.shared.may_hedge() {
            return None;
        }
        self.begin(at, false).await.ok()
    }

    /// Two candidates have the call: the first answer wins and the other one is told to stop.
    async fn race(&mut self, mut first: Pin<Box<Try>>, mut second: Pin<Box<Try>>) -> Next {
        let (first_done, tried) = tokio::select! {
            tried = first.as_mut() => (true, tried),
            tried = second.as_mut() => (false, tried),
        };
        let (done, mut other) = if first_done { (first, second) } else { (second, first) };
        if let Tried::Failed { .. } = tried {
            // The other one may still answer.
            let next = self.ended(done, tried);
            if matches!(next, Next::Stop) {
                return next;
            }
            let tried = other.as_mut().await;
            return self.ended(other, tried);
        }
        let (won, lost) = (
            self.course.candidate(done.begun.candidate).address(),
            self.course.candidate(other.begun.candidate).address(),
        );
        self.record.note(|t| t.notes.push(format!("hedged: {won} was first, {lost} was cancelled")));
        let late = AttemptResult::Failed(FailureKind::Cancelled, "another candidate was faster".to_owned());
        self.record.tried(other.begun, late);
        // Dropped, its stream is reset and its place is free.
        drop(other);
        self.ended(done, tried)
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
