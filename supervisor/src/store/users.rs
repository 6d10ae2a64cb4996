//! People who may log in: their password hash, what they may do, and how logging in went lately. Hashes appear
//! neither in the audit log nor in anything serialised.

use super::check::Check;
use super::edit::{Edit, Expect, Note, Verb, View};
use super::error::{Object, StoreError, unique};
use super::words::{Json, UnixMs, UserId, words};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

words! {
    /// What a person may do.
    Permission {
        ViewProviders = "ViewProviders",
        EditProviders = "EditProviders",
        ViewMetrics = "ViewMetrics",
        /// Users, listeners, backups, master key.
        SystemConfig = "SystemConfig",
    }
}

/// What an operator says about a user, the password excepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserSpec {
    pub(crate) name: String,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) enabled: bool,
}

/// An argon2id hash in PHC form. No `Debug`, no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) String);

/// A stored user.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct User {
    pub(crate) id: UserId,
    #[serde(flatten)]
    pub(crate) spec: UserSpec,
    #[serde(skip)]
    pub(crate) password: PasswordHash,
    pub(crate) failed_logins: i64,
    pub(crate) locked_until: Option<UnixMs>,
    pub(crate) last_login_at: Option<UnixMs>,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

/// How a login went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    Accepted,
    /// Wrong password; no further try before that instant.
    Refused {
        locked_until: Option<UnixMs>,
    },
}

const SELECT: &str =
    "SELECT id, name, permissions, enabled, password, failed_logins, locked_until, last_login_at,
    version, created_at, updated_at FROM users";

impl UserSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::User);
        check.name("name", &self.name);
        let mut sorted = self.permissions.clone();
        sorted.sort_unstable();
        sorted.dedup();
        check.require(sorted.len() == self.permissions.len(), "permissions", "must not name one twice");
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::User, id))
    }

    pub(crate) fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.one(&format!("{SELECT} WHERE name = ?1"), [name], from_row)
    }

    pub(crate) fn users(&self) -> Result<Vec<User>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY name"), [], from_row)
    }

    fn administrators(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM users u WHERE u.enabled
                   AND EXISTS (SELECT 1 FROM json_each(u.permissions) WHERE value = 'SystemConfig')";
        Ok(self.one(sql, [], |row| row.get(0))?.unwrap_or(0))
    }
}

impl Edit<'_> {
    pub(crate) fn create_user(
        &mut self,
        spec: &UserSpec,
        password: &PasswordHash,
    ) -> Result<User, StoreError> {
        spec.check()?;
        self.execute(
            "INSERT INTO users (name, permissions, enabled, password, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)",
            params![spec.name, Json(&spec.permissions), spec.enabled, password.0, self.now()],
        )
        .map_err(unique(Object::User, &spec.name))?;
        let made = self.user(UserId(self.conn.last_insert_rowid()))?;
        self.created(Object::User, made.id, &spec.name, &made)?;
        Ok(made)
    }

    /// Replaces what is said about a user. The last one with `SystemConfig` keeps it: nobody could give it back.
    pub(crate) fn update_user(
        &mut self,
        id: UserId,
        expect: Expect,
        spec: &UserSpec,
    ) -> Result<User, StoreError> {
        spec.check()?;
        let before = self.user(id)?;
        expect.check(Object::User, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        let administrators = self.administrators()?;
        self.execute(
            "UPDATE users SET name = ?2, permissions = ?3, enabled = ?4, version = version + 1, updated_at = ?5
             WHERE id = ?1",
            params![id, spec.name, Json(&spec.permissions), spec.enabled, self.now()],
        )
        .map_err(unique(Object::User, &spec.name))?;
        self.keep_an_administrator(administrators)?;
        let after = self.user(id)?;
        self.updated(Object::User, id, &spec.name, (&before, &after))?;
        Ok(after)
    }

    /// Sets another password and ends every session of the user but the one to keep.
    pub(crate) fn set_password(
        &mut self,
        id: UserId,
        password: &PasswordHash,
        keep: Option<&str>,
    ) -> Result<(), StoreError> {
        let name = self.user(id)?.spec.name;
        self.execute(
            "UPDATE users SET password = ?2, failed_logins = 0, locked_until = NULL, version = version + 1,
             updated_at = ?3 WHERE id = ?1",
            (id, &password.0, self.now()),
        )?;
        self.execute(
            "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL AND id IS NOT ?3",
            (id, self.now(), keep),
        )?;
        let shown = Some(json!({ "password": "changed" }));
        self.changed(Verb::Rotate, (Object::User, id.to_string(), &name), None, shown)
    }

    /// Removes a user with their sessions; not the last one with `SystemConfig`.
    pub(crate) fn delete_user(&mut self, id: UserId, expect: Expect) -> Result<(), StoreError> {
        let before = self.user(id)?;
        expect.check(Object::User, &before.spec.name, before.version)?;
        let administrators = self.administrators()?;
        self.execute("DELETE FROM users WHERE id = ?1", [id])?;
        self.keep_an_administrator(administrators)?;
        self.deleted(Object::User, id, &before.spec.name, &before)
    }

    fn keep_an_administrator(&self, before: i64) -> Result<(), StoreError> {
        let mut check = Check::new(Object::User);
        let kept = before == 0 || self.administrators()? > 0;
        check.require(kept, "permissions", "must leave one enabled user with `SystemConfig`");
        check.finish()
    }
}

impl Note<'_> {
    /// Keeps another hash of the same password, unless the password was changed meanwhile.
    pub(crate) fn rehash(
        &mut self,
        id: UserId,
        before: &PasswordHash,
        after: &PasswordHash,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE users SET password = ?3 WHERE id = ?1 AND password = ?2",
            (id, &before.0, &after.0),
        )?;
        Ok(())
    }

    /// Keeps how a login went.
    pub(crate) fn note_login(
        &mut self,
        id: UserId,
        outcome: LoginOutcome,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        match outcome {
            LoginOutcome::Accepted => self.execute(
                "UPDATE users SET failed_logins = 0, locked_until = NULL, last_login_at = ?2 WHERE id = ?1",
                (id, at),
            )?,
            LoginOutcome::Refused { locked_until } => self.execute(
                "UPDATE users SET failed_logins = failed_logins + 1, locked_until = ?2 WHERE id = ?1",
                (id, locked_until),
            )?,
        };
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        spec: UserSpec { name: row.get(1)?, permissions: row.get::<_, Json<_>>(2)?.0, enabled: row.get(3)? },
        password: PasswordHash(row.get(4)?),
        failed_logins: row.get(5)?,
        locked_until: row.get(6)?,
        last_login_at: row.get(7)?,
        version: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}
