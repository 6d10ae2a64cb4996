//! The conversation with the supervisor, and everything that can go wrong on the way.

use crate::cli::exit::Exit;
use crate::control::client::{self, AskError};
use crate::settings::Mistakes;
use protocol::control::{ControlReply, ControlRequest, Refusal};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Most is answered at once; a change waits for its processes.
const USUAL: Duration = Duration::from_secs(30);
/// What contacts an upstream, reads the disk from end to end or replaces every process.
const LONG: Duration = Duration::from_secs(300);

/// See the module.
pub(super) struct Line {
    runtime_dir: PathBuf,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Mistakes(Mistakes),
    #[error(transparent)]
    Line(#[from] AskError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Usage(String),
    /// A field of what is to be stored.
    #[error("{0}")]
    Field(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("the answer makes no sense here; is the running llm-link of another version?")]
    Unexpected,
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Failure::Mistakes(_) => Exit::Configuration,
            Failure::Line(_) => Exit::Unavailable,
            Failure::Refused(refusal) => Exit::from(refusal.kind),
            Failure::Usage(_) => Exit::Usage,
            Failure::Field(_) => Exit::Invalid,
            Failure::NotFound(_) => Exit::NotFound,
            Failure::Conflict(_) => Exit::Conflict,
            Failure::Unexpected | Failure::Io { .. } => Exit::Failed,
        }
    }

    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
        let what = what.into();
        move |error| Failure::Io { what, error }
    }
}

impl Line {
    pub(super) fn new(runtime_dir: PathBuf) -> Line {
        Line { runtime_dir }
    }

    /// The answer; a refusal is a failure.
    pub(super) fn ask(&self, request: ControlRequest) -> Result<ControlReply, Failure> {
        let patience = patience(&request);
        match client::ask(&self.runtime_dir, request, patience)? {
            ControlReply::Refused(refusal) => Err(refusal.into()),
            reply => Ok(reply),
        }
    }

    /// The answer to a request that is JSON already, as it comes.
    pub(super) fn ask_json(&self, request: &str) -> Result<ControlReply, Failure> {
        let request: ControlRequest =
            serde_json::from_str(request).map_err(|error| Failure::Usage(format!("no request: {error}")))?;
        let patience = patience(&request);
        Ok(client::ask(&self.runtime_dir, request, patience)?)
    }
}

fn patience(request: &ControlRequest) -> Duration {
    use ControlRequest as R;
    match request {
        R::TestProvider { .. } | R::DiscoverModels { .. } | R::Upgrade | R::RotateMasterKey => LONG,
        R::Apply { .. } | R::Meter { .. } | R::Calls { .. } => LONG,
        R::Logs { page, .. } | R::Events { page, .. } => USUAL + Duration::from_millis(page.wait_ms),
        _ => USUAL,
    }
}
