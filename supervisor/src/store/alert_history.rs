//! Alerts that fired: since when, on what, who was told, and when it was over.

use super::alerts::AlertRule;
use super::edit::{Note, View};
use super::error::StoreError;
use super::events::Severity;
use super::page::{Clause, Page};
use super::words::{AlertId, AlertRuleId, Json, UnixMs};
use rusqlite::{Row, params};
use serde::Serialize;

/// One time a rule held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Alert {
    pub(crate) id: AlertId,
    /// `None` = the rule is gone.
    pub(crate) rule_id: Option<AlertRuleId>,
    pub(crate) rule_name: String,
    pub(crate) severity: Severity,
    /// The provider, app or model; empty = all together.
    pub(crate) subject: String,
    /// The measure when it began.
    pub(crate) value: f64,
    pub(crate) message: String,
    pub(crate) started_at: UnixMs,
    pub(crate) resolved_at: Option<UnixMs>,
    /// Names of the channels that took the message.
    pub(crate) told: Vec<String>,
}

const SELECT: &str =
    "SELECT id, rule_id, rule_name, severity, subject, value, message, started_at, resolved_at,
    told FROM alert_history";

impl View<'_> {
    /// Alerts, newest first.
    pub(crate) fn alerts(&self, page: Page<AlertId>) -> Result<Vec<Alert>, StoreError> {
        let mut clause = Clause::new();
        clause.below("id", page.before);
        let sql = format!("{SELECT} {} ORDER BY id DESC LIMIT {}", clause.sql(), page.limit());
        self.all(&sql, clause.params(), from_row)
    }

    /// Alerts that are not over.
    pub(crate) fn firing(&self) -> Result<Vec<Alert>, StoreError> {
        self.all(&format!("{SELECT} WHERE resolved_at IS NULL ORDER BY id"), [], from_row)
    }
}

impl Note<'_> {
    /// Begins an alert. One of the same rule and subject that is not over yet goes on instead.
    pub(crate) fn begin_alert(
        &mut self,
        rule: &AlertRule,
        subject: &str,
        (value, message): (f64, &str),
        at: UnixMs,
    ) -> Result<AlertId, StoreError> {
        let sql = "SELECT id FROM alert_history WHERE rule_id = ?1 AND subject = ?2 AND resolved_at IS NULL";
        if let Some(id) = self.one(sql, (rule.id, subject), |row| row.get(0))? {
            return Ok(id);
        }
        self.execute(
            "INSERT INTO alert_history (rule_id, rule_name, severity, subject, value, message, started_at, told)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '[]')",
            params![rule.id, rule.spec.name, rule.spec.severity, subject, value, message, at],
        )?;
        Ok(AlertId(self.conn.last_insert_rowid()))
    }

    /// Keeps which channels took the message.
    pub(crate) fn note_told(&mut self, id: AlertId, channels: &[String]) -> Result<(), StoreError> {
        self.execute("UPDATE alert_history SET told = ?2 WHERE id = ?1", (id, Json(channels)))?;
        Ok(())
    }

    /// The alert is over.
    pub(crate) fn resolve_alert(&mut self, id: AlertId, at: UnixMs) -> Result<(), StoreError> {
        let sql = "UPDATE alert_history SET resolved_at = ?2 WHERE id = ?1 AND resolved_at IS NULL";
        self.execute(sql, (id, at))?;
        Ok(())
    }

    /// Removes alerts that were over before an instant, at most `limit`. Returns how many.
    pub(crate) fn prune_alerts(&mut self, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM alert_history WHERE id IN
                   (SELECT id FROM alert_history WHERE started_at < ?1 AND resolved_at < ?1 LIMIT ?2)";
        Ok(self.execute(sql, (before, limit))?)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Alert> {
    Ok(Alert {
        id: row.get(0)?,
        rule_id: row.get(1)?,
        rule_name: row.get(2)?,
        severity: row.get(3)?,
        subject: row.get(4)?,
        value: row.get(5)?,
        message: row.get(6)?,
        started_at: row.get(7)?,
        resolved_at: row.get(8)?,
        told: row.get::<_, Json<_>>(9)?.0,
    })
}
