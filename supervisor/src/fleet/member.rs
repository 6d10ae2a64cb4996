//! One line of generations of a child: its machine, what it is started with, and the process that is alive
//! now. Holds; decides nothing and starts nothing.

use super::child::{Child, ChildId};
use super::greed::Greed;
use super::machine::{Machine, Traits};
use super::policy::Policy;
use super::spec::{ProviderSpec, RouterSpec};
use protocol::control::ExitReport;
use protocol::ipc::configure::{Lane, WorkerState};
use protocol::ipc::control::{Pulse, Role, SandboxReport};
use protocol::ipc::notice::SavedPlaces;
use protocol::transport::local::LocalListener;
use protocol::transport::precedence::Precedence;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What the router is called where a name is asked for.
pub(crate) const ROUTER: &str = "router";

/// Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(pub(crate) u64);

/// What a member is started with.
#[derive(Clone)]
pub(crate) enum Work {
    Worker(Box<ProviderSpec>),
    Router(RouterSpec),
}

impl Work {
    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Worker(_) => Role::Worker,
            Self::Router(_) => Role::Router,
        }
    }

    /// None for a router.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        match self {
            Self::Worker(spec) => Some(&spec.fingerprint),
            Self::Router(_) => None,
        }
    }

    pub(super) fn traits(&self) -> Traits {
        match self {
            Self::Worker(spec) => spec.traits(),
            Self::Router(_) => {
                Traits { role: Role::Router, needs_key: false, full_sandbox: false, memory_limit: None }
            }
        }
    }

    fn policy(&self) -> Policy {
        match self {
            Self::Worker(_) => Policy::worker(),
            Self::Router(_) => Policy::router(),
        }
    }
}

/// The process that is alive, and what belongs to it alone.
pub(crate) struct Live {
    pub(crate) child: Child,
    /// A worker's data socket; its file goes with the process.
    pub(crate) socket: Option<LocalListener>,
    /// What a data connection to this generation must present.
    pub(crate) token: Zeroizing<Vec<u8>>,
    /// Where it was put at the processors.
    pub(super) stands: Precedence,
    /// Of a worker that has been ready; none where the system does not say what it spends.
    pub(super) greed: Option<Greed>,
}

/// A member on its way out waits until the router knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    /// The routing revision that no longer has it; none until that one is made.
    pub(crate) revision: Option<u64>,
    /// What calls in flight get then.
    pub(crate) within: Duration,
}

/// See the module.
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) work: Work,
    pub(crate) machine: Machine,
    pub(crate) live: Option<Live>,
    /// Of the last process started; 0 = none yet.
    pub(crate) generation: u64,
    pub(crate) report: Option<SandboxReport>,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) last_exit: Option<ExitReport>,
    /// When it was last held back from the processors, this process or one before it.
    pub(super) held: Option<Instant>,
    /// What the process that ended last wrote last.
    pub(crate) last_words: Vec<String>,
    pub(crate) leaving: Option<Leaving>,
    /// The newest configuration sent to it, and acknowledged by it: a routing revision for a router, an epoch for
    /// a worker.
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    /// Why it refused the newest one.
    pub(crate) refused: Option<String>,
    /// What a router holds, as it said last; kept while there are others.
    pub(crate) places: Vec<SavedPlaces>,
}

impl Member {
    pub(crate) fn new(id: MemberId, work: Work, now: Instant) -> Self {
        let machine = Machine::new(work.traits(), work.policy(), now);
        Self {
            id,
            work,
            machine,
            live: None,
            generation: 0,
            report: None,
            pulse: None,
            last_exit: None,
            held: None,
            last_words: Vec::new(),
            leaving: None,
            sent: 0,
            acked: 0,
            refused: None,
            places: Vec::new(),
        }
    }

    /// The provider's name, or `router`.
    pub(crate) fn name(&self) -> &str {
        match &self.work {
            Work::Worker(spec) => &spec.name,
            Work::Router(_) => ROUTER,
        }
    }

    /// What tells a worker's generations apart.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        self.work.fingerprint()
    }

    /// That process is its own, and not reaped yet.
    pub(super) fn is_child(&self, child: ChildId) -> bool {
        self.live.as_ref().is_some_and(|live| live.child.id == child)
    }

    /// From its next start on it is another one.
    pub(crate) fn retool(&mut self, work: Work) {
        self.machine.retool(work.traits());
        self.work = work;
    }

    /// The state as the router is told it: what leaves is out of routing before it knows.
    pub(crate) fn state(&self) -> WorkerState {
        match self.leaving {
            Some(_) if self.machine.is_alive() => WorkerState::Draining,
            Some(_) | None => self.machine.state(),
        }
    }

    /// How a router reaches it, while it takes or finishes calls.
    pub(crate) fn lane(&self) -> Option<Lane> {
        let live = self.live.as_ref()?;
        let socket = live.socket.as_ref()?.path().to_string_lossy().into_owned();
        match self.machine.state() {
            WorkerState::Ready | WorkerState::Degraded | WorkerState::Draining => {
                Some(Lane { generation: self.generation, socket, token: live.token.to_vec() })
            }
            WorkerState::Starting | WorkerState::Stopped | WorkerState::Backoff | WorkerState::Failed => None,
        }
    }
}
