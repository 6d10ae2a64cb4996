//! The one retry loop: follows a call's course over its candidates until one of them answers, and stops at
//! the first byte for the client.

use super::attempt::Answer;
use super::call::Call;
use super::continuation::Continuation;
use super::course::{Course, Price, Replay, Setback, Step};
use super::gate::{Gate, Permit};
use super::refusal::{Refusal, Shown};
use super::reply::ReplyBody;
use super::respond;
use super::trial::Trial;
use crate::router::limits::SHARED;
use crate::router::routing::{Candidate, Standing};
use crate::router::shard::Shard;
use crate::router::trace::{AttemptResult, Begun, Exclusion, Record};
use protocol::ipc::call::ReplyHead;
use protocol::model::{Failure, FailureKind};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a call waits for a worker that may be ready within moments, all waits together.
const AWAIT: Duration = Duration::from_millis(750);
/// What a client is told to wait when there is no place or no worker.
pub(super) const COME_BACK_MS: u64 = 1000;

/// What a client is told whose deadline passed.
pub(super) const TOO_LATE: &str = "no answer came before the call's deadline";

/// A dispatch that goes on by itself.
pub(crate) type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// How a dispatch ends.
pub(crate) enum Outcome {
    Answered(Answered),
    Failed(Refusal),
}

/// An answer for the client.
pub(crate) struct Answered {
    pub(crate) head: ReplyHead,
    pub(crate) candidate: Candidate,
    pub(crate) attempts: u8,
    pub(crate) body: ReplyBody,
}

/// Runs a call to its answer, or to the failure its client is shown.
pub(crate) async fn dispatch(shard: Arc<Shard>, call: Call, course: Course, record: Record) -> Outcome {
    let mut run = Run::new(shard, call, course, record);
    run.note_exclusions();
    loop {
        let step = run.course.next(|c| standing(&run.shard, c));
        let go_on = match step {
            Step::Stop => false,
            Step::Await { at } => run.wait_for_worker(at).await,
            Step::Go { at, after, price, force } => {
                if !run.may_go(after, price) {
                    false
                } else {
                    if !after.is_zero() {
                        sleep(after).await;
                    }
                    match run.attempt(at, force).await {
                        Next::Answered(served) => return run.answered(served),
                        Next::GoOn => true,
                        Next::Stop => false,
                    }
                }
            }
        };
        if !go_on || run.shard.shared.is_cut() {
            return run.give_up();
        }
    }
}

pub(super) struct Run {
    pub(super) shard: Arc<Shard>,
    pub(super) call: Call,
    pub(super) course: Course,
    pub(super) record: Record,
    /// The failure worth showing so far.
    pub(super) shown: Shown,
    /// When waiting for workers ends; set by the first wait.
    waited_until: Option<Instant>,
}

pub(super) enum Next {
    Answered(Box<Served>),
    GoOn,
    Stop,
}

/// An attempt that answered, and its stay at the provider.
pub(super) struct Served {
    pub(super) at: usize,
    pub(super) answer: Answer,
    pub(super) trial: Trial,
}

/// How fit a candidate is by the newest configuration.
pub(super) fn standing(shard: &Shard, candidate: &Candidate) -> Standing {
    shard.standing(&shard.shared.snapshot().table, candidate)
}

impl Run {
    pub(super) fn new(shard: Arc<Shard>, call: Call, course: Course, record: Record) -> Self {
        Self { shard, call, course, record, shown: Shown::default(), waited_until: None }
    }

    fn note_exclusions(&mut self) {
        let route = self.course.route().clone();
        let excluded = route
            .iter()
            .enumerate()
            .filter_map(|(candidate, c)| {
                let standing = standing(&self.shard, c);
                let reason = standing.reason().filter(|_| !standing.is_fit())?;
                Some(Exclusion { candidate, reason: reason.to_owned() })
            })
            .collect();
        self.record.note(|t| {
            t.route = Some(route);
            t.excluded = excluded;
        });
    }

