//! The life of one supervised child as a pure state machine: inputs and time go in, effects come out.
//! It owns every decision about one process (start, ready, degraded, drain, kill, restart, give up) and
//! performs none of them; at most one process of a machine is alive at any time.
//!
//! ```text
//!            Up                 Hello · Sandboxed · Ready
//! Stopped ────────▶ Spawning ─▶ Starting ───────────────▶ Serving ◀──Resume── Draining
//!    ▲                 ▲            │ exit, 10 s              │ ╰──────Down──────▶ │
//!    │                 │            ▼                         ▼                    ▼
//!    │              Waiting ◀──── Ending (asked → TERM → KILL; watchdog: ABRT → KILL) ◀
//!    │                 ╰──▶ Failed      │ exited
//!    ╰──────────────────────────────────╯
//! ```
//!
//! A timer carries the number it was armed with; a number that is no longer current does nothing. Silence
//! is counted in pings without an answer, not in elapsed time: a supervisor that was itself stopped for a
//! minute must not shoot everyone when it wakes up.

mod exchange;
mod stepping;

pub(crate) use exchange::{Blow, Effect, Input, Message, Timer, Traits};

use super::exit::Cause;
use super::policy::{Policy, Restarts};
use protocol::ipc::configure::WorkerState;
use std::time::{Duration, Instant};
use stepping::Stepping;

/// From spawn to ready.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(1);
/// Unanswered pings until the child is degraded.
const MISSED_DEGRADED: u32 = 2;
/// Unanswered pings until it is killed: 5 s after its last answer.
const MISSED_DEAD: u32 = 4;
/// A drained child has this long after the drain's own time to say so.
const DRAIN_GRACE: Duration = Duration::from_secs(2);
/// Between asking and SIGTERM.
const ASK_GRACE: Duration = Duration::from_secs(1);
/// Between SIGTERM or SIGABRT and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// Between two SIGKILLs, for a process stuck in the kernel.
const KILL_AGAIN: Duration = Duration::from_secs(5);
/// A closed control socket usually means that the exit status is on its way.
const EOF_GRACE: Duration = Duration::from_millis(200);
/// Share of the memory limit in use from which the child is degraded, and below which it is well again.
const FAT: f64 = 0.8;
const SLIM: f64 = 0.7;

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Stopped,
    /// Until the phase timer.
    Waiting {
        reason: String,
        until: Instant,
    },
    /// Until the phase timer, if there is a next try at all.
    Failed {
        reason: String,
        until: Option<Instant>,
    },
    Spawning,
    Starting(Stage),
    Serving,
    Draining,
    Ending {
        step: Step,
        why: Why,
    },
}

/// What a starting child has to say next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Hello,
    Sandboxed,
    Ready,
}

/// How far an end has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Asked,
    Warned,
    Killed,
}

/// Why a process is being ended.
#[derive(Clone, Debug, PartialEq)]
enum Why {
    Unwanted,
    Replaced,
    Crash(Cause),
}

/// The process that is alive, as far as the machine cares.
#[derive(Clone, Debug, Default, PartialEq)]
struct Live {
    generation: u64,
    ready_at: Option<Instant>,
    seq: u64,
    answered: u64,
    missed: u32,
    fat: bool,
    drain: Duration,
}

/// One child's state machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    traits: Traits,
    policy: Policy,
    restarts: Restarts,
    wanted: bool,
    phase: Phase,
    since: Instant,
    live: Live,
    /// Number of the last timer armed, and which are current.
    armed: u64,
    phase_timer: Option<u64>,
    ping_timer: Option<u64>,
    published: Option<(WorkerState, String)>,
}

impl Machine {
    /// A child that is not wanted yet.
    pub(crate) fn new(traits: Traits, policy: Policy, now: Instant) -> Self {
        Self {
            traits,
            policy,
            restarts: Restarts::default(),
            wanted: false,
            phase: Phase::Stopped,
            since: now,
            live: Live::default(),
            armed: 0,
            phase_timer: None,
            ping_timer: None,
            published: None,
        }
    }

