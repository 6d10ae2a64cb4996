//! Events that the router tells of, put on record.

use crate::store::config::Reserve;
use crate::store::events::{NewEvent, Severity};
use crate::store::{ConfigStore, UnixMs};
use protocol::ipc::notice::Notice;
use serde_json::Value;

/// Writes them down; what cannot be written is in the log only.
pub(super) async fn record(store: ConfigStore, body: Vec<u8>) {
    let notices: Vec<Notice> = match serde_json::from_slice(&body) {
        Ok(notices) => notices,
        Err(error) => return tracing::warn!(%error, "what the router told cannot be read"),
    };
    let events: Vec<NewEvent> = notices.into_iter().map(event).collect();
    // Events are not worth the last space on the disk.
    let written = store
        .note(Reserve::Keep, move |note| events.iter().try_for_each(|event| note.add_event(event).map(drop)));
    if let Err(error) = written.await {
        tracing::warn!(%error, "events of the router are not on record");
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