    /// The deadline and the retry budget allow this step.
    fn may_go(&mut self, after: Duration, price: Price) -> bool {
        if self.call.deadline.is_some_and(|d| Instant::now() + after >= d) {
            self.too_late();
            return false;
        }
        match price {
            Price::Free => true,
            Price::Retry => {
                let granted = self.shard.shared.may_retry();
                if granted {
                    self.course.paid();
                } else {
                    tracing::debug!(call = %self.call.id, "the retry budget is spent");
                }
                granted
            }
        }
    }

    /// Waits until a candidate is fit. False = nobody became fit in time, or too many wait already.
    async fn wait_for_worker(&mut self, at: usize) -> bool {
        let snapshot = self.shard.shared.snapshot();
        let provider = self.course.candidate(at).provider.clone();
        let waiting = snapshot.gate(&provider).map(Gate::wait);
        let Some(Ok(_waiting)) = waiting else {
            // Another candidate may have room to wait at.
            self.course.failed(at, Setback::Crowded, 0.0);
            self.shown.offer(crowded(&provider), None, at);
            return true;
        };
        let until = *self.waited_until.get_or_insert_with(|| Instant::now() + AWAIT);
        let until = self.call.deadline.map_or(until, |d| d.min(until));
        let mut news = self.shard.shared.news.listen();
        loop {
            // Looked at after the subscription: nothing that happens in between is missed.
            if !matches!(self.course.next(|c| standing(&self.shard, c)), Step::Await { .. }) {
                return true;
            }
            if self.shard.shared.is_cut() {
                return false;
            }
            if timeout_at(until, news.changed()).await.is_err() {
                self.course.waited_in_vain();
                return true;
            }
        }
    }

    /// A place at the provider, after waiting for it if need be.
    pub(super) async fn place(&mut self, at: usize, candidate: &Candidate) -> Option<Permit> {
        let snapshot = self.shard.shared.snapshot();
        let gate = snapshot.gate(&candidate.provider)?;
        let patience = snapshot.table.provider(&candidate.provider).map_or(0, |p| p.max_wait_ms);
        let patience = (patience > 0).then(|| Instant::now() + Duration::from_millis(patience));
        let entering = gate.enter_shared(&self.call.caller.app, SHARED);
        let entered = match [self.call.deadline, patience].into_iter().flatten().min() {
            None => Ok(entering.await),
            Some(until) => timeout_at(until, entering).await,
        };
        if entered.is_err() && self.call.deadline.is_some_and(|d| Instant::now() >= d) {
            return None;
        }
        match entered {
            Ok(Ok(place)) => Some(place),
            Ok(Err(_)) | Err(_) => {
                let begun = Begun { candidate: at, at: self.record.elapsed(), queued: Duration::ZERO };
                self.failed(begun, crowded(&candidate.provider), None, Setback::Crowded);
                None
            }
        }
    }

    /// The worker has more to do than it can, and this call is of the share that is not sent there.
    pub(super) fn turned_away(&mut self, at: usize, provider: &str) {
        let begun = Begun { candidate: at, at: self.record.elapsed(), queued: Duration::ZERO };
        let failure =
            overloaded(format!("the worker of the provider `{provider}` has more to do than it can"));
        self.record.tried(begun, AttemptResult::Failed(failure.kind, failure.message.clone()));
        self.course.failed(at, Setback::Crowded, super::random());
        self.shown.offer_excess(failure, at);
    }

    /// No place: the deadline passed while waiting, or another candidate may have one.
    pub(super) fn after_queue(&mut self) -> Next {
        if self.call.deadline.is_some_and(|d| Instant::now() >= d) {
            self.too_late();
            return Next::Stop;
        }
        Next::GoOn
    }

    pub(super) fn too_late(&mut self) {
        let failure = Failure::new(FailureKind::Timeout, TOO_LATE);
        self.shown.offer(failure, None, 0);
    }

    pub(super) fn failed(
        &mut self,
        begun: Begun,
        failure: Failure,
        upstream: Option<super::refusal::Upstream>,
        setback: Setback,
    ) {
        let result = AttemptResult::Failed(failure.kind, failure.message.clone());
        self.record.tried(begun, result);
        self.course.failed(begun.candidate, setback, super::random());
        self.shown.offer(failure, upstream, begun.candidate);
    }

