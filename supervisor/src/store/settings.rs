//! Single values by name: what belongs to no other table. Their meaning is known to whoever reads them.

use super::check::Check;
use super::edit::{Edit, Expect, Verb, View};
use super::error::{Object, StoreError};
use super::words::{Json, UnixMs};
use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

/// One named value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// The epoch that last changed it.
    pub(crate) version: i64,
    pub(crate) updated_at: UnixMs,
}

const SELECT: &str = "SELECT name, value, version, updated_at FROM settings";

impl View<'_> {
    pub(crate) fn setting(&self, name: &str) -> Result<Option<Setting>, StoreError> {
        self.one(&format!("{SELECT} WHERE name = ?1"), [name], from_row)
    }

    pub(crate) fn settings(&self) -> Result<Vec<Setting>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY name"), [], from_row)
    }
}

impl Edit<'_> {
    /// Sets a value. With `Expect::Version(0)` it must not exist yet.
    pub(crate) fn set_setting(
        &mut self,
        name: &str,
        expect: Expect,
        value: &Value,
    ) -> Result<Setting, StoreError> {
        let mut check = Check::new(Object::Setting);
        check.name("name", name);
        check.finish()?;
        let before = self.setting(name)?;
        let version = before.as_ref().map_or(0, |b| b.version);
        expect.check(Object::Setting, name, version)?;
        if let Some(same) = before.as_ref().filter(|b| b.value == *value) {
            return Ok(same.clone());
        }
        let sql = "INSERT INTO settings (name, value, version, updated_at) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (name) DO UPDATE SET value = ?2, version = ?3, updated_at = ?4";
        self.execute(sql, (name, Json(value), self.next_epoch(), self.now()))?;
        let after = Setting {
            name: name.to_owned(),
            value: value.clone(),
            version: self.next_epoch(),
            updated_at: self.now(),
        };
        match &before {
            Some(before) => self.updated(Object::Setting, name, name, (before, &after))?,
            None => self.created(Object::Setting, name, name, &after)?,
        }
        Ok(after)
    }

    /// The configuration file has changed: what it says is the next epoch too.
    pub(crate) fn file_was_read(&mut self, origin: &str) -> Result<(), StoreError> {
        self.changed(Verb::Update, (Object::Configuration, origin.to_owned(), origin), None, None)
    }

    /// Back to the program's default.
    pub(crate) fn unset_setting(&mut self, name: &str, expect: Expect) -> Result<(), StoreError> {
        let before = self.setting(name)?.ok_or_else(|| StoreError::not_found(Object::Setting, name))?;
        expect.check(Object::Setting, name, before.version)?;
        self.execute("DELETE FROM settings WHERE name = ?1", [name])?;
        self.deleted(Object::Setting, name, name, &before)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Setting> {
    Ok(Setting {
        name: row.get(0)?,
        value: row.get::<_, Json<Value>>(1)?.0,
        version: row.get(2)?,
        updated_at: row.get(3)?,
    })
}
