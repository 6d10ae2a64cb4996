//! Public model names and the candidates behind them, in order.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, dangling, unique};
use super::words::{AliasId, ProviderId, UnixMs};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

/// A (provider, model) pair that may serve calls to an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AliasCandidate {
    pub(crate) provider_id: ProviderId,
    /// The provider's own id of the model.
    pub(crate) model: String,
    /// Share under the `weighted` rule, 1 or more.
    pub(crate) weight: u32,
}

/// What an operator says about an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AliasSpec {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    /// For people.
    pub(crate) note: String,
    pub(crate) candidates: Vec<AliasCandidate>,
}

/// A stored alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Alias {
    pub(crate) id: AliasId,
    #[serde(flatten)]
    pub(crate) spec: AliasSpec,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

const SELECT: &str = "SELECT id, name, enabled, note, version, created_at, updated_at FROM aliases";

impl AliasSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::Alias);
        check.model_name("name", &self.name);
        check.text("note", &self.note, 500);
        check.require((1..=64).contains(&self.candidates.len()), "candidates", "must be 1 to 64");
        for (n, candidate) in self.candidates.iter().enumerate() {
            check.model_name(&format!("candidates[{n}].model"), &candidate.model);
            let weight = (1..=1_000_000).contains(&candidate.weight);
            check.require(weight, &format!("candidates[{n}].weight"), "must be 1 to 1000000");
            let again = self.candidates[..n]
                .iter()
                .any(|c| c.provider_id == candidate.provider_id && c.model == candidate.model);
            check.require(!again, &format!("candidates[{n}]"), "stands there twice");
        }
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn alias(&self, id: AliasId) -> Result<Alias, StoreError> {
        let found = self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?;
        self.with_candidates(found, &id.to_string())
    }

    pub(crate) fn alias_named(&self, name: &str) -> Result<Alias, StoreError> {
        let found = self.one(&format!("{SELECT} WHERE name = ?1"), [name], from_row)?;
        self.with_candidates(found, name)
    }

    pub(crate) fn aliases(&self) -> Result<Vec<Alias>, StoreError> {
        let mut found = self.all(&format!("{SELECT} ORDER BY name"), [], from_row)?;
        for alias in &mut found {
            alias.spec.candidates = self.candidates(alias.id)?;
        }
        Ok(found)
    }

    fn with_candidates(&self, found: Option<Alias>, name: &str) -> Result<Alias, StoreError> {
        let mut alias = found.ok_or_else(|| StoreError::not_found(Object::Alias, name))?;
        alias.spec.candidates = self.candidates(alias.id)?;
        Ok(alias)
    }

    fn candidates(&self, id: AliasId) -> Result<Vec<AliasCandidate>, StoreError> {
        let sql =
            "SELECT provider_id, model, weight FROM alias_candidates WHERE alias_id = ?1 ORDER BY position";
        self.all(sql, [id], |row| {
            Ok(AliasCandidate { provider_id: row.get(0)?, model: row.get(1)?, weight: row.get(2)? })
        })
    }
}

impl Edit<'_> {
    pub(crate) fn create_alias(&mut self, spec: &AliasSpec) -> Result<Alias, StoreError> {
        spec.check()?;
        self.execute(
            "INSERT INTO aliases (name, enabled, note, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, 1, ?4, ?4)",
            params![spec.name, spec.enabled, spec.note, self.now()],
        )
        .map_err(unique(Object::Alias, &spec.name))?;
        let id = AliasId(self.conn.last_insert_rowid());
        self.write_candidates(id, &spec.candidates)?;
        let made = self.alias(id)?;
        self.created(Object::Alias, id, &spec.name, &made)?;
        Ok(made)
    }

    pub(crate) fn update_alias(
        &mut self,
        id: AliasId,
        expect: Expect,
        spec: &AliasSpec,
    ) -> Result<Alias, StoreError> {
        spec.check()?;
        let before = self.alias(id)?;
        expect.check(Object::Alias, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE aliases SET name = ?2, enabled = ?3, note = ?4, version = version + 1, updated_at = ?5
             WHERE id = ?1",
            params![id, spec.name, spec.enabled, spec.note, self.now()],
        )
        .map_err(unique(Object::Alias, &spec.name))?;
        self.execute("DELETE FROM alias_candidates WHERE alias_id = ?1", [id])?;
        self.write_candidates(id, &spec.candidates)?;
        let after = self.alias(id)?;
        self.updated(Object::Alias, id, &spec.name, (&before, &after))?;
        Ok(after)
    }

    pub(crate) fn delete_alias(&mut self, id: AliasId, expect: Expect) -> Result<(), StoreError> {
        let before = self.alias(id)?;
        expect.check(Object::Alias, &before.spec.name, before.version)?;
        self.execute("DELETE FROM aliases WHERE id = ?1", [id])?;
        self.deleted(Object::Alias, id, &before.spec.name, &before)
    }

    fn write_candidates(&self, id: AliasId, candidates: &[AliasCandidate]) -> Result<(), StoreError> {
        let sql = "INSERT INTO alias_candidates (alias_id, position, provider_id, model, weight)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        for (position, candidate) in (0_i64..).zip(candidates) {
            let AliasCandidate { provider_id, model, weight } = candidate;
            self.execute(sql, (id, position, provider_id, model, weight))
                .map_err(dangling(Object::Provider, provider_id))?;
        }
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Alias> {
    Ok(Alias {
        id: row.get(0)?,
        spec: AliasSpec {
            name: row.get(1)?,
            enabled: row.get(2)?,
            note: row.get(3)?,
            candidates: Vec::new(),
        },
        version: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}
