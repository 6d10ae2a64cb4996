//! How fit a provider is to take a call now, as the supervisor last told us.

use protocol::ipc::configure::{Provider, WorkerState};
use std::time::Instant;

/// Fitness of one provider, best first. The text says why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Ready,
    /// Works, but only when nobody better is there.
    LastResort(String),
    /// Cannot now; may within moments, so a call without another candidate waits for it a little.
    Soon(String),
    /// It has failed too often, or its key was refused: only for a call that has nowhere else to go.
    Open {
        until: Instant,
        why: String,
    },
    /// The provider asked for a pause, or is used as much as it may be: nobody until then.
    Held {
        until: Instant,
        why: String,
    },
    /// Cannot, and waiting does not help.
    Out(String),
}

impl Standing {
    /// The standing that follows from a provider's worker state.
    pub(crate) fn of(provider: &Provider) -> Standing {
        let why = |what: &str| match provider.reason.as_str() {
            "" => format!("its worker {what}"),
            reason => format!("its worker {what}: {reason}"),
        };
        match provider.state {
            WorkerState::Ready | WorkerState::Degraded if provider.lane.is_none() => {
                Standing::Soon(why("has no data socket yet"))
            }
            WorkerState::Ready => Standing::Ready,
            WorkerState::Degraded => Standing::LastResort(why("is degraded")),
            WorkerState::Starting => Standing::Soon(why("is starting")),
            WorkerState::Backoff => Standing::Soon(why("ended and starts again")),
            WorkerState::Draining => Standing::Out(why("is draining")),
            WorkerState::Stopped => Standing::Out(why("is stopped")),
            WorkerState::Failed => Standing::Out(why("has failed")),
        }
    }

    /// A call may be sent to it.
    pub(crate) fn is_fit(&self) -> bool {
        matches!(self, Standing::Ready | Standing::LastResort(_))
    }

    /// Why it is not simply ready.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Standing::Ready => None,
            Standing::LastResort(why) | Standing::Soon(why) | Standing::Out(why) => Some(why),
            Standing::Open { why, .. } | Standing::Held { why, .. } => Some(why),
        }
    }
}
