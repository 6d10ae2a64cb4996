//! What an operator can ask for and learn, as one closed vocabulary. The command line speaks it over the
//! control socket; whatever speaks it later (the admin API) speaks the same words.
//!
//! On the wire: one JSON request on a line, one JSON reply on a line, over a local socket of mode 0600 whose
//! peer must run as the same user. Types only; who executes them is the supervisor's business.

mod status;

pub use status::{ChildStatus, ExitReport, ListenerStatus, ProviderStatus, SystemStatus};

use serde::{Deserialize, Serialize};

/// Longest request or reply line in bytes.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// Something an operator asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum ControlRequest {
    /// Everything about every process.
    Status,
    /// Replace a provider's worker by a new generation, draining the old one.
    Restart { provider: String },
    /// Take a provider out of routing and let its calls finish.
    Drain {
        provider: String,
        /// Milliseconds until what is left is cut; the configured drain timeout when absent.
        within_ms: Option<u64>,
    },
    /// Undo a drain.
    Resume { provider: String },
    /// Read the configuration again.
    Reload,
    /// Drain and stop everything.
    Shutdown,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reply", content = "with")]
pub enum ControlReply {
    Status(Box<SystemStatus>),
    /// It was done, or has begun; the text says which.
    Done(String),
    /// It was not done; the text says why and what would be possible.
    Refused(String),
}
