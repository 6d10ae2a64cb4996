//! Who did what to which object, with its state before and after. Rows are added in the transaction of the
//! thing they tell of, and never changed. They hold no secret: row types have none to show.

use super::edit::{ActorKind, Note, Stamp, Verb, View};
use super::error::{Object, StoreError};
use super::page::{Clause, Page};
use super::words::{AuditId, Json, UnixMs};
use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

/// One thing done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) verb: Verb,
    pub(crate) object: Object,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AuditRow {
    pub(crate) id: AuditId,
    pub(crate) at: UnixMs,
    /// The epoch the change made; none for what changed no configuration (logins).
    pub(crate) epoch: Option<i64>,
    pub(crate) actor_kind: ActorKind,
    pub(crate) actor: String,
    pub(crate) origin: String,
    pub(crate) verb: Verb,
    pub(crate) object: Object,
    pub(crate) object_id: String,
    pub(crate) name: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// Which rows to show; `None` = any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    pub(crate) object: Option<Object>,
    pub(crate) object_id: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) since: Option<UnixMs>,
}

const COLUMNS: &str =
    "id, at, epoch, actor_kind, actor, origin, verb, object, object_id, name, before, after";

impl View<'_> {
    /// Rows of the audit log in the order of the page.
    pub(crate) fn audit(
        &self,
        filter: &AuditFilter,
        page: Page<AuditId>,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut clause = Clause::new();
        clause.equal("object", filter.object);
        clause.equal("object_id", filter.object_id.clone());
        clause.equal("actor", filter.actor.clone());
        clause.at_least("at", filter.since);
        clause.below("id", page.before);
        clause.above("id", page.after);
        let (terms, order, limit) = (clause.sql(), page.order(), page.limit());
        let sql = format!("SELECT {COLUMNS} FROM audit {terms} ORDER BY id {order} LIMIT {limit}");
        self.all(&sql, clause.params(), from_row)
    }
}

impl Note<'_> {
    /// Adds a row for something that changes no configuration: a login, a refused login, a logout.
    pub(crate) fn add_audit(&mut self, by: &Stamp, entry: &Entry) -> Result<(), StoreError> {
        insert(self, by, None, entry)
    }

    /// Removes rows from before an instant; at most `limit`, so that the log stays small. Returns how many.
    pub(crate) fn prune_audit(&mut self, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
        Ok(self.execute(sql, (before, limit))?)
    }
}

pub(super) fn insert(
    view: &View<'_>,
    by: &Stamp,
    epoch: Option<i64>,
    entry: &Entry,
) -> Result<(), StoreError> {
    view.execute(
        "INSERT INTO audit (at, epoch, actor_kind, actor, origin, verb, object, object_id, name, before, after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        rusqlite::params![
            by.at,
            epoch,
            by.actor_kind,
            by.actor,
            by.origin,
            entry.verb,
            entry.object,
            entry.id,
            entry.name,
            entry.before.as_ref().map(Json),
            entry.after.as_ref().map(Json),
        ],
    )?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        id: row.get(0)?,
        at: row.get(1)?,
        epoch: row.get(2)?,
        actor_kind: row.get(3)?,
        actor: row.get(4)?,
        origin: row.get(5)?,
        verb: row.get(6)?,
        object: row.get(7)?,
        object_id: row.get(8)?,
        name: row.get(9)?,
        before: row.get::<_, Option<Json<Value>>>(10)?.map(|j| j.0),
        after: row.get::<_, Option<Json<Value>>>(11)?.map(|j| j.0),
    })
}
