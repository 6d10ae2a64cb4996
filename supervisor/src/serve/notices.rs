//! Events that the router tells of, put on record.

use crate::record::journal::{Happened, Journal};
use crate::store::UnixMs;
use crate::store::events::{NewEvent, Severity};
use protocol::ipc::notice::Notice;
use serde_json::Value;

/// Has them written down.
pub(super) fn record(journal: &Journal, body: &[u8]) {
    match serde_json::from_slice::<Vec<Notice>>(body) {
        Ok(notices) => notices.into_iter().for_each(|notice| journal.tell(Happened::from(event(notice)))),
        Err(error) => tracing::warn!(%error, "what the router told cannot be read"),
    }
}

fn event(notice: Notice) -> NewEvent {
    NewEvent {
        at: UnixMs(notice.at),
        severity: match notice.severity.as_str() {
            "critical" => Severity::Critical,
            "warning" => Severity::Warning,
            _ => Severity::Info,
        },
        kind: notice.kind,
        subject: notice.subject,
        generation: None,
        message: notice.message,
        detail: match notice.detail {
            Value::Object(detail) => detail,
            _ => serde_json::Map::new(),
        },
    }
}
