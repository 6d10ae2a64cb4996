//! What an operator can ask for.

use serde::{Deserialize, Serialize};

/// One request. A `target` is a provider's name, or `router` for the router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum ControlRequest {
    /// Answered with [`super::ControlReply::Status`].
    Status,
    /// Replace the process: a new generation first, then drain the old one; at once where there is nothing
    /// to keep (backoff, failed, not answering).
    Restart { target: String },
    /// Take no new calls, finish those in flight within that time (none = the configured drain timeout),
    /// then stop the worker until it is resumed.
    Drain {
        provider: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_ms: Option<u64>,
    },
    /// Undo a drain.
    Resume { provider: String },
    /// Read the configuration again; refused as a whole when it has a mistake.
    Reload,
    /// End the whole tree.
    Stop { mode: StopMode },
}

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMode {
    /// Finish what is in flight within the drain timeout: router first, then workers.
    Drain,
    /// Tell every process to end now; two seconds later kill what is left.
    Fast,
    /// Kill everything.
    Cut,
}
