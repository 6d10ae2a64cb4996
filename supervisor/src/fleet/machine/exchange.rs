//! What goes into a machine and what comes out of it.

use crate::fleet::exit::{Cause, Exit};
use protocol::ipc::control::{Pulse, Role, SandboxReport};
use std::time::Duration;

/// What a machine must know of its child; never changes during its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) role: Role,
    /// A key is to be sent after the sandbox report.
    pub(crate) needs_key: bool,
    /// Anything less than the full sandbox is a reason not to start.
    pub(crate) full_sandbox: bool,
    /// Bytes; none = unlimited.
    pub(crate) memory_limit: Option<u64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// It is to run.
    Up,
    /// It is to stop; calls in flight get this long.
    Down(Duration),
    /// It is to stop now: asked, then terminated, then killed.
    Stop,
    /// It is to be killed.
    Cut,
    /// It is to run as a new process, whatever it does now, and the past does not count.
    Restart,
    /// The answer to [`Effect::Spawn`].
    Spawned {
        generation: u64,
    },
    SpawnFailed(String),
    /// It runs already, ready since the supervisor's former program; with `draining`, it has that long to finish.
    Adopted {
        generation: u64,
        draining: Option<Duration>,
    },
    Hello {
        role: Role,
        protocol_min: u16,
        protocol_max: u16,
        generation: u64,
    },
    Sandboxed(SandboxReport),
    Ready,
    Rejected(String),
    Pong(Pulse),
    Drained,
    /// The control socket closed.
    Eof,
    /// The control socket brought something that makes no sense, or takes nothing any more.
    Garbled(String),
    /// The process is gone and reaped. Always the last input about it.
    Exited(Exit),
    Timeout {
        timer: Timer,
        number: u64,
    },
}

/// Something to do now, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Start a process; answer with [`Input::Spawned`] or [`Input::SpawnFailed`].
    Spawn,
    Send(Message),
    Signal(Blow),
    /// Come back with [`Input::Timeout`] after this long.
    Arm {
        timer: Timer,
        number: u64,
        after: Duration,
    },
    /// [`Machine::state`] or [`Machine::explain`] changed.
    Publish,
    /// It died although it was wanted.
    Crashed(Cause),
    /// Everything should be started afresh.
    Escalate(String),
}

/// A message for the child, without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Configure,
    Secret,
    Ping { seq: u64 },
    Drain(Duration),
    Resume,
    Shutdown,
}

/// A signal for the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Terminate,
    /// Leaves a trace of where it hung.
    Abort,
    Kill,
}

/// Two timers run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The end of the current phase.
    Phase,
    Ping,
}
