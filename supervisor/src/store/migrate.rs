//! Brings a database to the schema of this build: all missing numbered files in one transaction, after a
//! verified copy of what was there. It never edits a database from a newer build, nor one that is not ours.

use super::copy::copy_to;
use super::error::StoreError;
use super::state_dir::remove_if_there;
use super::words::UnixMs;
use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// One numbered file.
pub(super) struct Migration {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// A database: its mark and its files, numbered 1, 2, 3, ...
pub(super) struct Schema {
    pub(super) application_id: i32,
    pub(super) migrations: &'static [Migration],
}

/// What was done at open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Migrated {
    /// Schema version found; 0 = the database was new.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// The copy made before the change.
    pub(crate) copy: Option<PathBuf>,
}

const BOOKKEEPING: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     BLOB NOT NULL CHECK (length(sha256) = 32),
    applied_at INTEGER NOT NULL
) STRICT";

impl Migration {
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.sql.as_bytes()).into()
    }

    fn failed(&self, path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
        let (file, number, name) = (file_name(path), self.number, self.name.to_owned());
        move |source| match StoreError::from(source) {
            StoreError::Sql(source) => StoreError::Migration { file, number, name, source },
            other => other,
        }
    }
}

impl Schema {
    fn newest(&self) -> u32 {
        self.migrations.last().map_or(0, |m| m.number)
    }
}

/// Tells whether a database is ours, and which schema it has. Writes nothing.
pub(super) fn recognise(conn: &Connection, schema: &Schema, path: &Path) -> Result<u32, StoreError> {
    let mark: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let new = mark == 0 && version == 0 && objects == 0;
    if !new && mark != schema.application_id {
        return Err(StoreError::Foreign { file: file_name(path), found: mark });
    }
    if version > schema.newest() {
        return Err(StoreError::Newer { file: file_name(path), found: version, known: schema.newest() });
    }
    Ok(version)
}

/// Applies what is missing. Killed at any point, the database has its old schema or the new one.
pub(super) fn migrate(
    conn: &mut Connection,
    schema: &Schema,
    path: &Path,
    at: UnixMs,
) -> Result<Migrated, StoreError> {
    let from = recognise(conn, schema, path)?;
    if from > 0 {
        compare_past(conn, schema, path, from)?;
    }
    let to = schema.newest();
    if from == to {
        return Ok(Migrated { from, to, copy: None });
    }
    let copy = (from > 0).then(|| safety_copy(conn, path, to)).transpose()?;
    conn.pragma_update(None, "foreign_keys", false)?;
    let applied = apply(conn, schema, path, from, at);
    conn.pragma_update(None, "foreign_keys", true)?;
    applied.map(|()| Migrated { from, to, copy })
}

fn apply(
    conn: &mut Connection,
    schema: &Schema,
    path: &Path,
    from: u32,
    at: UnixMs,
) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(BOOKKEEPING)?;
    tx.pragma_update(None, "application_id", schema.application_id)?;
    for migration in schema.migrations.iter().filter(|m| m.number > from) {
        tx.execute_batch(migration.sql).map_err(migration.failed(path))?;
        tx.execute(
            "INSERT INTO migrations (number, name, sha256, applied_at) VALUES (?1, ?2, ?3, ?4)",
            (migration.number, migration.name, migration.digest(), at),
        )
        .map_err(migration.failed(path))?;
    }
    refuse_dangling(&tx, path)?;
    tx.pragma_update(None, "user_version", schema.newest())?;
    Ok(tx.commit()?)
}

fn refuse_dangling(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut check = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    match rows.next()? {
        None => Ok(()),
        Some(row) => {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            let found = format!("a row of {table} refers to a missing row of {parent}");
            Err(StoreError::Damaged { file: file_name(path), found })
        }
    }
}

/// The files that made this database must be the ones we have.
fn compare_past(conn: &Connection, schema: &Schema, path: &Path, from: u32) -> Result<(), StoreError> {
    for migration in schema.migrations.iter().filter(|m| m.number <= from) {
        let same: bool = conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM migrations WHERE number = ?1 AND sha256 = ?2)",
            (migration.number, migration.digest()),
            |row| row.get(0),
        )?;
        if !same {
            let (file, name) = (file_name(path), migration.name.to_owned());
            return Err(StoreError::ChangedMigration { file, number: migration.number, name });
        }
    }
    Ok(())
}

/// `config.db.before-v9` beside `config.db`; older copies of this kind go when the new one is there.
fn safety_copy(conn: &Connection, path: &Path, to: u32) -> Result<PathBuf, StoreError> {
    let prefix = format!("{}.before-v", file_name(path));
    let target = path.with_file_name(format!("{prefix}{to}"));
    copy_to(conn, &target)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    let listing = std::fs::read_dir(dir).map_err(|e| StoreError::file("list", dir, e))?;
    for entry in listing.flatten() {
        let old =
            entry.file_name().to_str().is_some_and(|n| n.starts_with(&prefix)) && entry.path() != target;
        if old {
            remove_if_there(&entry.path()).map_err(|e| StoreError::file("remove", &entry.path(), e))?;
        }
    }
    Ok(target)
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