    fn answered(mut self, served: Box<Served>) -> Outcome {
        let Served { at, answer, trial } = *served;
        self.record.commit(answer.head());
        let candidate = self.course.candidate(at).clone();
        let attempts = self.course.sent();
        let dialect = self.call.dialect;
        let going_on = Continuation::of(self.shard, self.call, self.course, at, answer.head());
        let (head, body) = answer.into_reply(dialect, self.record, trial, going_on);
        Outcome::Answered(Answered { head, candidate, attempts, body })
    }

    fn give_up(self) -> Outcome {
        let attempts = self.course.sent();
        let too_large = self.call.rules.replay == Replay::TooLarge && attempts > 0;
        let cut = self.shard.shared.is_cut();
        if self.shown.is_excess() && !cut {
            self.shard.shared.pressure.refused();
        }
        let shown = if cut { Some((stopping(), None, 0)) } else { self.shown.take() };
        let (mut failure, upstream, at) = shown.unwrap_or_else(|| (self.nobody(), None, 0));
        if too_large && upstream.is_none() {
            failure.message.push_str("; a request body of more than 32 MiB is sent only once");
        }
        let candidate = self.course.route().get(at).cloned();
        let refusal = Refusal { failure, upstream, candidate, attempts };
        self.record.refuse(refusal.failure.kind, respond::status_of(self.call.dialect, &refusal));
        Outcome::Failed(refusal)
    }

    /// The failure of a call that nobody was fit to take.
    fn nobody(&self) -> Failure {
        if let Some(failure) = self.held_everywhere() {
            return failure;
        }
        let reasons = self.course.route().iter().map(|c| match standing(&self.shard, c).reason() {
            Some(reason) => format!("{}: {reason}", c.provider),
            None => format!("{}: it cannot take this call again", c.provider),
        });
        let mut reasons: Vec<String> = reasons.collect();
        reasons.dedup();
        let message = format!("no provider can take the call now ({})", reasons.join("; "));
        Failure::new(FailureKind::Unavailable, message).with_retry_after_ms(self.soonest())
    }
}

impl Run {
    /// When the first of those that are kept away may be asked again.
    fn soonest(&self) -> u64 {
        let now = std::time::Instant::now();
        let waits = self.course.route().iter().filter_map(|c| match standing(&self.shard, c) {
            Standing::Held { until, .. } | Standing::Open { until, .. } => {
                Some(until.saturating_duration_since(now))
            }
            Standing::Soon(_) => Some(Duration::from_millis(COME_BACK_MS)),
            Standing::Ready | Standing::LastResort(_) | Standing::Out(_) => None,
        });
        let ms = waits.min().map_or(COME_BACK_MS, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        ms.max(COME_BACK_MS)
    }

    /// The failure of a call whose every candidate is used as fast as it may be.
    fn held_everywhere(&self) -> Option<Failure> {
        let now = std::time::Instant::now();
        let held = self.course.route().iter().map(|c| match standing(&self.shard, c) {
            Standing::Held { until, .. } => Some(until.saturating_duration_since(now)),
            _ => None,
        });
        let first = held.collect::<Option<Vec<Duration>>>()?.into_iter().min()?;
        let ms = u64::try_from(first.as_millis()).unwrap_or(u64::MAX).max(1);
        let message = "every provider of this model is rate limited now";
        Some(Failure::new(FailureKind::RateLimited, message).with_retry_after_ms(ms))
    }
}

/// The failure of a call that the end of this process cuts.
pub(crate) fn stopping() -> Failure {
    Failure::new(FailureKind::Unavailable, "LLM Link is stopping").with_retry_after_ms(COME_BACK_MS)
}

/// The failure of a call that is turned away. Not all of them come back at the same moment.
pub(super) fn overloaded(message: String) -> Failure {
    let wait = COME_BACK_MS + (super::random() * COME_BACK_MS as f64) as u64;
    Failure::new(FailureKind::Unavailable, message).with_retry_after_ms(wait)
}

fn crowded(provider: &str) -> Failure {
    let message = format!("the provider `{provider}` has as many calls as it takes, and its queue is full");
    Failure::new(FailureKind::Unavailable, message).with_retry_after_ms(COME_BACK_MS)
}
