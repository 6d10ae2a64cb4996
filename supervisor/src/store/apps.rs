//! Apps: the named clients of LLM Link. Their keys and routes have files of their own.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, unique};
use super::words::{AppId, Json, UnixMs};
use protocol::control::app::AppSpec;
use rusqlite::{Row, params};
use serde::Serialize;

/// A stored app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct App {
    pub(crate) id: AppId,
    #[serde(flatten)]
    pub(crate) spec: AppSpec,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

const SELECT: &str =
    "SELECT id, name, enabled, strict, note, limits, models, version, created_at, updated_at FROM apps";

/// Everything that is wrong with what is said about an app, as far as one can see from that alone.
fn check(spec: &AppSpec) -> Result<(), StoreError> {
    let mut check = Check::new(Object::App);
    check.name("name", &spec.name);
    check.text("note", &spec.note, 500);
    let limits = &spec.limits;
    let more_than_none = [
        ("limits.requests_per_second", limits.requests_per_second != Some(0)),
        ("limits.requests_per_minute", limits.requests_per_minute != Some(0)),
        ("limits.tokens_per_minute", limits.tokens_per_minute != Some(0)),
        ("limits.concurrent", limits.concurrent != Some(0)),
    ];
    for (field, holds) in more_than_none {
        check.require(holds, field, "must be greater than 0");
    }
    for (n, pattern) in spec.models.iter().enumerate() {
        check.model_name(&format!("models[{n}]"), pattern);
    }
    check.finish()
}

impl View<'_> {
    pub(crate) fn app(&self, id: AppId) -> Result<App, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::App, id))
    }

    pub(crate) fn app_named(&self, name: &str) -> Result<App, StoreError> {
        self.one(&format!("{SELECT} WHERE name = ?1"), [name], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::App, name))
    }

    pub(crate) fn apps(&self) -> Result<Vec<App>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY name"), [], from_row)
    }
}

impl Edit<'_> {
    pub(crate) fn create_app(&mut self, spec: &AppSpec) -> Result<App, StoreError> {
        check(spec)?;
        self.execute(
            "INSERT INTO apps (name, enabled, strict, note, limits, models, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)",
            params![
                spec.name,
                spec.enabled,
                spec.strict,
                spec.note,
                Json(&spec.limits),
                Json(&spec.models),
                self.now()
            ],
        )
        .map_err(unique(Object::App, &spec.name))?;
        let made = self.app(AppId(self.conn.last_insert_rowid()))?;
        self.created(Object::App, made.id, &spec.name, &made)?;
        Ok(made)
    }

    pub(crate) fn update_app(
        &mut self,
        id: AppId,
        expect: Expect,
        spec: &AppSpec,
    ) -> Result<App, StoreError> {
        check(spec)?;
        let before = self.app(id)?;
        expect.check(Object::App, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE apps SET name = ?2, enabled = ?3, strict = ?4, note = ?5, limits = ?6, models = ?7,
             version = version + 1, updated_at = ?8 WHERE id = ?1",
            params![
                id,
                spec.name,
                spec.enabled,
                spec.strict,
                spec.note,
                Json(&spec.limits),
                Json(&spec.models),
                self.now()
            ],
        )
        .map_err(unique(Object::App, &spec.name))?;
        let after = self.app(id)?;
        self.updated(Object::App, id, &spec.name, (&before, &after))?;
        Ok(after)
    }

    /// Removes an app with its keys and its route.
    pub(crate) fn delete_app(&mut self, id: AppId, expect: Expect) -> Result<(), StoreError> {
        let before = self.app(id)?;
        expect.check(Object::App, &before.spec.name, before.version)?;
        self.execute("DELETE FROM apps WHERE id = ?1", [id])?;
        self.deleted(Object::App, id, &before.spec.name, &before)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<App> {
    Ok(App {
        id: row.get(0)?,
        spec: AppSpec {
            name: row.get(1)?,
            enabled: row.get(2)?,
            strict: row.get(3)?,
            note: row.get(4)?,
            limits: row.get::<_, Json<_>>(5)?.0,
            models: row.get::<_, Json<_>>(6)?.0,
        },
        version: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}
