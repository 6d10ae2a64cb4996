//! Reads `llm_link.db` of an earlier, unreleased version, for its import. Opened read-only: it belongs to another
//! program.

use super::error::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Most rows anybody can have typed.
const MOST: usize = 10_000;

/// What is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) providers: Vec<ForeignProvider>,
    /// Name and value.
    pub(crate) settings: Vec<(String, String)>,
    /// Tables of which nothing is known.
    pub(crate) other_tables: Vec<String>,
}

/// A row of its table of providers.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ForeignProvider {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// JSON; holds the key in clear.
    pub(crate) config: String,
    pub(crate) enabled: bool,
    /// Higher first.
    pub(crate) priority: i64,
}

/// Shows no key.
impl std::fmt::Debug for ForeignProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}), priority {}", self.name, self.kind, self.priority)
    }
}

/// Everything in it that can be imported.
pub(crate) fn read(path: &Path) -> Result<Foreign, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    let mut rows = conn.prepare(
        "SELECT name, type, config, COALESCE(enabled, 1), COALESCE(priority, 0) FROM providers \
         ORDER BY priority DESC, created_at, id",
    )?;
    let provider = |row: &rusqlite::Row<'_>| {
        Ok(ForeignProvider {
            name: row.get(0)?,
            kind: row.get(1)?,
            config: row.get(2)?,
            enabled: row.get(3)?,
            priority: row.get(4)?,
        })
    };
    let providers = rows.query_map([], provider)?.take(MOST).collect::<Result<_, _>>()?;
    let tables = tables(&conn)?;
    let settings = if tables.iter().any(|name| name == "config") { settings(&conn)? } else { Vec::new() };
    let known = ["providers", "config"];
    let other_tables = tables.into_iter().filter(|name| !known.contains(&name.as_str())).collect();
    Ok(Foreign { providers, settings, other_tables })
}

fn settings(conn: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let mut rows = conn.prepare("SELECT key, value FROM config ORDER BY key")?;
    let pairs = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(pairs.take(MOST).collect::<Result<_, _>>()?)
}

/// Those that a program made; SQLite's own and those of a migration tool are nobody's settings.
fn tables(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut names = conn.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT LIKE '_sqlx_%' ORDER BY name",
    )?;
    let names = names.query_map([], |row| row.get(0))?;
    Ok(names.take(MOST).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_tables_are_read_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("llm_link.db");
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "CREATE TABLE providers(id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(50) UNIQUE NOT NULL, \
             type VARCHAR(20) NOT NULL, config TEXT NOT NULL, enabled BOOLEAN DEFAULT true, priority INTEGER DEFAULT 0, \
             created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP); \
             CREATE TABLE config(key TEXT PRIMARY KEY, value TEXT NOT NULL, created_at TIMESTAMP, updated_at TIMESTAMP); \
             INSERT INTO config(key, value) VALUES ('version', '1.0.0'), ('setup_completed', 'true'); \
             INSERT INTO providers(name, type, config, enabled, priority) VALUES \
             ('a', 'openai', '{\"api_key\":\"sk-1\"}', 1, 0), ('b', 'zhipu', '{}', 0, 5);",
        )
        .unwrap();
        let found = read(&path).unwrap();
        assert!(found.other_tables.is_empty());
        let names: Vec<_> =
            found.providers.iter().map(|p| (p.name.as_str(), p.enabled, p.priority)).collect();
        assert_eq!(names, [("b", false, 5), ("a", true, 0)]);
        assert_eq!(found.settings[0], ("setup_completed".to_owned(), "true".to_owned()));
        assert!(!format!("{found:?}").contains("sk-1"));
        assert!(read(&dir.path().join("missing.db")).is_err());
    }
}
