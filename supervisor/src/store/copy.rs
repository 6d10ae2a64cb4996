//! Whole copies of a database that can be trusted. `VACUUM INTO` that is cut off leaves a file which opens
//! cleanly and is empty or incomplete, so a copy gets its name only after it was compared with the original.

use super::error::StoreError;
use super::state_dir::remove_if_there;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a copy holds: enough to tell a complete one from an incomplete one later.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Inventory {
    pub(crate) application_id: i32,
    pub(crate) schema: u32,
    /// Rows by table.
    pub(crate) rows: BTreeMap<String, i64>,
}

/// Counts every table of a database.
pub(super) fn inventory(conn: &Connection) -> Result<Inventory, StoreError> {
    let mut names = conn.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let tables: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let quoted = table.replace('"', "\"\"");
        let n = conn.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |row| row.get(0))?;
        rows.insert(table, n);
    }
    Ok(Inventory {
        application_id: conn.query_row("PRAGMA application_id", [], |row| row.get(0))?,
        schema: conn.query_row("PRAGMA user_version", [], |row| row.get(0))?,
        rows,
    })
}

/// Copies a database to `target`: written as `target.tmp`, verified, synced, renamed, directory synced.
/// On any error there is no `target` that was not there before.
pub(super) fn copy_to(conn: &Connection, target: &Path) -> Result<Inventory, StoreError> {
    let draft = draft_of(target);
    remove_if_there(&draft).map_err(|e| StoreError::file("remove", &draft, e))?;
    let made = write_draft(conn, &draft).and_then(|held| publish(&draft, target).map(|()| held));
    if made.is_err() {
        // The draft is worthless now; that it cannot be removed adds nothing to the first error.
        let _kept = remove_if_there(&draft);
    }
    made
}

/// Opens a copy and tells what it holds. Anything that is not whole is refused.
pub(crate) fn verify(path: &Path) -> Result<Inventory, StoreError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::BadCopy { path: path.display().to_string(), reason: found });
    }
    inventory(&conn)
}

fn write_draft(conn: &Connection, draft: &Path) -> Result<Inventory, StoreError> {
    let name = draft.to_str().ok_or_else(|| StoreError::BadCopy {
        path: draft.display().to_string(),
        reason: "its path is not UTF-8".to_owned(),
    })?;
    conn.execute("VACUUM INTO ?1", [name])?;
    std::fs::set_permissions(draft, Permissions::from_mode(0o600))
        .map_err(|e| StoreError::file("make private", draft, e))?;
    let (held, wanted) = (verify(draft)?, inventory(conn)?);
    if held != wanted {
        let reason = format!("it holds {held:?}, the original {wanted:?}");
        return Err(StoreError::BadCopy { path: draft.display().to_string(), reason });
    }
    Ok(held)
}

fn publish(draft: &Path, target: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| File::open(path).and_then(|f| f.sync_all());
    sync(draft).map_err(|e| StoreError::file("sync", draft, e))?;
    std::fs::rename(draft, target).map_err(|e| StoreError::file("name", target, e))?;
    let dir = target.parent().unwrap_or(Path::new("."));
    sync(dir).map_err(|e| StoreError::file("sync", dir, e))
}

fn draft_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}
