//! The keys of providers, several each: label, health and cooldown. The key itself is a sealed secret at
//! [`super::SecretPlace::provider_key`], or a reference to a file or environment variable.

use super::check::Check;
use super::edit::{Edit, Expect, Note, View};
use super::error::{Object, StoreError, dangling, unique};
use super::words::{Json, ProviderId, ProviderKeyId, UnixMs, words};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

words! {
    /// What is known of a key's health.
    KeyState {
        /// Not used yet.
        Unproven = "unproven",
        Good = "good",
        /// Rested after a 429 or a lack of credit, until `cooldown_until`.
        Cooling = "cooling",
        /// The provider refused it (401, 403). Stays until a person changes or re-enables it.
        Rejected = "rejected",
    }
}

/// Where a key that is not stored here is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyReference {
    File(String),
    Env(String),
}

/// What an operator says about a key, the key itself excepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProviderKeySpec {
    pub(crate) label: String,
    /// The last characters of the key, at most 4, for people to tell keys apart; empty for short keys.
    pub(crate) tail: String,
    /// `None` = the key is sealed in the store.
    pub(crate) reference: Option<KeyReference>,
    pub(crate) enabled: bool,
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProviderKey {
    pub(crate) id: ProviderKeyId,
    pub(crate) provider_id: ProviderId,
    #[serde(flatten)]
    pub(crate) spec: ProviderKeySpec,
    pub(crate) state: KeyState,
    pub(crate) cooldown_until: Option<UnixMs>,
    /// Failures in a row.
    pub(crate) failures: i64,
    pub(crate) last_used_at: Option<UnixMs>,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

/// What was seen when a key was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOutcome {
    Worked,
    /// The provider asks to rest this key until then.
    Rest(UnixMs),
    Refused,
}

const SELECT: &str =
    "SELECT id, provider_id, label, tail, reference, enabled, state, cooldown_until, failures,
    last_used_at, version, created_at, updated_at FROM provider_keys";

impl ProviderKeySpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::ProviderKey);
        check.text("label", &self.label, 100);
        check.require(!self.label.is_empty(), "label", "must not be empty");
        let tail = self.tail.chars().count() <= 4 && self.tail.bytes().all(|b| b.is_ascii_graphic());
        check.require(tail, "tail", "must be at most 4 visible characters");
        match &self.reference {
            Some(KeyReference::File(path)) => {
                check.require(path.starts_with('/'), "reference.file", "must be an absolute path");
            }
            Some(KeyReference::Env(name)) => check.name("reference.env", name),
            None => {}
        }
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn provider_key(&self, id: ProviderKeyId) -> Result<ProviderKey, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::ProviderKey, id))
    }

    pub(crate) fn provider_keys(&self, provider: ProviderId) -> Result<Vec<ProviderKey>, StoreError> {
        self.all(&format!("{SELECT} WHERE provider_id = ?1 ORDER BY id"), [provider], from_row)
    }

    pub(crate) fn all_provider_keys(&self) -> Result<Vec<ProviderKey>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY provider_id, id"), [], from_row)
    }

    /// The keys that may be used now, the least recently used first; resting ones whose time is over count.
    pub(crate) fn usable_keys(
        &self,
        provider: ProviderId,
        at: UnixMs,
    ) -> Result<Vec<ProviderKey>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE provider_id = ?1 AND enabled AND state <> 'rejected'
             AND (state <> 'cooling' OR cooldown_until <= ?2) ORDER BY coalesce(last_used_at, 0), id"
        );
        self.all(&sql, (provider, at), from_row)
    }
}

