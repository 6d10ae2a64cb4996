//! What happened, as operators ask for it: calls, figures, events, log lines, audit. Reads; changes nothing.

use crate::store::{ConfigStore, UsageStore};
use protocol::control::{ControlReply, ControlRequest, RefusalKind};

/// See the module.
#[expect(dead_code, reason = "what happened is read from the two stores")]
pub(crate) struct Record {
    config: ConfigStore,
    usage: UsageStore,
}

impl Record {
    pub(crate) fn new(config: ConfigStore, usage: UsageStore) -> Record {
        Record { config, usage }
    }

    /// Answers what is about the past.
    pub(crate) async fn answer(&self, _request: ControlRequest) -> ControlReply {
        ControlReply::refused(RefusalKind::Unavailable, "nothing is recorded yet")
    }
}
