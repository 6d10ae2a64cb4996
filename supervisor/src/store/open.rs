//! Opens a database file: private, recognised, whole, migrated, with the settings both databases share.
//! What is in its tables is not known here.

use super::error::StoreError;
use super::migrate::{Migrated, Schema, file_name, migrate, recognise};
use super::state_dir::touch_private;
use super::words::UnixMs;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use std::time::Duration;

/// How much a power cut may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing that was committed (`synchronous=FULL`).
    EveryCommit,
    /// The last commits; a killed process still loses nothing (`synchronous=NORMAL`).
    Checkpoints,
}

/// What to open.
pub(super) struct Opening {
    pub(super) path: PathBuf,
    pub(super) schema: &'static Schema,
    pub(super) durability: Durability,
    /// Files up to this size are checked for damage at open; larger ones would delay the start by seconds.
    pub(super) check_up_to: u64,
    pub(super) at: UnixMs,
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Distinct statements of the store, with room to spare.
const STATEMENTS: usize = 256;

impl Opening {
    pub(super) fn open(&self) -> Result<(Connection, Migrated), StoreError> {
        touch_private(&self.path).map_err(|e| StoreError::file("open", &self.path, e))?;
        self.connect().map_err(|error| match error {
            StoreError::Damaged { found, .. } => StoreError::Damaged { file: file_name(&self.path), found },
            other => other,
        })
    }

    fn connect(&self) -> Result<(Connection, Migrated), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(&self.path, flags)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        recognise(&conn, self.schema, &self.path)?;
        self.configure(&conn)?;
        self.check(&conn)?;
        let migrated = migrate(&mut conn, self.schema, &self.path, self.at)?;
        Ok((conn, migrated))
    }

    fn configure(&self, conn: &Connection) -> Result<(), StoreError> {
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            let found = format!("its log mode is {mode} and cannot be changed");
            return Err(StoreError::Damaged { file: file_name(&self.path), found });
        }
        conn.pragma_update(
            None,
            "synchronous",
            match self.durability {
                Durability::EveryCommit => "FULL",
                Durability::Checkpoints => "NORMAL",
            },
        )?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "cell_size_check", true)?;
        // Deleted secrets and hashes are overwritten, not only unlinked.
        conn.pragma_update(None, "secure_delete", true)?;
        // Sorting never writes rows to files outside the state directory.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.pragma_update(None, "cache_size", -8192)?;
        conn.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
        Ok(())
    }

    fn check(&self, conn: &Connection) -> Result<(), StoreError> {
        let size =
            std::fs::metadata(&self.path).map_err(|e| StoreError::file("look at", &self.path, e))?.len();
        if size > self.check_up_to {
            return Ok(());
        }
        quick_check(conn)
    }
}

/// Reads every page once and compares what must agree.
pub(super) fn quick_check(conn: &Connection) -> Result<(), StoreError> {
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged { file: "the store".to_owned(), found })
}
