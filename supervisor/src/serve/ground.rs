//! What stands under everything and outlives every child: directories, listening sockets, and the hardening of
//! the supervisor itself. The sockets stay open while routers come and go, so no connection is refused.

use crate::fleet::{Grounds, Identity, Invocation};
use crate::settings::{Host, Secrets, Settings};
use anyhow::Context;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::{Backlog, listen};
use protocol::control::ListenerStatus;
use protocol::ipc::control::Role;
use std::ffi::OsString;
use std::fs::{DirBuilder, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Connections that may wait while a router is being replaced (bounded by `net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// What a child inherits of our environment: where certificates are, and how much a crash says.
const PASSED: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_BACKTRACE"];

/// A socket and how it was asked for.
struct Opened {
    asked: SocketAddr,
    address: SocketAddr,
    open: bool,
    socket: Arc<TcpListener>,
}

/// See the module.
pub(super) struct Ground {
    pub(super) runtime_dir: PathBuf,
    sockets: Vec<Opened>,
}

impl Ground {
    /// Makes the directories and opens the sockets.
    pub(super) fn lay(settings: &Settings) -> anyhow::Result<Self> {
        let directories = &settings.server.directories;
        private_directory(&directories.state)?;
        private_directory(&directories.runtime)?;
        let mut ground = Self { runtime_dir: directories.runtime.clone(), sockets: Vec::new() };
        ground.open(settings)?;
        Ok(ground)
    }

    /// Opens what is asked for and not open yet, and closes what is asked for no more. On an error nothing has
    /// changed.
    pub(super) fn open(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let mut opened = Vec::new();
        for listener in &settings.server.listeners {
            let known = self.sockets.iter().find(|s| s.asked == listener.address);
            let socket = match known {
                Some(known) => Arc::clone(&known.socket),
                None => Arc::new(bind(listener.address)?),
            };
            let address = socket.local_addr()?;
            opened.push(Opened { asked: listener.address, address, open: listener.open, socket });
        }
        self.sockets = opened;
        Ok(())
    }

    /// The sockets, in the order of the configuration.
    pub(super) fn sockets(&self) -> Vec<Arc<TcpListener>> {
        self.sockets.iter().map(|s| Arc::clone(&s.socket)).collect()
    }

    /// The real addresses, and whether they serve without a key.
    pub(super) fn addresses(&self) -> Vec<(SocketAddr, bool)> {
        self.sockets.iter().map(|s| (s.address, s.open)).collect()
    }

    pub(super) fn listeners(&self) -> Vec<ListenerStatus> {
        let status = |s: &Opened| ListenerStatus { address: s.address.to_string(), open: s.open };
        self.sockets.iter().map(status).collect()
    }

    /// What children are started from.
    pub(super) fn grounds(&self, settings: &Settings) -> Grounds {
        let filter = settings.log.filter.clone();
        let passed = |name: &str| Host.env(name).map(|value| (OsString::from(name), OsString::from(value)));
        let environment: Vec<(OsString, OsString)> = PASSED.into_iter().filter_map(passed).collect();
        Grounds {
            runtime_dir: self.runtime_dir.clone(),
            invoke: Box::new(move |identity| Invocation {
                program: PathBuf::from("/proc/self/exe"),
                arguments: arguments(identity, &filter),
                environment: environment.clone(),
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

fn private_directory(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the directory {}", path.display()))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
        .with_context(|| format!("cannot make {} private", path.display()))
}

/// The standard library sets SO_REUSEADDR and a backlog of 128 (4096 since Rust 1.83 on Linux is not promised).
fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    socket.set_nonblocking(true)?;
    let backlog = Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN);
    listen(&socket, backlog).with_context(|| format!("cannot listen on {address}"))?;
    Ok(socket)
}