    /// Takes one input. `chance` is uniformly random in 0..1 (jitter).
    pub(crate) fn step(&mut self, input: Input, now: Instant, chance: f64) -> Vec<Effect> {
        let mut step = Stepping { machine: self, now, chance, effects: Vec::new() };
        step.take(input);
        let mut effects = step.effects;
        let state = self.state();
        let public = (state, self.explain());
        if self.published.as_ref() != Some(&public) {
            if self.published.as_ref().is_none_or(|(old, _)| *old != state) {
                self.since = now;
            }
            self.published = Some(public);
            effects.push(Effect::Publish);
        }
        effects
    }

    /// The next process has other traits than the last one.
    pub(crate) fn retool(&mut self, traits: Traits) {
        self.traits = traits;
    }

    /// The state as everyone else sees it.
    pub(crate) fn state(&self) -> WorkerState {
        match &self.phase {
            Phase::Stopped => WorkerState::Stopped,
            Phase::Waiting { .. } => WorkerState::Backoff,
            Phase::Failed { .. } => WorkerState::Failed,
            Phase::Spawning | Phase::Starting(_) => WorkerState::Starting,
            Phase::Serving if self.live.missed >= MISSED_DEGRADED || self.live.fat => WorkerState::Degraded,
            Phase::Serving => WorkerState::Ready,
            Phase::Draining => WorkerState::Draining,
            Phase::Ending { why: Why::Unwanted, .. } => WorkerState::Draining,
            Phase::Ending { why: Why::Replaced | Why::Crash(_), .. } => WorkerState::Backoff,
        }
    }

    /// Why it is in that state, for people.
    pub(crate) fn explain(&self) -> String {
        match &self.phase {
            Phase::Stopped => "stopped".to_owned(),
            Phase::Waiting { reason, .. } => format!("{reason}; starting again"),
            Phase::Failed { reason, until: Some(_) } => format!("{reason}; next try in 5 minutes"),
            Phase::Failed { reason, until: None } => {
                format!("{reason}; not tried again until restarted or changed")
            }
            Phase::Spawning => "starting".to_owned(),
            Phase::Starting(Stage::Hello) => "starting: waiting for its hello".to_owned(),
            Phase::Starting(Stage::Sandboxed) => "starting: waiting for its sandbox report".to_owned(),
            Phase::Starting(Stage::Ready) => "starting: waiting until it is ready".to_owned(),
            Phase::Serving if self.live.missed >= MISSED_DEGRADED => "it does not answer pings".to_owned(),
            Phase::Serving if self.live.fat => "it uses more than 80 % of its memory limit".to_owned(),
            Phase::Serving => "serving".to_owned(),
            Phase::Draining => "finishing its calls".to_owned(),
            Phase::Ending { why: Why::Unwanted, .. } => "stopping".to_owned(),
            Phase::Ending { why: Why::Replaced, .. } => "stopping, to start again".to_owned(),
            Phase::Ending { why: Why::Crash(cause), .. } => format!("{cause}; ending it"),
        }
    }

    /// When it came into this state.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Unplanned restarts so far.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.total()
    }

    /// A process of this machine exists (or is just being made).
    pub(crate) fn is_alive(&self) -> bool {
        match self.phase {
            Phase::Stopped | Phase::Waiting { .. } | Phase::Failed { .. } => false,
            Phase::Spawning
            | Phase::Starting(_)
            | Phase::Serving
            | Phase::Draining
            | Phase::Ending { .. } => true,
        }
    }

    /// It takes calls, and takes messages.
    pub(crate) fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// What is left of a drain; none while it serves. `Err` = a process that is just coming or going.
    pub(crate) fn settled(&self, now: Instant) -> Result<Option<Duration>, ()> {
        match self.phase {
            Phase::Serving => Ok(None),
            Phase::Draining => Ok(Some((self.since + self.live.drain).saturating_duration_since(now))),
            Phase::Stopped
            | Phase::Waiting { .. }
            | Phase::Failed { .. }
            | Phase::Spawning
            | Phase::Starting(_)
            | Phase::Ending { .. } => Err(()),
        }
    }

    /// It has come to rest: no process, and none planned.
    pub(crate) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }
}

#[cfg(test)]
mod tests;
