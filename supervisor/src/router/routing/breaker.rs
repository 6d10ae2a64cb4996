//! Keeps calls away from what keeps failing, and finds out when it has recovered. Pure: the time and the jitter
//! are parameters.
//!
//! ```text
//! closed ── 5 failures in a row, or under half good of 20 in a minute ──▶ open
//! open   ── after 30 s (twice as long after each failed probe, at most 300 s) ──▶ half-open
//! half-open: one call at a time ── 3 good ones in a row ──▶ closed;  a bad one ──▶ open
//! ```
//!
//! What counts as a failure is decided by [`super::verdict`].

use std::time::{Duration, Instant};

/// The ratio rule looks back this many slots of ten seconds.
const SLOTS: usize = 6;
const SLOT: Duration = Duration::from_secs(10);
/// Fewer calls say nothing of a ratio.
const ENOUGH: u32 = 20;
/// Up to this share is added to or taken from the time a breaker stays open.
const JITTER: f64 = 0.1;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Also by the share of failures.
    pub(crate) ratio: bool,
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    /// Good probes in a row.
    pub(crate) successes: u32,
}

impl Terms {
    /// Of a model of a provider.
    pub(crate) const MODEL: Terms = Terms {
        failures: 5,
        ratio: true,
        first: Duration::from_secs(30),
        longest: Duration::from_secs(300),
        successes: 3,
    };
    /// Of a key: one refusal is enough, and it is asked again every five minutes.
    pub(crate) const KEY: Terms = Terms {
        failures: 1,
        ratio: false,
        first: Duration::from_secs(300),
        longest: Duration::from_secs(300),
        successes: 1,
    };
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    terms: Terms,
    state: State,
    /// Probes that failed since it was closed.
    trips: u32,
    /// Of the last probe that was let in.
    probe: u64,
    window: Window,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { probing: bool, successes: u32 },
}

/// How a call was let in; it must be handed back with the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Plain,
    Probe(u64),
}

/// What a breaker says to a call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Closed,
    /// One call may try whether it has recovered.
    Probe,
    /// Another call tries that just now.
    Probing,
    Open {
        until: Instant,
    },
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Opened { lasts: Duration, failures: u32 },
    HalfOpened,
    Closed,
}

/// A breaker that is not simply closed, in a form that can be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Time left until it may be tried; zero = it is half-open.
    pub(crate) left: Duration,
    pub(crate) trips: u32,
    /// In a row, while it is closed.
    pub(crate) failures: u32,
    pub(crate) closed: bool,
}

impl Breaker {
    pub(crate) fn new(terms: Terms) -> Self {
        let state = State::Closed { failures: 0 };
        Self { terms, state, trips: 0, probe: 0, window: Window::default() }
    }

    /// What it says now; changes nothing.
    pub(crate) fn look(&self, now: Instant) -> Look {
        match self.state {
            State::Closed { .. } => Look::Closed,
            State::Open { until } if until > now => Look::Open { until },
            State::Open { .. } | State::HalfOpen { probing: false, .. } => Look::Probe,
            State::HalfOpen { probing: true, .. } => Look::Probing,
        }
    }

    /// Lets a call in, as a probe if it is time for one; `force` lets it in whatever the state, as the call has
    /// nowhere else to go.
    pub(crate) fn admit(&mut self, now: Instant, force: bool) -> (Option<Pass>, Option<Change>) {
        match self.look(now) {
            Look::Closed => (Some(Pass::Plain), None),
            Look::Probe => {
                let half = matches!(self.state, State::HalfOpen { .. });
                let successes = match self.state {
                    State::HalfOpen { successes, .. } => successes,
                    State::Closed { .. } | State::Open { .. } => 0,
                };
                self.state = State::HalfOpen { probing: true, successes };
                self.probe += 1;
                (Some(Pass::Probe(self.probe)), (!half).then_some(Change::HalfOpened))
            }
            Look::Probing | Look::Open { .. } => (force.then_some(Pass::Plain), None),
        }
    }

