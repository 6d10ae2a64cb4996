//! The three ways to use the configuration database, each one transaction: a [`View`] reads, an [`Edit`]
//! changes what an operator decided (next epoch, audit rows), a [`Note`] keeps what the program observed.
//! The tables' own files add their functions to these types; none of them commits.

use super::error::{Object, StoreError};
use super::words::{UnixMs, words};
use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde_json::Value;
use std::ops::Deref;

words! {
    /// What kind of actor did something.
    ActorKind {
        User = "user",
        CommandLine = "command_line",
        /// A configuration file.
        File = "file",
        System = "system",
        /// Somebody who has not logged in.
        Anonymous = "anonymous",
    }

    /// What was done to an object.
    Verb {
        Create = "create",
        Update = "update",
        Delete = "delete",
        Rotate = "rotate",
        Revoke = "revoke",
        Login = "login",
        LoginRefused = "login_refused",
        Logout = "logout",
    }
}

/// Who does something, when, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: UnixMs,
    pub(crate) actor_kind: ActorKind,
    /// The user's name, the uid of the command line, the file's path.
    pub(crate) actor: String,
    /// The client's address or the request's id, as far as there is one.
    pub(crate) origin: String,
}

/// Which version of a row the caller has seen (`If-Match`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Any,
    Version(i64),
}

/// A consistent view of the configuration.
pub(crate) struct View<'c> {
    pub(super) conn: &'c Connection,
}

/// A change in the making. It becomes the next epoch if anything in it differs from what was there.
pub(crate) struct Edit<'c> {
    view: View<'c>,
    by: &'c Stamp,
    epoch: i64,
    changes: u32,
}

/// Observations in the making: no epoch.
pub(crate) struct Note<'c> {
    view: View<'c>,
}

impl Expect {
    /// `Stale` unless the version is the one the caller has seen.
    pub(super) fn check(self, object: Object, name: &str, found: i64) -> Result<(), StoreError> {
        match self {
            Expect::Version(expected) if expected != found => {
                Err(StoreError::Stale { object, name: name.to_owned(), expected, found })
            }
            Expect::Version(_) | Expect::Any => Ok(()),
        }
    }
}

impl<'c> View<'c> {
    pub(super) fn new(conn: &'c Connection) -> View<'c> {
        View { conn }
    }

    /// The number of the configuration; 0 = nothing was ever changed.
    pub(crate) fn epoch(&self) -> Result<i64, StoreError> {
        Ok(self.conn.query_row("SELECT number FROM epoch", [], |row| row.get(0))?)
    }

    /// All rows of a statement.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        from_row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params, from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The first row of a statement, if it has one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        from_row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        Ok(rows.next()?.map(from_row).transpose()?)
    }

    /// Rows a statement changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(params)
    }
}

impl<'c> Edit<'c> {
    pub(super) fn begin(conn: &'c Connection, by: &'c Stamp) -> Result<Edit<'c>, StoreError> {
        let view = View::new(conn);
        let epoch = view.epoch()? + 1;
        Ok(Edit { view, by, epoch, changes: 0 })
    }

    /// The epoch this change becomes. Also the version of rows that can come back under the same name: a counter
    /// of their own would begin again and let an old `If-Match` pass.
    pub(super) fn next_epoch(&self) -> i64 {
        self.epoch
    }

    /// When the change is made.
    pub(super) fn now(&self) -> UnixMs {
        self.by.at
    }

    /// Makes this the next epoch, if it changes anything. The caller commits.
    pub(super) fn finish(self) -> Result<Effect, StoreError> {
        if self.changes == 0 {
            return Ok(Effect { epoch: self.epoch - 1, changes: 0 });
        }
        super::invariants::check(&self)?;
        let Edit { view, by, epoch, changes } = self;
        view.execute("UPDATE epoch SET number = ?1, changed_at = ?2", (epoch, by.at))?;
        Ok(Effect { epoch, changes })
    }

    pub(super) fn created(
        &mut self,
        object: Object,
        id: impl ToString,
        name: &str,
        after: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.changed(Verb::Create, (object, id.to_string(), name), None, Some(shown(after)?))
    }

    pub(super) fn updated(
        &mut self,
        object: Object,
        id: impl ToString,
        name: &str,
        rows: (&impl Serialize, &impl Serialize),
    ) -> Result<(), StoreError> {
        let (before, after) = (Some(shown(rows.0)?), Some(shown(rows.1)?));
        self.changed(Verb::Update, (object, id.to_string(), name), before, after)
    }

    pub(super) fn deleted(
        &mut self,
        object: Object,
        id: impl ToString,
        name: &str,
        before: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.changed(Verb::Delete, (object, id.to_string(), name), Some(shown(before)?), None)
    }

    /// Counts one change and writes its audit row.
    pub(super) fn changed(
        &mut self,
        verb: Verb,
        (object, id, name): (Object, String, &str),
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<(), StoreError> {
        self.changes += 1;
        let entry = super::audit::Entry { verb, object, id, name: name.to_owned(), before, after };
        super::audit::insert(&self.view, self.by, Some(self.epoch), &entry)
    }
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The epoch now in force.
    pub(crate) epoch: i64,
    /// Rows changed; 0 = everything was as asked already and the epoch is the old one.
    pub(crate) changes: u32,
}

impl<'c> Note<'c> {
    pub(super) fn new(conn: &'c Connection) -> Note<'c> {
        Note { view: View::new(conn) }
    }
}

impl<'c> Deref for Edit<'c> {
    type Target = View<'c>;

    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

impl<'c> Deref for Note<'c> {
    type Target = View<'c>;

    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

/// A row as the audit log shows it. Row types hold no secret, so neither does this.
fn shown(row: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(row).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()).into())
}
