//! The models each provider serves: facts, deprecation and what replaces them. Prices are in [`super::prices`].

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, unique};
use super::words::{Json, ModelId, ProviderId, UnixMs, words};
use protocol::ipc::configure::ModelFacts;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

words! {
    /// Who says that a provider has a model.
    ModelSource {
        Manual = "manual",
        Preset = "preset",
        /// The provider's own list.
        Discovered = "discovered",
    }
}

/// What is said about a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelSpec {
    /// The provider's own id.
    pub(crate) name: String,
    /// The provider's name of this version, if it has one (`2025-10-24`).
    pub(crate) model_version: Option<String>,
    pub(crate) source: ModelSource,
    pub(crate) enabled: bool,
    pub(crate) facts: ModelFacts,
    pub(crate) deprecated: bool,
    /// From then on calls move to an alternative.
    pub(crate) sunset: Option<UnixMs>,
    /// What to use instead, in order: `model` or `provider/model`.
    pub(crate) alternatives: Vec<String>,
}

/// A stored model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Model {
    pub(crate) id: ModelId,
    pub(crate) provider_id: ProviderId,
    #[serde(flatten)]
    pub(crate) spec: ModelSpec,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

const SELECT: &str =
    "SELECT id, provider_id, name, model_version, source, enabled, facts, deprecated, sunset,
    alternatives, version, created_at, updated_at FROM models";

impl ModelSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::Model);
        check.model_name("name", &self.name);
        for name in &self.alternatives {
            check.model_name("alternatives", name);
            check.require(*name != self.name, "alternatives", "must not name the model itself");
        }
        check.require(self.facts.context != Some(0), "facts.context", "must be greater than 0");
        check.require(self.sunset.is_none() || self.deprecated, "sunset", "needs `deprecated`");
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn model(&self, id: ModelId) -> Result<Model, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Model, id))
    }

    pub(crate) fn model_named(&self, provider: ProviderId, name: &str) -> Result<Model, StoreError> {
        self.one(&format!("{SELECT} WHERE provider_id = ?1 AND name = ?2"), (provider, name), from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Model, name))
    }

    pub(crate) fn models(&self, provider: ProviderId) -> Result<Vec<Model>, StoreError> {
        self.all(&format!("{SELECT} WHERE provider_id = ?1 ORDER BY name"), [provider], from_row)
    }

    pub(crate) fn all_models(&self) -> Result<Vec<Model>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY provider_id, name"), [], from_row)
    }
}

impl Edit<'_> {
    pub(crate) fn create_model(
        &mut self,
        provider: ProviderId,
        spec: &ModelSpec,
    ) -> Result<Model, StoreError> {
        spec.check()?;
        self.provider(provider)?;
        self.execute(
            "INSERT INTO models (provider_id, name, model_version, source, enabled, facts, deprecated, sunset,
             alternatives, version, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10)",
            params![
                provider,
                spec.name,
                spec.model_version,
                spec.source,
                spec.enabled,
                Json(&spec.facts),
                spec.deprecated,
                spec.sunset,
                Json(&spec.alternatives),
                self.now(),
            ],
        )
        .map_err(unique(Object::Model, &spec.name))?;
        let made = self.model(ModelId(self.conn.last_insert_rowid()))?;
        self.created(Object::Model, made.id, &spec.name, &made)?;
        Ok(made)
    }

    pub(crate) fn update_model(
        &mut self,
        id: ModelId,
        expect: Expect,
        spec: &ModelSpec,
    ) -> Result<Model, StoreError> {
        spec.check()?;
        let before = self.model(id)?;
        expect.check(Object::Model, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE models SET name = ?2, model_version = ?3, source = ?4, enabled = ?5, facts = ?6, deprecated = ?7,
             sunset = ?8, alternatives = ?9, version = version + 1, updated_at = ?10 WHERE id = ?1",
            params![
                id,
                spec.name,
                spec.model_version,
                spec.source,
                spec.enabled,
                Json(&spec.facts),
                spec.deprecated,
                spec.sunset,
                Json(&spec.alternatives),
                self.now(),
            ],
        )
        .map_err(unique(Object::Model, &spec.name))?;
        let after = self.model(id)?;
        self.updated(Object::Model, id, &spec.name, (&before, &after))?;
        Ok(after)
    }

    pub(crate) fn delete_model(&mut self, id: ModelId, expect: Expect) -> Result<(), StoreError> {
        let before = self.model(id)?;
        expect.check(Object::Model, &before.spec.name, before.version)?;
        self.execute("DELETE FROM models WHERE id = ?1", [id])?;
        self.deleted(Object::Model, id, &before.spec.name, &before)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Model> {
    Ok(Model {
        id: row.get(0)?,
        provider_id: row.get(1)?,
        spec: ModelSpec {
            name: row.get(2)?,
            model_version: row.get(3)?,
            source: row.get(4)?,
            enabled: row.get(5)?,
            facts: row.get::<_, Json<_>>(6)?.0,
            deprecated: row.get(7)?,
            sunset: row.get(8)?,
            alternatives: row.get::<_, Json<_>>(9)?.0,
        },
        version: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
    })
}
