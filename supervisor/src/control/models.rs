//! Models, their prices and the public names in front of them: listed, saved, removed.

use super::means::{Means, expect, source};
use super::view::models;
use crate::people::Actor;
use crate::settings::SpotKind;
use crate::store::edit::Expect;
use crate::store::models::{ModelSource, ModelSpec as Row};
use crate::store::prices::PriceSpec as PriceRow;
use crate::store::words::PriceId;
use crate::store::{Edit, StoreError, UnixMs};
use protocol::control::answer::Now;
use protocol::control::model::{AliasCandidate, AliasSpec, AliasView, ModelSpec, ModelView, PriceSpec};
use protocol::control::{ControlReply, ControlRequest, Refusal, RefusalKind};

/// See the module.
pub(crate) struct Models {
    means: Means,
}

impl Models {
    pub(crate) fn new(means: Means) -> Models {
        Models { means }
    }

    /// Answers what is about models, prices and aliases.
    pub(crate) async fn answer(
        &self,
        actor: &Actor,
        request: ControlRequest,
    ) -> Result<ControlReply, Refusal> {
        use ControlRequest as R;
        match request {
            R::Models { provider } => Ok(ControlReply::Models(self.list(provider.as_deref()))),
            R::SaveModel { provider, spec, version } => self.save(actor, provider, spec, version).await,
            R::DeleteModel { provider, model, version } => {
                self.means.editable(SpotKind::Provider, &provider)?;
                let job = move |edit: &mut Edit<'_>| {
                    let owner = edit.provider_named(&provider)?.id;
                    let id = edit.model_named(owner, &model)?.id;
                    edit.delete_model(id, expect(version))
                };
                Ok(self.means.changes.commit(actor, job).await?.reply(None))
            }
            R::AddPrice { provider, model, spec } => self.add_price(actor, provider, model, spec).await,
            R::DeletePrice { price } => {
                let job = move |edit: &mut Edit<'_>| edit.delete_price(PriceId(price));
                Ok(self.means.changes.commit(actor, job).await?.reply(None))
            }
            R::Aliases => Ok(ControlReply::Aliases(self.aliases())),
            R::SaveAlias { spec, version } => self.save_alias(actor, spec, version).await,
            R::DeleteAlias { alias, version } => {
                self.means.writable(SpotKind::Alias, &alias)?;
                let job = move |edit: &mut Edit<'_>| {
                    let id = edit.alias_named(&alias)?.id;
                    edit.delete_alias(id, expect(version))
                };
                Ok(self.means.changes.commit(actor, job).await?.reply(None))
            }
            _other => Err(Refusal::new(RefusalKind::Internal, "this is not about models")),
        }
    }

    fn list(&self, provider: Option<&str>) -> Vec<ModelView> {
        let picture = self.means.force.now();
        let of = picture.settings.providers.iter().filter(|p| provider.is_none_or(|name| p.name == name));
        of.flat_map(|provider| models(&picture, provider)).collect()
    }

    fn now(&self, provider: &str, model: &str) -> Option<Now> {
        let view = self.list(Some(provider)).into_iter().find(|view| view.spec.name == model);
        view.map(|view| Now::Model(Box::new(view)))
    }

    async fn save(
        &self,
        actor: &Actor,
        provider: String,
        spec: ModelSpec,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        let (name, model) = (provider.clone(), spec.name.clone());
        let job = move |edit: &mut Edit<'_>| save_model(edit, &name, &spec, expect(version)).map(drop);
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&provider, &model)))
    }

    /// A price needs a row to stand at: one is made for a model of the preset or of the provider's own list.
    async fn add_price(
        &self,
        actor: &Actor,
        provider: String,
        model: String,
        spec: PriceSpec,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        let picture = self.means.force.now();
        let known = self.list(Some(&provider)).into_iter().find(|view| view.spec.name == model);
        drop(picture);
        let (name, id) = (provider.clone(), model.clone());
        let job = move |edit: &mut Edit<'_>| {
            let owner = edit.provider_named(&name)?.id;
            let row = match (edit.model_named(owner, &id), &known) {
                (Err(StoreError::NotFound { .. }), Some(view)) => {
                    edit.create_model(owner, &row_of(&view.spec, ModelSource::Preset))?
                }
                (found, _) => found?,
            };
            edit.add_price(row.id, &price_row(&spec))
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&provider, &model)))
    }

    fn aliases(&self) -> Vec<AliasView> {
        let picture = self.means.force.now();
        let stored = &picture.snapshot.aliases;
        let row = |name: &str| stored.iter().find(|row| row.spec.name == name);
        let of_file = picture.settings.aliases.iter().filter(|alias| {
            picture.check.base().defines(SpotKind::Alias, &alias.name).is_some() || row(&alias.name).is_none()
        });
        let view = |alias: &protocol::ipc::configure::Alias| AliasView {
            spec: AliasSpec {
                name: alias.name.clone(),
                enabled: true,
                note: String::new(),
                candidates: alias
                    .candidates
                    .iter()
                    .map(|candidate| AliasCandidate {
                        provider: candidate.provider.clone(),
                        model: candidate.model.clone(),
                        weight: candidate.weight,
                    })
                    .collect(),
            },
            source: source(&picture, SpotKind::Alias, &alias.name, false),
            version: 0,
        };
        let mut views: Vec<AliasView> = of_file.map(view).collect();
        let hidden = |name: &str| views.iter().any(|view| view.spec.name == name);
        let rows = stored.iter().filter(|row| !hidden(&row.spec.name)).map(|row| AliasView {
            spec: row.spec.clone(),
            source: protocol::control::record::Source::Store,
            version: row.version,
        });
        let rows: Vec<AliasView> = rows.collect();
        views.extend(rows);
        views
    }

    async fn save_alias(
        &self,
        actor: &Actor,
        spec: AliasSpec,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        self.means.writable(SpotKind::Alias, &spec.name)?;
        let name = spec.name.clone();
        let job = move |edit: &mut Edit<'_>| save_alias(edit, &spec, expect(version));
        let committed = self.means.changes.commit(actor, job).await?;
        let view = self.aliases().into_iter().find(|view| view.spec.name == name);
        Ok(committed.reply(view.map(Now::Alias)))
    }
}

