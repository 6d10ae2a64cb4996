//! The keys of apps. Only the SHA-256 of a key is here, and its first characters for people; hashes do not
//! appear in the audit log.

use super::check::Check;
use super::edit::{Edit, Note, Verb, View};
use super::error::{Object, StoreError, unique};
use super::page::{Clause, Page};
use super::words::{AppId, AppKeyId, UnixMs};
use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A key to keep.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NewAppKey {
    pub(crate) label: String,
    /// The first characters of the key, at most 12: enough to recognise it, too few to use it.
    pub(crate) prefix: String,
    /// SHA-256 of the whole key.
    pub(crate) hash: [u8; 32],
    pub(crate) expires_at: Option<UnixMs>,
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AppKey {
    pub(crate) id: AppKeyId,
    pub(crate) app_id: AppId,
    pub(crate) label: String,
    pub(crate) prefix: String,
    #[serde(skip)]
    pub(crate) hash: [u8; 32],
    pub(crate) expires_at: Option<UnixMs>,
    pub(crate) revoked_at: Option<UnixMs>,
    pub(crate) last_used_at: Option<UnixMs>,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

/// When a key was used, as the record names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyUsed {
    pub(crate) app: String,
    /// See [`labels`].
    pub(crate) label: String,
}

/// What the keys of one app are called outside the store: by their label, and one whose label is taken or empty by
/// its number too.
pub(crate) fn labels(keys: &[&AppKey]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let label = |key: &&AppKey| {
        let plain = if key.label.is_empty() { format!("key-{}", key.id) } else { key.label.clone() };
        if taken.insert(plain.clone()) { plain } else { format!("{plain}-{}", key.id) }
    };
    keys.iter().map(label).collect()
}

const SELECT: &str = "SELECT id, app_id, label, prefix, hash, expires_at, revoked_at, last_used_at, version,
    created_at, updated_at FROM app_keys";

impl View<'_> {
    pub(crate) fn app_key(&self, id: AppKeyId) -> Result<AppKey, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::AppKey, id))
    }

    /// Keys of one app, or of all, newest first.
    pub(crate) fn app_keys(
        &self,
        app: Option<AppId>,
        page: Page<AppKeyId>,
    ) -> Result<Vec<AppKey>, StoreError> {
        let mut clause = Clause::new();
        clause.equal("app_id", app);
        clause.below("id", page.before);
        let sql = format!("{SELECT} {} ORDER BY id DESC LIMIT {}", clause.sql(), page.limit());
        self.all(&sql, clause.params(), from_row)
    }

    /// When each key was last used, of those that were.
    pub(crate) fn app_keys_used(&self) -> Result<HashMap<AppKeyId, UnixMs>, StoreError> {
        let sql = "SELECT id, last_used_at FROM app_keys WHERE last_used_at IS NOT NULL";
        let used = self.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(used.into_iter().collect())
    }

    /// The same for keys in the configuration file.
    pub(crate) fn file_keys_used(&self) -> Result<HashMap<KeyUsed, UnixMs>, StoreError> {
        let used = self.all("SELECT app, label, last_used_at FROM file_keys", [], |row| {
            Ok((KeyUsed { app: row.get(0)?, label: row.get(1)? }, row.get(2)?))
        })?;
        Ok(used.into_iter().collect())
    }

    /// Every key that opens something at an instant: not revoked, not expired.
    pub(crate) fn live_app_keys(&self, at: UnixMs) -> Result<Vec<AppKey>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1) ORDER BY app_id, id"
        );
        self.all(&sql, [at], from_row)
    }
}

