//! What a configuration means: no options left to default, no text left to interpret, no reference left to
//! follow. Made by [`super::resolve`], turned into messages for children by [`super::configure`].

use super::secret::Secret;
use protocol::ipc::configure::{
    Alias, App, ModelEntry, Rates, Retry, RouterLimits, SandboxMode, Timeouts, Upstream, WorkerLimits,
};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A whole configuration.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    /// In the order of the file; at least one.
    pub(crate) providers: Vec<Provider>,
    /// Holds the app `default` whenever a listener is open.
    pub(crate) apps: Vec<App>,
    /// `*` stands for every name that nothing else knows.
    pub(crate) aliases: Vec<Alias>,
    pub(crate) log: Log,
    /// What works, but its author should know; for the log and for `check`.
    pub(crate) warnings: Vec<String>,
}

/// How LLM Link itself runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// At least one.
    pub(crate) listeners: Vec<Listener>,
    pub(crate) directories: Directories,
    pub(crate) limits: RouterLimits,
    /// For apps that say nothing else.
    pub(crate) retry: Retry,
    /// Where days and months of budgets begin: minutes east of UTC.
    pub(crate) utc_offset_min: i32,
    /// Threads of the router; `None` = as many as there are cores.
    pub(crate) threads: Option<u16>,
    pub(crate) runtime: Runtime,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Port 0 = any free one.
    pub(crate) address: SocketAddr,
    /// Serve callers without a key as the app `default`.
    pub(crate) open: bool,
    /// Serve the admin API and the console.
    pub(crate) admin: bool,
}

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directories {
    /// Survives a restart.
    pub(crate) state: PathBuf,
    /// Sockets; need not survive.
    pub(crate) runtime: PathBuf,
}

/// The shape of the router's async runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// One work-stealing runtime.
    #[default]
    Multi,
    /// One current-thread runtime for each thread.
    PerCore,
}

/// One upstream account.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) name: String,
    /// The id of its preset.
    pub(crate) preset: String,
    pub(crate) upstream: Upstream,
    pub(crate) key: Option<Secret>,
    pub(crate) models: Vec<ModelEntry>,
    pub(crate) priority: i32,
    pub(crate) fallback: Vec<String>,
    pub(crate) enabled: Enabled,
    pub(crate) sandbox: SandboxMode,
    pub(crate) limits: WorkerLimits,
    pub(crate) max_queue: u32,
    /// How long they may wait there; 0 = as long as their deadline.
    pub(crate) max_wait_ms: u64,
    pub(crate) rates: Rates,
    pub(crate) timeouts: Timeouts,
}

/// Whether a provider has a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enabled {
    Yes,
    No,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// A level or a list of directives, as `tracing_subscriber::EnvFilter` reads them.
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}