/// Makes or replaces a model, within a change.
pub(super) fn save_model(
    edit: &mut Edit<'_>,
    provider: &str,
    spec: &ModelSpec,
    expect: Expect,
) -> Result<crate::store::models::Model, StoreError> {
    let owner = edit.provider_named(provider)?.id;
    match edit.model_named(owner, &spec.name) {
        Ok(before) => edit.update_model(before.id, expect, &row_of(spec, ModelSource::Manual)),
        Err(StoreError::NotFound { .. }) => edit.create_model(owner, &row_of(spec, ModelSource::Manual)),
        Err(error) => Err(error),
    }
}

/// Makes or replaces an alias, within a change.
pub(super) fn save_alias(edit: &mut Edit<'_>, spec: &AliasSpec, expect: Expect) -> Result<(), StoreError> {
    match edit.alias_named(&spec.name) {
        Ok(before) => edit.update_alias(before.id, expect, spec).map(drop),
        Err(StoreError::NotFound { .. }) => edit.create_alias(spec).map(drop),
        Err(error) => Err(error),
    }
}

fn row_of(spec: &ModelSpec, source: ModelSource) -> Row {
    Row {
        name: spec.name.clone(),
        model_version: spec.model_version.clone(),
        source,
        enabled: spec.enabled,
        facts: spec.facts.clone(),
        deprecated: spec.deprecated,
        sunset: spec.sunset_ms.map(UnixMs),
        alternatives: spec.alternatives.clone(),
    }
}

/// A price as the store keeps it.
pub(super) fn price_row(spec: &PriceSpec) -> PriceRow {
    PriceRow {
        since: UnixMs(spec.since_ms),
        currency: spec.currency.clone(),
        input_fresh: spec.input_fresh,
        cache_read: spec.cache_read,
        cache_write: spec.cache_write,
        output: spec.output,
    }
}
