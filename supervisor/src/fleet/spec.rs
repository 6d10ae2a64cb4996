//! What is wanted of the fleet: a configuration as the owner needs it, resolved, with the keys beside it.
//! Made by the composition root from the settings; the fleet never reads a configuration itself.

use protocol::ipc::configure::{Listener, RouterConfig, RouterRuntime, SandboxMode, Upstream, WorkerConfig};
use protocol::ipc::control::{KeyNews, Role};
use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::child::ChildId;
use super::happening::Happening;
use super::machine::Traits;
use crate::sealed::Sealed;

/// One configuration of the whole fleet.
#[derive(Clone)]
pub(crate) struct FleetSpec {
    /// Its number; sent to the workers.
    pub(crate) epoch: u64,
    pub(crate) providers: Vec<ProviderSpec>,
    pub(crate) router: RouterSpec,
    /// The router's configuration without what only the fleet knows: lanes, states, reasons and the epoch
    /// are filled in with every push.
    pub(crate) routing: RouterConfig,
    /// How long calls in flight may take when something is drained.
    pub(crate) drain: Duration,
}

/// One provider and its worker.
#[derive(Clone)]
pub(crate) struct ProviderSpec {
    pub(crate) name: String,
    pub(crate) preset: String,
    /// Differs exactly when a running worker must be replaced.
    pub(crate) fingerprint: String,
    /// Generation and token are filled in at each start.
    pub(crate) config: WorkerConfig,
    pub(crate) key: Option<Key>,
    pub(crate) switch: Switch,
}

/// Whether a provider has a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    /// Disabled in the configuration.
    Off,
}

/// The router's sockets and how it lays its work out; what cannot change while it runs.
#[derive(Clone, Debug)]
pub(crate) struct RouterSpec {
    /// In the order of the configuration; inherited from fd 4 on.
    pub(crate) listeners: Vec<Bound>,
    pub(crate) runtime: RouterRuntime,
    /// 0 = one per core.
    pub(crate) threads: u32,
}

/// A listening socket and what the router is told about it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) socket: Arc<TcpListener>,
    pub(crate) told: Listener,
}

impl RouterSpec {
    /// Whether a running router with the other specification can go on. What it is told about a socket it has
    /// may change.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_socket = |(a, b): (&Bound, &Bound)| Arc::ptr_eq(&a.socket, &b.socket);
        (self.runtime, self.threads) == (other.runtime, other.threads)
            && self.listeners.len() == other.listeners.len()
            && self.listeners.iter().zip(&other.listeners).all(same_socket)
    }

    /// The routing with this router's own sockets and layout, which another configuration may have changed.
    pub(crate) fn own(&self, routing: RouterConfig) -> RouterConfig {
        RouterConfig {
            listeners: self.listeners.iter().map(|bound| bound.told.clone()).collect(),
            runtime: self.runtime,
            threads: self.threads,
            ..routing
        }
    }
}

/// A provider's key, sealed. No `Debug`, no `Display`, no `Serialize`; wiped when its last holder drops it.
#[derive(Clone)]
pub(crate) struct Key(Arc<Sealed>);

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(Sealed::new(bytes)))
    }

    /// A copy to be sent to its worker, or to be looked for in what the worker writes.
    pub(crate) fn copy(&self) -> Zeroizing<Vec<u8>> {
        self.0.open()
    }
}

impl ProviderSpec {
    pub(crate) fn traits(&self) -> Traits {
        let needs_key = match &self.config.upstream {
            Upstream::Demo => false,
            Upstream::Http(http) => http.needs_key,
        };
        Traits {
            role: Role::Worker,
            needs_key,
            full_sandbox: self.config.sandbox == SandboxMode::Required,
            memory_limit: Some(self.config.limits.memory).filter(|bytes| *bytes > 0),
        }
    }
}

/// Who a child is: what its command line and every line about it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) role: Role,
    /// The provider's name, or `router`.
    pub(crate) name: String,
    pub(crate) generation: u64,
}

/// How a child is started: program, arguments, and its whole environment.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// See [`Grounds::recollect`].
type Recollect = dyn Fn(&[u8], bool) -> Vec<u8> + Send;

/// What never changes while a fleet lives.
pub(crate) struct Grounds {
    /// Directory of the sockets between router and workers; exists, mode 0700.
    pub(crate) runtime_dir: PathBuf,
    /// The command line for a child.
    pub(crate) invoke: Box<dyn Fn(&Identity) -> Invocation + Send>,
    /// A new file for the calls of the router of a generation, to be appended to.
    pub(crate) spool: Box<dyn Fn(u64) -> io::Result<OwnedFd> + Send>,
    /// Told what happens to children; never waits.
    pub(crate) tell: Box<dyn Fn(Happening) + Send>,
    /// Where what children say goes that is not the fleet's business.
    pub(crate) upward: mpsc::Sender<Upward>,
    /// What the last router of the last supervisor knew; empty = nothing.
    pub(crate) memory: Vec<u8>,
    /// Puts to a memory what its router did after it; `true` = no other router runs.
    pub(crate) recollect: Box<Recollect>,
}

/// Something a child says that the fleet only passes on.
pub(crate) enum Upward {
    /// What a provider thinks of the key its worker has.
    Key { provider: String, news: KeyNews },
    /// A router passes on what an operator asks: JSON of [`protocol::control::Ask`]. Answered by
    /// [`super::Fleet::answer`].
    Ask { child: ChildId, seq: u64, body: Zeroizing<Vec<u8>> },
    /// A router tells what happened: JSON list of [`protocol::ipc::notice::Notice`].
    Notices { body: Zeroizing<Vec<u8>> },
    /// What the next router must know: JSON of [`protocol::ipc::notice::Memory`].
    Memory { body: Zeroizing<Vec<u8>> },
}
