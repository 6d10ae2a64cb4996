//! The way of one call over its candidates: which one is next, after which wait, and when to give up.
//!
//! Pure: fitness, time left and randomness are parameters; [`super::dispatch`] acts on what it says.
//!
//! A candidate not tried yet comes before a second try of one that failed. What surely was not processed
//! (refused, not sent) uses up no attempt; the loss of a worker uses up an attempt but no retry budget.

use crate::router::routing::{Candidate, Route, Standing};
use protocol::model::Retry;
use std::time::Duration;

/// Bound of exponential backoff, before jitter.
const BACKOFF_LONGEST: Duration = Duration::from_secs(2);
/// A `Retry-After` up to this is waited for; a longer one is the client's to wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before a worker that refused is asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);
/// Refusals one call takes before it gives up.
const MAX_REFUSALS: u8 = 8;

/// Whether a call may be sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    Allowed,
    /// The client said no.
    Declined,
    /// The body is too large to be sent twice.
    TooLarge,
}

/// Bounds of a course.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) max_attempts: u8,
    pub(crate) per_provider: u8,
    /// The first wait before the same candidate is tried again.
    pub(crate) backoff: Duration,
    /// A timeout is no reason to give up.
    pub(crate) after_timeout: bool,
    pub(crate) replay: Replay,
}

/// How an attempt ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setback {
    /// Surely not processed: refused, or never handed over.
    Refused,
    /// The worker or the connection to it was lost.
    Lost,
    /// The provider has no place for it and the queue is full.
    Crowded,
    /// Its breaker has let somebody else in just now.
    Shut,
    /// It may have been processed, and charged.
    TimedOut,
    Failed {
        retry: Retry,
        retry_after: Option<Duration>,
    },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// Send it to this candidate.
    Go {
        at: usize,
        after: Duration,
        price: Price,
        /// Whatever its breaker says: there is nobody else.
        force: bool,
    },
    /// Nobody is fit now; somebody may be within moments.
    Await {
        at: usize,
    },
    Stop,
}

/// What a step costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Price {
    Free,
    /// One retry of the budget.
    Retry,
}

/// One candidate's story so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    sent: u8,
    refused: u8,
    out: bool,
    /// Another call was let in instead.
    shut: bool,
    /// The wait below is what the provider asked for.
    asked_to_wait: bool,
    /// Not before this wait.
    pause: Duration,
}

impl Tries {
    fn asked(self) -> u8 {
        self.sent.saturating_add(self.refused)
    }
}

/// The state of one call's way.
#[derive(Debug)]
pub(crate) struct Course {
    route: Route,
    rules: Rules,
    tries: Vec<Tries>,
    sent: u8,
    refusals: u8,
    price: Price,
    over: bool,
    /// Waiting for a worker was in vain.
    waited: bool,
}

impl Course {
    pub(crate) fn new(route: Route, rules: Rules) -> Self {
        let tries = vec![Tries::default(); route.len()];
        Self { route, rules, tries, sent: 0, refusals: 0, price: Price::Free, over: false, waited: false }
    }

    pub(crate) fn candidate(&self, at: usize) -> &Candidate {
        &self.route[at]
    }

    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// Attempts that were handed to a worker.
    pub(crate) fn sent(&self) -> u8 {
        self.sent
    }

    /// The next step, given how fit each candidate is now.
    pub(crate) fn next(&self, standing: impl Fn(&Candidate) -> Standing) -> Step {
        let once = self.rules.replay != Replay::Allowed && self.sent > 0;
        if self.over || once || self.sent >= self.rules.max_attempts || self.refusals > MAX_REFUSALS {
            return Step::Stop;
        }
        let open: Vec<(usize, Standing)> = (0..self.route.len())
            .filter(|at| self.is_open(*at))
            .map(|at| (at, standing(&self.route[at])))
            .collect();
        let fit = |(at, s): &&(usize, Standing)| {
            let tries = &self.tries[*at];
            !tries.shut && (s.is_fit() || tries.asked_to_wait && matches!(s, Standing::Held { .. }))
        };
        let fresh = |one: &&(usize, Standing)| self.tries[one.0].asked() == 0 && fit(one);
        let best = open.iter().filter(fresh).find(|(_, s)| *s == Standing::Ready);
        if let Some((at, _)) = best.or_else(|| open.iter().find(fresh)) {
            return self.go(*at, false);
        }
        let again = open.iter().filter(fit).min_by_key(|(at, _)| (self.tries[*at].asked(), *at));
        if let Some((at, _)) = again {
            return self.go(*at, false);
        }
        match open.iter().find(|(_, s)| matches!(s, Standing::Soon(_))) {
            Some((at, _)) if !self.waited => Step::Await { at: *at },
            Some(_) | None => self.nearest(&open).map_or(Step::Stop, |at| self.go(at, true)),
        }
    }

