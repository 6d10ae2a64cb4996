//! What happened to processes and providers, for people to read: starts, crashes, breakers, migrations.

use super::edit::{Note, View};
use super::error::StoreError;
use super::page::{Clause, Page};
use super::words::{EventId, Json, UnixMs, words};
use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::Value;

words! {
    /// How much it matters.
    Severity {
        Info = "info",
        Warning = "warning",
        Critical = "critical",
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NewEvent {
    pub(crate) at: UnixMs,
    pub(crate) severity: Severity,
    /// What kind of thing, in one dotted word: `worker.exited`.
    pub(crate) kind: String,
    /// To whom: a provider's name, `router`, `store`.
    pub(crate) subject: String,
    pub(crate) generation: Option<i64>,
    /// One sentence.
    pub(crate) message: String,
    /// A JSON object; no secrets.
    pub(crate) detail: serde_json::Map<String, Value>,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    #[serde(flatten)]
    pub(crate) event: NewEvent,
}

/// Which events to show; `None` = any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventFilter {
    pub(crate) subject: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) since: Option<UnixMs>,
}

impl View<'_> {
    /// Events in the order of the page.
    pub(crate) fn events(&self, filter: &EventFilter, page: Page<EventId>) -> Result<Vec<Event>, StoreError> {
        let mut clause = Clause::new();
        clause.equal("subject", filter.subject.clone());
        clause.equal("kind", filter.kind.clone());
        clause.equal("severity", filter.severity);
        clause.at_least("at", filter.since);
        clause.below("id", page.before);
        clause.above("id", page.after);
        let sql = format!(
            "SELECT id, at, severity, kind, subject, generation, message, detail FROM events {}
             ORDER BY id {} LIMIT {}",
            clause.sql(),
            page.order(),
            page.limit()
        );
        self.all(&sql, clause.params(), from_row)
    }
}

impl Note<'_> {
    pub(crate) fn add_event(&mut self, event: &NewEvent) -> Result<EventId, StoreError> {
        self.execute(
            "INSERT INTO events (at, severity, kind, subject, generation, message, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                event.at,
                event.severity,
                event.kind,
                event.subject,
                event.generation,
                event.message,
                Json(&event.detail),
            ],
        )?;
        Ok(EventId(self.conn.last_insert_rowid()))
    }

    /// Removes events from before an instant, at most `limit`. Returns how many.
    pub(crate) fn prune_events(&mut self, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)";
        Ok(self.execute(sql, (before, limit))?)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        event: NewEvent {
            at: row.get(1)?,
            severity: row.get(2)?,
            kind: row.get(3)?,
            subject: row.get(4)?,
            generation: row.get(5)?,
            message: row.get(6)?,
            detail: row.get::<_, Json<_>>(7)?.0,
        },
    })
}