impl Edit<'_> {
    pub(crate) fn add_app_key(&mut self, app: AppId, key: &NewAppKey) -> Result<AppKey, StoreError> {
        let mut check = Check::new(Object::AppKey);
        check.text("label", &key.label, 100);
        check.require(key.prefix.chars().count() <= 12, "prefix", "must be at most 12 characters");
        let later = key.expires_at.is_none_or(|at| at > self.now());
        check.require(later, "expires_at", "must be in the future");
        check.finish()?;
        let app = self.app(app)?;
        self.execute(
            "INSERT INTO app_keys (app_id, label, prefix, hash, expires_at, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)",
            params![app.id, key.label, key.prefix, key.hash, key.expires_at, self.now()],
        )
        .map_err(unique(Object::AppKey, &key.label))?;
        let made = self.app_key(AppKeyId(self.conn.last_insert_rowid()))?;
        self.created(Object::AppKey, made.id, &app.spec.name, &made)?;
        Ok(made)
    }

    /// Ends a key for good; it stays in the list. Revoking twice is the same as once.
    pub(crate) fn revoke_app_key(&mut self, id: AppKeyId) -> Result<AppKey, StoreError> {
        let before = self.app_key(id)?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        self.execute(
            "UPDATE app_keys SET revoked_at = ?2, version = version + 1, updated_at = ?2 WHERE id = ?1",
            (id, self.now()),
        )?;
        let after = self.app_key(id)?;
        let app = self.app(after.app_id)?.spec.name;
        let (before, shown) = (json!({ "revoked_at": null }), json!({ "revoked_at": after.revoked_at }));
        self.changed(Verb::Revoke, (Object::AppKey, id.to_string(), &app), Some(before), Some(shown))?;
        Ok(after)
    }

    /// Gives a key an end; one that comes sooner stays.
    pub(crate) fn end_app_key(&mut self, id: AppKeyId, ends: UnixMs) -> Result<AppKey, StoreError> {
        let before = self.app_key(id)?;
        let sooner = before.expires_at.is_some_and(|at| at <= ends) || before.revoked_at.is_some();
        if sooner {
            return Ok(before);
        }
        self.execute(
            "UPDATE app_keys SET expires_at = ?2, version = version + 1, updated_at = ?3 WHERE id = ?1",
            (id, ends, self.now()),
        )?;
        let after = self.app_key(id)?;
        let app = self.app(after.app_id)?.spec.name;
        self.updated(Object::AppKey, id, &app, (&before, &after))?;
        Ok(after)
    }

    /// Removes a key from the list too.
    pub(crate) fn delete_app_key(&mut self, id: AppKeyId) -> Result<(), StoreError> {
        let before = self.app_key(id)?;
        let app = self.app(before.app_id)?.spec.name;
        self.execute("DELETE FROM app_keys WHERE id = ?1", [id])?;
        self.deleted(Object::AppKey, id, &app, &before)
    }
}

impl Note<'_> {
    /// The same for keys as the record names them; what is none of a stored app's is one of the file's.
    pub(crate) fn note_labels_used(
        &mut self,
        used: &BTreeMap<KeyUsed, UnixMs>,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let apps: BTreeSet<&str> = used.keys().map(|key| key.app.as_str()).collect();
        let mut found = Vec::with_capacity(used.len());
        let mut others = used.clone();
        for app in apps {
            let sql = format!(
                "{SELECT} WHERE app_id = (SELECT id FROM apps WHERE name = ?1) AND revoked_at IS NULL
                 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY id"
            );
            let keys = self.all(&sql, (app, now), from_row)?;
            let keys: Vec<&AppKey> = keys.iter().collect();
            for (key, label) in keys.iter().zip(labels(&keys)) {
                let named = KeyUsed { app: app.to_owned(), label };
                found.extend(others.remove(&named).map(|at| (key.id, at)));
            }
        }
        self.note_file_keys_used(&others)?;
        self.note_app_keys_used(&found)
    }

    /// What is not stored stands in the configuration file.
    fn note_file_keys_used(&mut self, used: &BTreeMap<KeyUsed, UnixMs>) -> Result<(), StoreError> {
        let sql = "INSERT INTO file_keys (app, label, last_used_at) VALUES (?1, ?2, ?3)
                   ON CONFLICT (app, label) DO UPDATE SET last_used_at = max(last_used_at, ?3)";
        for (KeyUsed { app, label }, at) in used {
            self.execute(sql, (app, label, at))?;
        }
        Ok(())
    }

    /// Forgets those that nobody has used since then.
    pub(super) fn prune_file_keys(&mut self, before: UnixMs, most: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM file_keys WHERE (app, label) IN
                   (SELECT app, label FROM file_keys WHERE last_used_at < ?1 LIMIT ?2)";
        Ok(self.execute(sql, (before, most))?)
    }

    /// Keeps when keys were last used; collected by the caller and written now and then. Never goes back.
    pub(crate) fn note_app_keys_used(&mut self, used: &[(AppKeyId, UnixMs)]) -> Result<(), StoreError> {
        let sql = "UPDATE app_keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1";
        for (id, at) in used {
            self.execute(sql, (id, at))?;
        }
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AppKey> {
    Ok(AppKey {
        id: row.get(0)?,
        app_id: row.get(1)?,
        label: row.get(2)?,
        prefix: row.get(3)?,
        hash: row.get(4)?,
        expires_at: row.get(5)?,
        revoked_at: row.get(6)?,
        last_used_at: row.get(7)?,
        version: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}
