//! How the system is doing, for people and scripts. Times are milliseconds since 1970.

use crate::ipc::configure::WorkerState;
use crate::ipc::control::{Pulse, SandboxLevel, SandboxReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole process tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemStatus {
    pub version: String,
    pub pid: u32,
    pub started_ms: u64,
    /// The configuration in force.
    pub epoch: u64,
    /// Where it came from: a file, or the embedded default.
    pub config: String,
    /// Why the last reload was rejected; the configuration in force is older.
    pub reload_error: Option<String>,
    pub listeners: Vec<ListenerStatus>,
    pub router: ChildStatus,
    pub providers: Vec<ProviderStatus>,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListenerStatus {
    pub address: String,
    /// Calls without a key are served.
    pub open: bool,
}

/// One provider and the processes that serve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderStatus {
    pub name: String,
    pub preset: String,
    pub state: WorkerState,
    /// Why it is in that state, in a sentence.
    pub reason: String,
    pub since_ms: u64,
    /// Of the generation in service; absent when none runs.
    pub pid: Option<u32>,
    pub generation: u64,
    pub restarts: u64,
    /// What the worker reported of its sandbox.
    pub sandbox: Option<SandboxLevel>,
    /// Why a wanted change is not in force yet, or failed.
    pub change: Option<String>,
    /// The generation in service.
    pub current: Option<ChildStatus>,
    /// A generation that will take over when it is ready.
    pub successor: Option<ChildStatus>,
    /// Generations that finish their calls.
    pub retiring: Vec<ChildStatus>,
    pub last_exit: Option<ExitReport>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChildStatus {
    pub state: WorkerState,
    pub reason: String,
    pub since_ms: u64,
    pub pid: Option<u32>,
    pub generation: u64,
    pub restarts: u64,
    pub sandbox: Option<SandboxReport>,
    pub pulse: Option<Pulse>,
    pub last_exit: Option<ExitReport>,
    /// What it may take; 0 = no limit.
    #[serde(default)]
    pub memory_limit_bytes: u64,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExitReport {
    pub at_ms: u64,
    /// `exit code 1`, `signal SIGKILL`, `out of memory`, `no answer to pings`, ...
    pub cause: String,
    /// The last lines it wrote.
    pub stderr: Vec<String>,
}
