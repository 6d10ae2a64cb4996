//! The audit log in pages.

use super::{page, unreadable};
use crate::store::audit::{AuditFilter, AuditRow};
use crate::store::error::Object;
use crate::store::words::AuditId;
use crate::store::{ConfigStore, UnixMs};
use protocol::control::record::{self, AuditEntry, Page};
use protocol::control::{ControlReply, Refusal};

/// Newest first; oldest first after a row. Nobody waits for an audit row.
pub(super) async fn answer(
    config: &ConfigStore,
    asked: record::AuditFilter,
    asked_page: Page,
) -> Result<ControlReply, Refusal> {
    let object = match asked.object.as_deref() {
        None | Some("") => None,
        Some(word) => Some(object(word)?),
    };
    let filter =
        AuditFilter { object, object_id: None, actor: asked.actor, since: asked.since_ms.map(UnixMs) };
    let page = page::read(&asked_page, |text| text.parse().ok().map(AuditId))?;
    let rows = config.read(move |view| view.audit(&filter, page)).await.map_err(unreadable)?;
    Ok(ControlReply::Audit(rows.into_iter().map(entry).collect()))
}

fn object(word: &str) -> Result<Object, Refusal> {
    let found = Object::ALL.iter().copied().find(|object| object.name() == word);
    found.ok_or_else(|| page::wrong("filter.object", "is no kind of thing that can be changed"))
}

fn entry(row: AuditRow) -> AuditEntry {
    AuditEntry {
        id: row.id.0,
        at: row.at.0,
        epoch: row.epoch,
        actor_kind: row.actor_kind.name().to_owned(),
        actor: row.actor,
        origin: row.origin,
        verb: row.verb.name().to_owned(),
        object: row.object.name().to_owned(),
        object_id: row.object_id,
        name: row.name,
        before: row.before,
        after: row.after,
    }
}
