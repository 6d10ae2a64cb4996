//! Public model names and the candidates behind them, in order.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, unique};
use super::words::{AliasId, Json, UnixMs};
use protocol::control::model::{AliasCandidate, AliasSpec};
use rusqlite::{Row, params};
use serde::Serialize;

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

const SELECT: &str =
    "SELECT id, name, enabled, note, candidates, version, created_at, updated_at FROM aliases";

/// Everything that is wrong with what is said about an alias, as far as one can see from that alone.
fn check(spec: &AliasSpec) -> Result<(), StoreError> {
    let mut check = Check::new(Object::Alias);
    check.model_name("name", &spec.name);
    check.text("note", &spec.note, 500);
    check.require((1..=64).contains(&spec.candidates.len()), "candidates", "must be 1 to 64");
    for (n, candidate) in spec.candidates.iter().enumerate() {
        check.name(&format!("candidates[{n}].provider"), &candidate.provider);
        check.model_name(&format!("candidates[{n}].model"), &candidate.model);
        let weight = (1..=1_000_000).contains(&candidate.weight);
        check.require(weight, &format!("candidates[{n}].weight"), "must be 1 to 1000000");
        let same = |c: &AliasCandidate| c.provider == candidate.provider && c.model == candidate.model;
        let again = spec.candidates[..n].iter().any(same);
        check.require(!again, &format!("candidates[{n}]"), "stands there twice");
    }
    check.finish()
}

impl View<'_> {
    pub(crate) fn alias(&self, id: AliasId) -> Result<Alias, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Alias, id))
    }

    pub(crate) fn alias_named(&self, name: &str) -> Result<Alias, StoreError> {
        self.one(&format!("{SELECT} WHERE name = ?1"), [name], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Alias, name))
    }

    pub(crate) fn aliases(&self) -> Result<Vec<Alias>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY name"), [], from_row)
    }
}

impl Edit<'_> {
    pub(crate) fn create_alias(&mut self, spec: &AliasSpec) -> Result<Alias, StoreError> {
        check(spec)?;
        self.execute(
            "INSERT INTO aliases (name, enabled, note, candidates, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)",
            params![spec.name, spec.enabled, spec.note, Json(&spec.candidates), self.now()],
        )
        .map_err(unique(Object::Alias, &spec.name))?;
        let made = self.alias(AliasId(self.conn.last_insert_rowid()))?;
        self.created(Object::Alias, made.id, &spec.name, &made)?;
        Ok(made)
    }

    pub(crate) fn update_alias(
        &mut self,
        id: AliasId,
        expect: Expect,
        spec: &AliasSpec,
    ) -> Result<Alias, StoreError> {
        check(spec)?;
        let before = self.alias(id)?;
        expect.check(Object::Alias, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE aliases SET name = ?2, enabled = ?3, note = ?4, candidates = ?5, version = version + 1,
             updated_at = ?6 WHERE id = ?1",
            params![id, spec.name, spec.enabled, spec.note, Json(&spec.candidates), self.now()],
        )
        .map_err(unique(Object::Alias, &spec.name))?;
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

    /// A provider has another name now.
    pub(super) fn rename_in_aliases(&mut self, old: &str, new: &str) -> Result<(), StoreError> {
        for alias in self.aliases()? {
            let mut spec = alias.spec.clone();
            let named = spec.candidates.iter_mut().filter(|candidate| candidate.provider == old);
            named.for_each(|candidate| new.clone_into(&mut candidate.provider));
            self.update_alias(alias.id, Expect::Any, &spec)?;
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
            candidates: row.get::<_, Json<_>>(4)?.0,
        },
        version: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}
