//! What stands under everything and outlives every child: directories, listening sockets, and the hardening of
//! the supervisor itself.

use super::directory::{Claim, make_private};
use super::recollection;
use super::sockets::Sockets;
use crate::fleet::{Grounds, Happening, Identity, Invocation, Upward};
use crate::ledger::spools::Spools;
use crate::ledger::tail;
use crate::settings::{Host, Secrets, Settings};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use protocol::ipc::control::Role;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// What a child inherits of our environment: where certificates are, and how much a crash says.
const PASSED: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_BACKTRACE"];

/// See the module.
pub(super) struct Ground {
    pub(super) runtime_dir: PathBuf,
    pub(super) sockets: Sockets,
    /// Where routers leave the calls that are over.
    pub(super) spools: Spools,
    _claim: Claim,
}

impl Ground {
    /// Makes the directories and opens the sockets; those in `sockets` came with the process. `inherits`: children
    /// of a former program of this process use their sockets in the runtime directory.
    pub(super) fn lay(settings: &Settings, mut sockets: Sockets, inherits: bool) -> anyhow::Result<Self> {
        let directories = &settings.server.directories;
        make_private(&directories.state)?;
        make_private(&directories.runtime)?;
        let claim = Claim::take(&directories.runtime)?;
        if !inherits {
            claim.sweep()?;
        }
        sockets.open(&settings.server.listeners)?;
        for address in sockets.unused() {
            tracing::warn!("the service manager's socket {address} is not among the configured listeners");
        }
        let spools = Spools::new(&directories.state);
        Ok(Self { runtime_dir: directories.runtime.clone(), sockets, spools, _claim: claim })
    }

    /// What children are started from.
    pub(super) fn grounds(
        &self,
        settings: &Settings,
        tell: Box<dyn Fn(Happening) + Send>,
        upward: mpsc::Sender<Upward>,
    ) -> Grounds {
        let filter = settings.log.filter.clone();
        let passed = |name: &str| Host.env(name).map(|value| (OsString::from(name), OsString::from(value)));
        let environment: Vec<(OsString, OsString)> = PASSED.into_iter().filter_map(passed).collect();
        let (spools, read) = (self.spools.clone(), self.spools.clone());
        Grounds {
            runtime_dir: self.runtime_dir.clone(),
            invoke: Box::new(move |identity| Invocation {
                program: PathBuf::from("/proc/self/exe"),
                arguments: arguments(identity, &filter),
                environment: environment.clone(),
            }),
            spool: Box::new(move |generation| spools.open(generation).map(OwnedFd::from)),
            tell,
            upward,
            memory: recollection::read(&settings.server.directories.state),
            recollect: Box::new(move |memory, alone| {
                recollection::complete(memory, tail::counted(&read), alone)
            }),
        }
    }
}

fn arguments(identity: &Identity, filter: &str) -> Vec<OsString> {
    let mut arguments = match identity.role {
        Role::Router => vec!["router".to_owned()],
        Role::Worker => vec!["worker".to_owned(), identity.name.clone()],
    };
    let generation = identity.generation.to_string();
    arguments.extend(["--generation".to_owned(), generation, "--log".to_owned(), filter.to_owned()]);
    arguments.into_iter().map(OsString::from).collect()
}

/// The supervisor holds every key for a moment: no core dump, and no other process of this user reads its memory.
pub(super) fn harden() {
    if let Err(error) = prctl::set_dumpable(false) {
        tracing::warn!("this process can be dumped: {error}");
    }
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!("core dumps cannot be switched off: {error}");
    }
}

/// As many open files as the system allows. The router inherits it (each client is one, and the usual soft limit
/// of 1024 is for programs that use select(2)); workers lower it to their own limit.
pub(super) fn widen() {
    let widened = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = widened {
        tracing::warn!("the limit of open files cannot be raised: {error}");
    }
}
