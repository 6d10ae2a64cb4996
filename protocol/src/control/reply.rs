//! What the supervisor answers, and the whole state of the tree as a value.

use crate::ipc::configure::WorkerState;
use crate::ipc::control::{Pulse, Role, SandboxReport};
use serde::{Deserialize, Serialize};

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reply")]
pub enum ControlReply {
    Status(Box<SupervisorStatus>),
    /// Accepted; what happens next, for people.
    Done {
        message: String,
    },
    /// Not done, and why, for people.
    Refused {
        reason: String,
    },
}

/// The tree as the supervisor sees it. Ages are milliseconds before this value was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorStatus {
    pub version: String,
    pub pid: u32,
    pub uptime_ms: u64,
    /// Where the configuration came from; none = built in.
    pub config: Option<String>,
    /// Number of the configuration in force.
    pub epoch: u64,
    /// Why the last reload was refused; none = the last one went through.
    pub reload_error: Option<String>,
    /// `http://127.0.0.1:8080`, ...
    pub listeners: Vec<String>,
    pub router: ChildStatus,
    /// By name.
    pub workers: Vec<ChildStatus>,
}

/// One supervised process, or the place where one would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStatus {
    /// The provider's name; `router` for the router.
    pub name: String,
    pub role: Role,
    pub state: WorkerState,
    /// Why it is in that state, for people.
    pub reason: String,
    /// How long it has been in that state.
    pub since_ms: u64,
    pub pid: Option<u32>,
    /// The running generation, or the last one; 0 = never started.
    pub generation: u64,
    /// Unplanned restarts since the supervisor started.
    pub restarts: u64,
    /// Time to the next start, when one is planned.
    pub retry_in_ms: Option<u64>,
    pub sandbox: Option<SandboxReport>,
    /// Its last answer to a ping.
    pub pulse: Option<Pulse>,
    pub last_crash: Option<CrashReport>,
    /// A replacement under way or the last one that failed, for people.
    pub change: Option<String>,
    /// Generations that still finish calls after their replacement.
    pub retiring: Vec<u64>,
    /// Lines of its standard error dropped because it wrote too much.
    pub dropped_lines: u64,
}

/// An end that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashReport {
    pub generation: u64,
    /// `killed by signal 9 (SIGKILL)`, `exit code 1`, `no answer to pings`, ...
    pub cause: String,
    pub age_ms: u64,
    /// What it wrote last, at most 50 lines, keys removed.
    pub stderr: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::super::ControlRequest;
    use super::*;

    #[test]
    fn requests_read_as_plain_json() {
        let cases = [
            (r#"{"request":"status"}"#, ControlRequest::Status),
            (r#"{"request":"restart","target":"a"}"#, ControlRequest::Restart { target: "a".into() }),
            (
                r#"{"request":"drain","provider":"a"}"#,
                ControlRequest::Drain { provider: "a".into(), within_ms: None },
            ),
        ];
        for (text, request) in cases {
            assert_eq!(serde_json::from_str::<ControlRequest>(text).unwrap(), request);
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
        }
    }

    #[test]
    fn replies_survive_the_wire() {
        let reply = ControlReply::Refused { reason: "no provider \"b\"".into() };
        let text = serde_json::to_string(&reply).unwrap();
        assert_eq!(text, r#"{"reply":"refused","reason":"no provider \"b\""}"#);
        assert_eq!(serde_json::from_str::<ControlReply>(&text).unwrap(), reply);
    }
}