impl Edit<'_> {
    /// Adds a key. A key without reference still needs its secret, in the same change.
    pub(crate) fn add_provider_key(
        &mut self,
        provider: ProviderId,
        spec: &ProviderKeySpec,
    ) -> Result<ProviderKey, StoreError> {
        spec.check()?;
        self.provider(provider)?;
        self.execute(
            "INSERT INTO provider_keys (provider_id, label, tail, reference, enabled, state, version, created_at,
             updated_at) VALUES (?1, ?2, ?3, ?4, ?5, 'unproven', 1, ?6, ?6)",
            params![provider, spec.label, spec.tail, spec.reference.as_ref().map(Json), spec.enabled, self.now()],
        )
        .map_err(unique(Object::ProviderKey, &spec.label))?;
        let made = self.provider_key(ProviderKeyId(self.conn.last_insert_rowid()))?;
        self.created(Object::ProviderKey, made.id, &spec.label, &made)?;
        Ok(made)
    }

    /// Replaces what is said about a key. Its health begins anew when it is enabled or its value changed.
    pub(crate) fn update_provider_key(
        &mut self,
        id: ProviderKeyId,
        expect: Expect,
        spec: &ProviderKeySpec,
    ) -> Result<ProviderKey, StoreError> {
        spec.check()?;
        let before = self.provider_key(id)?;
        expect.check(Object::ProviderKey, &before.spec.label, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE provider_keys SET label = ?2, tail = ?3, reference = ?4, enabled = ?5, state = 'unproven',
             cooldown_until = NULL, failures = 0, version = version + 1, updated_at = ?6 WHERE id = ?1",
            params![id, spec.label, spec.tail, spec.reference.as_ref().map(Json), spec.enabled, self.now()],
        )
        .map_err(unique(Object::ProviderKey, &spec.label))?;
        let after = self.provider_key(id)?;
        self.updated(Object::ProviderKey, id, &spec.label, (&before, &after))?;
        Ok(after)
    }

    /// The key has another value: its health begins anew.
    pub(crate) fn renew_provider_key(&mut self, id: ProviderKeyId) -> Result<(), StoreError> {
        self.execute(
            "UPDATE provider_keys SET state = 'unproven', cooldown_until = NULL, failures = 0,
             version = version + 1, updated_at = ?2 WHERE id = ?1",
            (id, self.now()),
        )?;
        Ok(())
    }

    /// Removes a key and its secret.
    pub(crate) fn delete_provider_key(
        &mut self,
        id: ProviderKeyId,
        expect: Expect,
    ) -> Result<(), StoreError> {
        let before = self.provider_key(id)?;
        expect.check(Object::ProviderKey, &before.spec.label, before.version)?;
        self.execute("DELETE FROM provider_keys WHERE id = ?1", [id])
            .map_err(dangling(Object::ProviderKey, id))?;
        self.deleted(Object::ProviderKey, id, &before.spec.label, &before)
    }
}

impl Note<'_> {
    /// Keeps what was seen of a key. A key that is gone meanwhile is no error.
    pub(crate) fn note_key(
        &mut self,
        id: ProviderKeyId,
        outcome: KeyOutcome,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let (state, until) = match outcome {
            KeyOutcome::Worked => (KeyState::Good, None),
            KeyOutcome::Rest(until) => (KeyState::Cooling, Some(until)),
            KeyOutcome::Refused => (KeyState::Rejected, None),
        };
        self.execute(
            "UPDATE provider_keys SET state = ?2, cooldown_until = ?3, last_used_at = max(coalesce(last_used_at, 0), ?4),
             failures = CASE ?2 WHEN 'good' THEN 0 ELSE failures + 1 END WHERE id = ?1",
            (id, state, until, at),
        )?;
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ProviderKey> {
    Ok(ProviderKey {
        id: row.get(0)?,
        provider_id: row.get(1)?,
        spec: ProviderKeySpec {
            label: row.get(2)?,
            tail: row.get(3)?,
            reference: row.get::<_, Option<Json<_>>>(4)?.map(|j| j.0),
            enabled: row.get(5)?,
        },
        state: row.get(6)?,
        cooldown_until: row.get(7)?,
        failures: row.get(8)?,
        last_used_at: row.get(9)?,
        version: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
    })
}