    /// Rather than fail without an attempt: the candidate that may be tried soonest, whatever its breaker says.
    fn nearest(&self, open: &[(usize, Standing)]) -> Option<usize> {
        if self.sent > 0 {
            return None;
        }
        let kept_away = open.iter().filter_map(|(at, s)| match s {
            Standing::Open { until, .. } => Some((Some(*until), *at)),
            s if s.is_fit() && self.tries[*at].shut => Some((None, *at)),
            _ => None,
        });
        kept_away.filter(|(_, at)| self.tries[*at].asked() == 0).min().map(|(_, at)| at)
    }

    /// The candidate had the call already.
    pub(crate) fn was_asked(&self, at: usize) -> bool {
        self.tries[at].asked() > 0
    }

    /// Nobody is asked any more.
    pub(crate) fn give_up(&mut self) {
        self.over = true;
    }

    /// Nobody became fit while the call waited.
    pub(crate) fn waited_in_vain(&mut self) {
        self.waited = true;
    }

    /// The price of the last step was paid.
    pub(crate) fn paid(&mut self) {
        self.price = Price::Free;
    }

    /// The call was handed to the worker of this candidate.
    pub(crate) fn handed_over(&mut self, at: usize) {
        self.sent += 1;
        self.tries[at].sent += 1;
    }

    /// The attempt at this candidate failed; `random` is in 0..1.
    pub(crate) fn failed(&mut self, at: usize, setback: Setback, random: f64) {
        let tries = &mut self.tries[at];
        match setback {
            Setback::Refused => {
                self.refusals += 1;
                tries.refused += 1;
                tries.pause = REFUSED_PAUSE.mul_f64(random);
            }
            Setback::Lost => {
                self.price = Price::Free;
                tries.pause = Duration::ZERO;
            }
            Setback::Crowded => tries.out = true,
            Setback::Shut => tries.shut = true,
            Setback::TimedOut => {
                self.price = Price::Retry;
                tries.out = true;
                self.over |= !self.rules.after_timeout;
            }
            Setback::Failed { retry, retry_after } => {
                self.price = Price::Retry;
                let patient = retry_after.filter(|after| *after <= PATIENCE);
                match (retry, retry_after, patient) {
                    (Retry::Never, ..) => self.over = true,
                    (_, Some(_), Some(after)) => (tries.pause, tries.asked_to_wait) = (after, true),
                    (_, Some(_), None) | (Retry::Elsewhere, None, _) => tries.out = true,
                    (Retry::Anywhere, None, _) => {
                        tries.pause = backoff(self.rules.backoff, tries.sent).mul_f64(random)
                    }
                }
            }
        }
    }

    /// An attempt that surely was not processed is given back.
    pub(crate) fn take_back(&mut self, at: usize) {
        self.sent = self.sent.saturating_sub(1);
        self.tries[at].sent = self.tries[at].sent.saturating_sub(1);
    }

    fn go(&self, at: usize, force: bool) -> Step {
        Step::Go { at, after: self.tries[at].pause, price: self.price, force }
    }

    fn is_open(&self, at: usize) -> bool {
        let provider = &self.route[at].provider;
        let at_provider = self.route.iter().zip(&self.tries).filter(|(c, _)| c.provider == *provider);
        let sent: u8 = at_provider.map(|(_, t)| t.sent).fold(0, u8::saturating_add);
        !self.tries[at].out && sent < self.rules.per_provider
    }
}

/// 100 ms, 200 ms, ... 2 s: the wait before try `sent` + 1, before jitter. A first wait that is longer stays.
fn backoff(first: Duration, sent: u8) -> Duration {
    let doubled = first.saturating_mul(1u32 << u32::from(sent.saturating_sub(1).min(10)));
    doubled.min(BACKOFF_LONGEST.max(first))
}

#[cfg(test)]
mod tests;