    /// The call went well.
    pub(crate) fn success(&mut self, pass: Pass, now: Instant) -> Option<Change> {
        match (self.state, pass) {
            (State::Closed { .. }, _) => {
                self.window.count(now, true);
                self.state = State::Closed { failures: 0 };
                None
            }
            (State::HalfOpen { successes, .. }, Pass::Probe(n)) if n == self.probe => {
                if successes + 1 < self.terms.successes {
                    self.state = State::HalfOpen { probing: false, successes: successes + 1 };
                    return None;
                }
                *self = Self { probe: self.probe, ..Self::new(self.terms) };
                Some(Change::Closed)
            }
            // Of a call that began before the state changed, or had nowhere else to go.
            (State::HalfOpen { .. } | State::Open { .. }, _) => None,
        }
    }

    /// The call failed in a way that counts. `random` is in 0..1.
    pub(crate) fn failure(&mut self, pass: Pass, now: Instant, random: f64) -> Option<Change> {
        match (self.state, pass) {
            (State::Closed { failures }, _) => {
                self.window.count(now, false);
                let failures = failures + 1;
                if failures >= self.terms.failures || (self.terms.ratio && self.window.is_bad(now)) {
                    return Some(self.open(now, random, failures));
                }
                self.state = State::Closed { failures };
                None
            }
            (State::HalfOpen { .. }, Pass::Probe(n)) if n == self.probe => {
                self.trips += 1;
                Some(self.open(now, random, 1))
            }
            (State::HalfOpen { .. } | State::Open { .. }, _) => None,
        }
    }

    /// The call ended without an outcome that says anything: its client left, or it failed by itself.
    pub(crate) fn release(&mut self, pass: Pass) {
        if let (State::HalfOpen { successes, .. }, Pass::Probe(n)) = (self.state, pass)
            && n == self.probe
        {
            self.state = State::HalfOpen { probing: false, successes };
        }
    }

    /// It was repaired: begins anew.
    pub(crate) fn reset(&mut self) -> Option<Change> {
        let was_closed = matches!(self.state, State::Closed { .. });
        *self = Self { probe: self.probe, ..Self::new(self.terms) };
        (!was_closed).then_some(Change::Closed)
    }

    fn open(&mut self, now: Instant, random: f64, failures: u32) -> Change {
        let doubled = self.terms.first.saturating_mul(1u32 << self.trips.min(16));
        let lasts = doubled.min(self.terms.longest).mul_f64(1.0 - JITTER + 2.0 * JITTER * random);
        self.state = State::Open { until: now + lasts };
        Change::Opened { lasts, failures }
    }

    /// What the next router must know; `None` = nothing.
    pub(crate) fn save(&self, now: Instant) -> Option<Saved> {
        let (closed, left, failures) = match self.state {
            State::Closed { failures: 0 } => return None,
            State::Closed { failures } => (true, Duration::ZERO, failures),
            State::Open { until } => (false, until.saturating_duration_since(now), 0),
            State::HalfOpen { .. } => (false, Duration::ZERO, 0),
        };
        Some(Saved { left, trips: self.trips, failures, closed })
    }

    /// Goes on where another one was.
    pub(crate) fn restore(&mut self, saved: Saved, now: Instant) {
        self.trips = saved.trips;
        self.state = match saved.closed {
            true => State::Closed { failures: saved.failures.min(self.terms.failures.saturating_sub(1)) },
            false => State::Open { until: now + saved.left.min(self.terms.longest.mul_f64(1.0 + JITTER)) },
        };
    }
}

/// Good and bad calls of the last minute.
#[derive(Clone, Debug, Default)]
struct Window {
    /// Since when slots are counted.
    start: Option<Instant>,
    slots: [(u64, u32, u32); SLOTS],
}

impl Window {
    fn number(&mut self, now: Instant) -> u64 {
        let start = *self.start.get_or_insert(now);
        // Counted from 1: an empty slot has number 0.
        now.saturating_duration_since(start).as_secs() / SLOT.as_secs() + 1
    }

    fn count(&mut self, now: Instant, good: bool) {
        let number = self.number(now);
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.0 != number {
            *slot = (number, 0, 0);
        }
        slot.1 += u32::from(good);
        slot.2 += u32::from(!good);
    }

    fn is_bad(&mut self, now: Instant) -> bool {
        let number = self.number(now);
        let recent = self.slots.iter().filter(|s| s.0 + SLOTS as u64 > number && s.0 > 0);
        let (good, bad) = recent.fold((0, 0), |(g, b), s| (g + s.1, b + s.2));
        good + bad >= ENOUGH && good < bad
    }
}

#[cfg(test)]
mod tests;
