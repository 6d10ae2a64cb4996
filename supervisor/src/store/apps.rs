//! Apps: the named clients of LLM Link. Their keys and routes have files of their own.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, unique};
use super::words::{AppId, Json, UnixMs};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

/// What an operator says about an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppSpec {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    /// Refuse what cannot be translated without loss.
    pub(crate) strict: bool,
    /// For people.
    pub(crate) note: String,
    pub(crate) limits: AppLimits,
}

/// Bounds of an app's traffic; `None` = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AppLimits {
    pub(crate) requests_per_second: Option<u32>,
    pub(crate) tokens_per_minute: Option<u64>,
    pub(crate) concurrent: Option<u32>,
}

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
    "SELECT id, name, enabled, strict, note, limits, version, created_at, updated_at FROM apps";

impl AppSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::App);
        check.name("name", &self.name);
        check.text("note", &self.note, 500);
        let limits = &self.limits;
        check.require(
            limits.requests_per_second != Some(0),
            "limits.requests_per_second",
            "must be greater than 0",
        );
        check.require(
            limits.tokens_per_minute != Some(0),
            "limits.tokens_per_minute",
            "must be greater than 0",
        );
        check.require(limits.concurrent != Some(0), "limits.concurrent", "must be greater than 0");
        check.finish()
    }
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
        spec.check()?;
        self.execute(
            "INSERT INTO apps (name, enabled, strict, note, limits, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)",
            params![spec.name, spec.enabled, spec.strict, spec.note, Json(&spec.limits), self.now()],
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
        spec.check()?;
        let before = self.app(id)?;
        expect.check(Object::App, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE apps SET name = ?2, enabled = ?3, strict = ?4, note = ?5, limits = ?6, version = version + 1,
             updated_at = ?7 WHERE id = ?1",
            params![id, spec.name, spec.enabled, spec.strict, spec.note, Json(&spec.limits), self.now()],
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
        },
        version: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}
