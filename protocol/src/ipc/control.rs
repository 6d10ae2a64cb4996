//! The control conversation between the supervisor and one child. Message headers are bincode; what is
//! large or secret (configuration, keys, log lines) travels as the frame's raw body.

use serde::{Deserialize, Serialize};

/// Which child speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    Router,
    Worker,
}

/// Supervisor → child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToChild {
    /// Body: JSON of [`super::configure::WorkerConfig`] or [`super::configure::RouterConfig`].
    Configure {
        epoch: u64,
    },
    /// Body: the provider's key. Sent once, after [`FromChild::Sandboxed`]; the receiver zeroizes the buffer.
    Secret,
    Ping {
        seq: u64,
    },
    /// Take no new calls; finish those in flight within that time, then answer [`FromChild::Drained`].
    Drain {
        within_ms: u64,
    },
    /// Undo a drain.
    Resume,
    /// End now, cutting what is in flight.
    Shutdown,
    /// To the router: the reply to its [`FromChild::Ask`] of that number.
    /// Body: JSON of [`crate::control::ControlReply`].
    Answer {
        seq: u64,
    },
    /// A question to the child. Body: JSON of [`super::question::Question`].
    Ask {
        seq: u64,
    },
    /// To a router, before or after its configuration: what its predecessors knew. Body: JSON of
    /// [`super::notice::Memory`].
    Recall,
}

/// Child → supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromChild {
    Hello {
        role: Role,
        protocol_min: u16,
        protocol_max: u16,
        build: String,
        generation: u64,
    },
    /// The worker's sandbox, before it may see its key.
    Sandboxed(SandboxReport),
    Ready {
        epoch: u64,
    },
    /// The configuration is in force: nothing that starts from now on goes by the former one, in a router also no call
    /// to a worker that was replaced.
    Acked {
        epoch: u64,
    },
    /// The configuration cannot be used; the child stays as it was (or exits 78 if it has none).
    Rejected {
        epoch: u64,
        reason: String,
    },
    /// Body, from a worker: JSON of [`Moved`]. From one of an older program: none.
    Pong(Pulse),
    Drained,
    /// From the router: an operator asks. Body: JSON of [`crate::control::Ask`]. Many may be under way.
    Ask {
        seq: u64,
    },
    /// The reply to [`ToChild::Ask`] of that number. Body: JSON of [`super::question::Reply`].
    Answer {
        seq: u64,
    },
    /// From the router: what happened. Body: JSON list of [`super::notice::Notice`].
    Notices,
    /// From the router: what the next one must know. Body: JSON of [`super::notice::Memory`].
    Memory,
    /// From a worker: what the provider thinks of its key, when that changes.
    Key(KeyNews),
}

/// What a provider thinks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyNews {
    /// A call with it was answered.
    Worked,
    /// Too much was asked with it, or its credit is used up; it is of use again after that time, if that is known.
    Exhausted { retry_after_ms: Option<u64> },
    /// It is not accepted.
    Refused,
}

/// How a child is doing, once a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pulse {
    pub seq: u64,
    pub epoch: u64,
    pub in_flight: u32,
    /// How late the event loop ran its last timer.
    pub loop_lag_us: u64,
    pub rss_bytes: u64,
    pub open_files: u32,
    /// Calls taken since start.
    pub calls: u64,
    /// CPU time used since start.
    pub cpu_us: u64,
}

/// What went over a worker's data connections since its start, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub frames: u64,
    pub bytes: u64,
}

/// How much of the sandbox is in force.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxLevel {
    /// Nothing beyond the clean environment.
    None,
    /// Some layers are missing; see the report.
    Partial,
    /// Every layer that was asked for is enforced.
    Full,
}

/// The layers one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SandboxReport {
    pub level: SandboxLevel,
    pub no_new_privs: bool,
    pub not_dumpable: bool,
    pub rlimits: bool,
    /// File system rules in force.
    pub landlock_files: bool,
    /// Connect/bind port rules in force (kernel 6.7 and later).
    pub landlock_net: bool,
    /// Signals and abstract sockets scoped (kernel 6.12 and later).
    pub landlock_scope: bool,
    pub seccomp: bool,
    /// One line per missing layer, with the reason.
    pub missing: Vec<String>,
}
