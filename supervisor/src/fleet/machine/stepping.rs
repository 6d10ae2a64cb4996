//! One step of a machine: every decision about one process, by input.

use super::{
    ASK_GRACE, DRAIN_GRACE, EOF_GRACE, FAT, KILL_AGAIN, Live, MISSED_DEAD, Machine, PING_EVERY, Phase, SLIM,
    START_TIMEOUT, Stage, Step, TERM_GRACE, Why,
};
use super::{Blow, Effect, Input, Message, Timer};
use crate::fleet::exit::{Cause, Exit};
use crate::fleet::policy::Verdict;
use protocol::ipc::control::{Pulse, Role, SandboxLevel, SandboxReport};
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use std::time::{Duration, Instant};

/// One step under way.
pub(super) struct Stepping<'a> {
    pub(super) machine: &'a mut Machine,
    pub(super) now: Instant,
    pub(super) chance: f64,
    pub(super) effects: Vec<Effect>,
}

impl Stepping<'_> {
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Up => self.up(),
            Input::Down(within) => self.down(within),
            Input::Stop => self.stop(),
            Input::Cut => self.cut(),
            Input::Restart => self.restart(),
            Input::Spawned { generation } => self.spawned(generation),
            Input::SpawnFailed(error) => {
                if self.machine.phase == Phase::Spawning {
                    self.died(Cause::Spawn(error));
                }
            }
            Input::Adopted { generation, draining } => self.adopted(generation, draining),
            Input::Hello { role, protocol_min, protocol_max, generation } => {
                self.hello(role, protocol_min, protocol_max, generation);
            }
            Input::Sandboxed(report) => self.sandboxed(&report),
            Input::Ready => self.ready(),
            Input::Rejected(reason) => self.rejected(reason),
            Input::Pong(pulse) => self.pong(&pulse),
            Input::Drained => {
                if self.machine.phase == Phase::Draining {
                    self.ask(Why::Unwanted);
                }
            }
            Input::Eof => self.lost(Cause::ControlLost),
            Input::Garbled(what) => self.lost(Cause::Protocol(what)),
            Input::Exited(exit) => self.exited(exit),
            Input::Timeout { timer: Timer::Phase, number } => {
                if self.machine.phase_timer == Some(number) {
                    self.machine.phase_timer = None;
                    self.phase_is_over();
                }
            }
            Input::Timeout { timer: Timer::Ping, number } => {
                if self.machine.ping_timer == Some(number) {
                    self.machine.ping_timer = None;
                    self.ping();
                }
            }
        }
    }

    // --- what is wanted

    fn up(&mut self) {
        self.machine.wanted = true;
        match &mut self.machine.phase {
            Phase::Stopped => self.spawn(),
            Phase::Draining => {
                self.effects.push(Effect::Send(Message::Resume));
                self.enter(Phase::Serving, None);
            }
            Phase::Ending { why: why @ Why::Unwanted, .. } => *why = Why::Replaced,
            Phase::Ending { why: Why::Replaced | Why::Crash(_), .. }
            | Phase::Waiting { .. }
            | Phase::Failed { .. }
            | Phase::Spawning
            | Phase::Starting(_)
            | Phase::Serving => {}
        }
    }

    fn down(&mut self, within: Duration) {
        self.machine.wanted = false;
        match self.machine.phase {
            Phase::Serving | Phase::Draining if !within.is_zero() => {
                self.machine.live.drain = within;
                self.effects.push(Effect::Send(Message::Drain(within)));
                self.enter(Phase::Draining, Some(within + DRAIN_GRACE));
            }
            _ => self.stop(),
        }
    }

    fn stop(&mut self) {
        self.machine.wanted = false;
        match &mut self.machine.phase {
            Phase::Stopped | Phase::Spawning => {}
            Phase::Waiting { .. } | Phase::Failed { .. } => self.enter(Phase::Stopped, None),
            Phase::Starting(_) | Phase::Serving | Phase::Draining => self.ask(Why::Unwanted),
            Phase::Ending { why, .. } => *why = Why::Unwanted,
        }
    }

    fn cut(&mut self) {
        self.stop();
        if matches!(self.machine.phase, Phase::Ending { .. }) {
            self.kill(Why::Unwanted);
        }
    }

    fn restart(&mut self) {
        self.machine.wanted = true;
        self.machine.restarts.forgive();
        match &mut self.machine.phase {
            Phase::Stopped | Phase::Waiting { .. } | Phase::Failed { .. } => self.spawn(),
            Phase::Spawning => {}
            Phase::Starting(_) | Phase::Serving | Phase::Draining => self.ask(Why::Replaced),
            Phase::Ending { why, .. } => *why = Why::Replaced,
        }
    }

    // --- what the child says

    fn spawned(&mut self, generation: u64) {
        if self.machine.phase != Phase::Spawning {
            return;
        }
        self.machine.live = Live { generation, ..Live::default() };
        self.machine.restarts.started(self.now);
        self.enter(Phase::Starting(Stage::Hello), Some(START_TIMEOUT));
        if !self.machine.wanted {
            self.ask(Why::Unwanted);
        }
    }

    fn adopted(&mut self, generation: u64, draining: Option<Duration>) {
        if self.machine.phase != Phase::Stopped {
            return;
        }
        self.machine.wanted = draining.is_none();
        let drain = draining.unwrap_or_default();
        self.machine.live = Live { generation, ready_at: Some(self.now), drain, ..Live::default() };
        self.machine.restarts.started(self.now);
        match draining {
            None => self.enter(Phase::Serving, None),
            Some(within) => self.enter(Phase::Draining, Some(within + DRAIN_GRACE)),
        }
        self.arm(Timer::Ping, PING_EVERY);
    }

    fn hello(&mut self, role: Role, min: u16, max: u16, generation: u64) {
        if self.machine.phase != Phase::Starting(Stage::Hello) {
            return self.broken("a hello out of turn".to_owned());
        }
        if min > PROTOCOL_MAX || max < PROTOCOL_MIN {
            let ours = format!("this supervisor {PROTOCOL_MIN} to {PROTOCOL_MAX}");
            return self.stranger(format!("it speaks protocol {min} to {max}, {ours}"));
        }
        if role != self.machine.traits.role || generation != self.machine.live.generation {
            return self.stranger(format!("it says to be {role:?} generation {generation}"));
        }
        self.effects.push(Effect::Send(Message::Configure));
        self.machine.phase = Phase::Starting(match role {
            Role::Worker => Stage::Sandboxed,
            Role::Router => Stage::Ready,
        });
    }

    fn sandboxed(&mut self, report: &SandboxReport) {
        if self.machine.phase != Phase::Starting(Stage::Sandboxed) {
            return self.broken("a sandbox report out of turn".to_owned());
        }
        if self.machine.traits.full_sandbox && report.level < SandboxLevel::Full {
            return self.kill(Why::Crash(Cause::Sandbox(report.missing.join(", "))));
        }
        if self.machine.traits.needs_key {
            self.effects.push(Effect::Send(Message::Secret));
        }
        self.machine.phase = Phase::Starting(Stage::Ready);
    }

    fn ready(&mut self) {
        if self.machine.phase != Phase::Starting(Stage::Ready) {
            return self.broken("ready out of turn".to_owned());
        }
        self.machine.live.ready_at = Some(self.now);
        self.enter(Phase::Serving, None);
        self.arm(Timer::Ping, PING_EVERY);
    }

    fn rejected(&mut self, reason: String) {
        // A later configuration that is refused leaves a running child as it was; the owner tells people.
        if matches!(self.machine.phase, Phase::Starting(_)) {
            self.ask(Why::Crash(Cause::Rejected(reason)));
        }
    }

    fn pong(&mut self, pulse: &Pulse) {
        let limit = self.machine.traits.memory_limit;
        let live = &mut self.machine.live;
        // An old answer is late, a number never sent is nonsense; any new answer is a sign of life.
        if (live.answered + 1..=live.seq).contains(&pulse.seq) {
            live.answered = pulse.seq;
            live.missed = 0;
        }
        if let Some(limit) = limit {
            let share = pulse.rss_bytes as f64 / limit as f64;
            live.fat = share > if live.fat { SLIM } else { FAT };
        }
    }

    // --- what time brings

    fn ping(&mut self) {
        if !matches!(self.machine.phase, Phase::Serving | Phase::Draining) {
            return;
        }
        let live = &mut self.machine.live;
        if live.answered < live.seq {
            live.missed += 1;
        }
        if live.missed >= MISSED_DEAD {
            self.effects.push(Effect::Signal(Blow::Abort));
            let why = self.unless_unwanted(Cause::Watchdog);
            return self.enter(Phase::Ending { step: Step::Warned, why }, Some(TERM_GRACE));
        }
        live.seq += 1;
        let seq = live.seq;
        self.effects.push(Effect::Send(Message::Ping { seq }));
        self.arm(Timer::Ping, PING_EVERY);
    }

    fn phase_is_over(&mut self) {
        match self.machine.phase.clone() {
            Phase::Waiting { .. } => self.spawn(),
            Phase::Failed { .. } => {
                self.machine.restarts.retry();
                self.spawn();
            }
            Phase::Starting(_) => self.kill(Why::Crash(Cause::StartTimeout)),
            Phase::Draining => self.ask(Why::Unwanted),
            Phase::Ending { step: Step::Asked, why } => {
                self.effects.push(Effect::Signal(Blow::Terminate));
                self.enter(Phase::Ending { step: Step::Warned, why }, Some(TERM_GRACE));
            }
            Phase::Ending { step: Step::Warned | Step::Killed, why } => self.kill(why),
            Phase::Stopped | Phase::Spawning | Phase::Serving => {}
        }
    }

    // --- how it ends

    fn stranger(&mut self, what: String) {
        let why = self.unless_unwanted(Cause::Mismatch(what));
        self.kill(why);
    }

    /// The child broke the protocol.
    fn broken(&mut self, what: String) {
        if matches!(self.machine.phase, Phase::Starting(_) | Phase::Serving | Phase::Draining) {
            let why = self.unless_unwanted(Cause::Protocol(what));
            self.kill(why);
        }
    }

    /// The control socket is of no use any more: the process is as good as dead.
    fn lost(&mut self, cause: Cause) {
        if matches!(self.machine.phase, Phase::Starting(_) | Phase::Serving | Phase::Draining) {
            let why = self.unless_unwanted(cause);
            self.enter(Phase::Ending { step: Step::Warned, why }, Some(EOF_GRACE));
        }
    }

    fn unless_unwanted(&self, cause: Cause) -> Why {
        if self.machine.wanted { Why::Crash(cause) } else { Why::Unwanted }
    }

    fn ask(&mut self, why: Why) {
        self.effects.push(Effect::Send(Message::Shutdown));
        self.enter(Phase::Ending { step: Step::Asked, why }, Some(ASK_GRACE));
    }

    fn kill(&mut self, why: Why) {
        self.effects.push(Effect::Signal(Blow::Kill));
        self.enter(Phase::Ending { step: Step::Killed, why }, Some(KILL_AGAIN));
    }

    fn exited(&mut self, exit: Exit) {
        let phase = std::mem::replace(&mut self.machine.phase, Phase::Stopped);
        match phase {
            Phase::Starting(_) | Phase::Serving => self.died(Cause::Exit(exit)),
            Phase::Draining | Phase::Ending { why: Why::Unwanted, .. } => self.enter(Phase::Stopped, None),
            Phase::Ending { why: Why::Replaced, .. } => self.spawn(),
            // The socket closes a moment before the exit status is there: that one tells more.
            Phase::Ending { why: Why::Crash(Cause::ControlLost), step: Step::Warned } => {
                self.died(Cause::Exit(exit));
            }
            Phase::Ending { why: Why::Crash(cause), .. } => self.died(cause),
            other @ (Phase::Stopped | Phase::Waiting { .. } | Phase::Failed { .. } | Phase::Spawning) => {
                self.machine.phase = other;
            }
        }
    }

    /// There is no process any more although one is wanted.
    fn died(&mut self, cause: Cause) {
        if !self.machine.wanted {
            return self.enter(Phase::Stopped, None);
        }
        let ready_for = self.machine.live.ready_at.take().map(|at| self.now.duration_since(at));
        self.effects.push(Effect::Crashed(cause.clone()));
        let machine = &mut *self.machine;
        let verdict = machine.restarts.crashed(&machine.policy, &cause, ready_for, self.now, self.chance);
        match verdict {
            Verdict::Restart(after) => self.wait(cause, after),
            Verdict::GiveUp { reason, retry } => {
                let until = retry.map(|retry| self.now + retry);
                self.enter(Phase::Failed { reason, until }, retry);
            }
            Verdict::Escalate { reason, after } => {
                self.wait(cause, after);
                self.effects.push(Effect::Escalate(reason));
            }
        }
    }

    fn wait(&mut self, cause: Cause, after: Duration) {
        if after.is_zero() {
            return self.spawn();
        }
        let until = self.now + after;
        self.enter(Phase::Waiting { reason: cause.to_string(), until }, Some(after));
    }

    fn spawn(&mut self) {
        self.machine.live = Live::default();
        self.enter(Phase::Spawning, None);
        self.effects.push(Effect::Spawn);
    }

    /// Goes to a phase; its timer replaces the one before.
    fn enter(&mut self, phase: Phase, after: Option<Duration>) {
        self.machine.phase = phase;
        self.machine.phase_timer = None;
        if let Some(after) = after {
            self.arm(Timer::Phase, after);
        }
    }

    fn arm(&mut self, timer: Timer, after: Duration) {
        self.machine.armed += 1;
        let number = self.machine.armed;
        match timer {
            Timer::Phase => self.machine.phase_timer = Some(number),
            Timer::Ping => self.machine.ping_timer = Some(number),
        }
        self.effects.push(Effect::Arm { timer, number, after });
    }
}
