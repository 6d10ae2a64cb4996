//! What operators do, as events: who restarted, drained or changed what.

use super::journal::Happened;
use crate::people::Actor;
use protocol::control::{ControlReply, ControlRequest};

/// Something that will be an event if it is done.
pub(crate) struct Deed {
    kind: &'static str,
    subject: String,
}

/// The deed that a request asks for; none for questions, and for what is not about processes.
pub(crate) fn of(request: &ControlRequest) -> Option<Deed> {
    use ControlRequest as R;
    let (kind, subject) = match request {
        R::Restart { provider } => ("operator.restart", provider.as_str()),
        R::Drain { provider, .. } => ("operator.drain", provider.as_str()),
        R::Resume { provider } => ("operator.resume", provider.as_str()),
        R::Reload => ("operator.reload", "config"),
        R::Upgrade => ("operator.upgrade", "supervisor"),
        R::Shutdown => ("operator.shutdown", "supervisor"),
        _other => return None,
    };
    Some(Deed { kind, subject: subject.to_owned() })
}

impl Deed {
    /// The event, if the reply says that it was done.
    pub(super) fn done(self, actor: &Actor, reply: &ControlReply) -> Option<Happened> {
        let ControlReply::Done(said) = reply else { return None };
        Some(Happened::info(self.kind, &self.subject, said).by(&actor.name))
    }
}
