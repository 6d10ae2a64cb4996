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
    /// In force in every provider that says nothing else.
    pub(crate) defaults: Defaults,
    pub(crate) retention: Retention,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Port 0 = any free one.
    pub(crate) address: SocketAddr,
    /// Serve callers without a key.
    pub(crate) open: bool,
    /// The app they are; none = `default`.
    pub(crate) app: Option<String>,
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
    /// `user:password`
    pub(crate) proxy_login: Option<Secret>,
    /// Lower-case names.
    pub(crate) secret_headers: Vec<(String, Secret)>,
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

/// What holds for providers that say nothing themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) sandbox: SandboxMode,
    /// Bytes; 0 = no limit.
    pub(crate) memory: u64,
    pub(crate) max_concurrent: u32,
    pub(crate) max_queue: u32,
    pub(crate) max_wait_ms: u64,
    pub(crate) timeouts: Timeouts,
}

/// Days that records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) calls: u32,
    /// Decisions of calls.
    pub(crate) traces: u32,
    /// Sums by the minute, hour and day.
    pub(crate) minutes: u32,
    pub(crate) hours: u32,
    pub(crate) days: u32,
    pub(crate) audit: u32,
    pub(crate) events: u32,
    pub(crate) alerts: u32,
    /// After their end.
    pub(crate) sessions: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            calls: 30,
            traces: 7,
            minutes: 2,
            hours: 90,
            days: 1100,
            audit: 730,
            events: 90,
            alerts: 365,
            sessions: 7,
        }
    }
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
