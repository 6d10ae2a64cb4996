//! Providers and their keys: listed, made, changed, removed.

use super::local;
use super::means::{Means, expect, may_refer, source};
use super::view::{provider_view, spec_of};
use super::{Picture, provider_secrets, rows};
use crate::fleet::Fleet;
use crate::people::Actor;
use crate::settings::{Secret, SpotKind};
use crate::store::models::{ModelSource, ModelSpec};
use crate::store::provider_keys::{KeyReference, ProviderKey, ProviderKeySpec};
use crate::store::{Edit, ProviderId, ProviderKeyId, SecretPlace, StoreError};
use crate::vault::{Vault, secret};
use protocol::control::answer::Now;
use protocol::control::provider::{KeyValue, PresetView, ProviderSpec, ProviderView};
use protocol::control::{ControlReply, ControlRequest, FieldError, ProviderStatus, Refusal, RefusalKind};
use protocol::preset::{self, KeyNeed};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Models taken over from a provider's own list; more are left out.
const MOST_DISCOVERED: usize = 1_000;

/// See the module.
pub(crate) struct Providers {
    means: Means,
    fleet: Fleet,
}

/// A key as it was given, on its way into the store.
#[derive(Clone)]
pub(super) struct NewKey {
    pub(super) tail: String,
    pub(super) reference: Option<KeyReference>,
    pub(super) secret: Option<Arc<secret::Secret>>,
}

impl Providers {
    pub(crate) fn new(means: Means, fleet: Fleet) -> Providers {
        Providers { means, fleet }
    }

    /// Answers what is about providers.
    pub(crate) async fn answer(
        &self,
        actor: &Actor,
        request: ControlRequest,
    ) -> Result<ControlReply, Refusal> {
        use ControlRequest as R;
        match request {
            R::Presets => Ok(ControlReply::Presets(presets(&local::listening(&self.means.force.now())))),
            R::Providers => Ok(ControlReply::Providers(self.list().await?)),
            R::Provider { provider } => Ok(ControlReply::Provider(Box::new(self.view(&provider).await?))),
            R::CreateProvider { spec, key } => self.create(actor, *spec, key).await,
            R::UpdateProvider { provider, spec, version } => {
                self.update(actor, provider, *spec, version).await
            }
            R::DeleteProvider { provider, version } => self.delete(actor, provider, version).await,
            R::Enable { provider, enabled } => self.enable(actor, provider, enabled).await,
            R::DiscoverModels { provider } => self.discover(actor, provider).await,
            R::AddProviderKey { provider, label, value } => self.add_key(actor, provider, label, value).await,
            R::UpdateProviderKey { provider, key, label, enabled, value, version } => {
                let id = ProviderKeyId(key);
                self.means.editable(SpotKind::Provider, &provider)?;
                let value = value.map(|value| new_key(actor, value)).transpose()?;
                let vault = self.means.vault.clone();
                let name = provider.clone();
                let job = move |edit: &mut Edit<'_>| {
                    let before = key_of(edit, &name, id)?;
                    let mut spec = before.spec.clone();
                    spec.label = label.clone().unwrap_or(spec.label);
                    spec.enabled = enabled.unwrap_or(spec.enabled);
                    if let Some(value) = &value {
                        (spec.tail, spec.reference) = (value.tail.clone(), value.reference.clone());
                    }
                    edit.update_provider_key(id, expect(version), &spec)?;
                    if let Some(value) = &value {
                        replace_secret(edit, &vault, id, value)?;
                    }
                    Ok(())
                };
                let committed = self.means.changes.commit(actor, job).await?;
                Ok(committed.reply(self.now(&provider).await))
            }
            R::DeleteProviderKey { provider, key, version } => {
                self.means.editable(SpotKind::Provider, &provider)?;
                let name = provider.clone();
                let job = move |edit: &mut Edit<'_>| {
                    let found = key_of(edit, &name, ProviderKeyId(key))?;
                    edit.delete_provider_key(found.id, expect(version))
                };
                let committed = self.means.changes.commit(actor, job).await?;
                Ok(committed.reply(self.now(&provider).await))
            }
            _other => Err(Refusal::new(RefusalKind::Internal, "this is not about providers")),
        }
    }

    async fn list(&self) -> Result<Vec<ProviderView>, Refusal> {
        let keys = self.means.read(|view| view.all_provider_keys()).await?;
        let status = self.fleet.status().await.map(|status| status.providers).unwrap_or_default();
        let picture = self.means.force.now();
        let mut names: Vec<String> =
            picture.settings.providers.iter().map(|provider| provider.name.clone()).collect();
        // What cannot be used is shown too, last.
        let stored = picture.snapshot.providers.iter().map(|provider| provider.spec.name.clone());
        let left: Vec<String> = stored.filter(|name| !names.contains(name)).collect();
        names.extend(left);
        Ok(names.iter().filter_map(|name| view_of(&picture, name, &keys, &status)).collect())
    }

    async fn view(&self, name: &str) -> Result<ProviderView, Refusal> {
        let keys = self.means.read(|view| view.all_provider_keys()).await?;
        let status = self.fleet.status().await.map(|status| status.providers).unwrap_or_default();
        let picture = self.means.force.now();
        view_of(&picture, name, &keys, &status)
            .ok_or_else(|| Refusal::new(RefusalKind::NotFound, format!("provider `{name}` does not exist")))
    }

    async fn now(&self, name: &str) -> Option<Now> {
        self.view(name).await.ok().map(|view| Now::Provider(Box::new(view)))
    }

    async fn create(
        &self,
        actor: &Actor,
        mut spec: ProviderSpec,
        key: Option<KeyValue>,
    ) -> Result<ControlReply, Refusal> {
        self.means.writable(SpotKind::Provider, &spec.name)?;
        known_preset(&spec)?;
        let secrets = provider_secrets::take(actor, &mut spec, None)?;
        let key = key.map(|value| new_key(actor, value)).transpose()?;
        let (vault, name) = (self.means.vault.clone(), spec.name.clone());
        let job = move |edit: &mut Edit<'_>| {
            let made = edit.create_provider(&spec)?;
            secrets.put(edit, &vault, made.id, &spec)?;
            match &key {
                Some(key) => insert_key(edit, &vault, made.id, ("main", true), key).map(drop),
                None => Ok(()),
            }
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&name).await))
    }

    async fn update(
        &self,
        actor: &Actor,
        provider: String,
        mut spec: ProviderSpec,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        self.means.writable(SpotKind::Provider, &spec.name)?;
        known_preset(&spec)?;
        let picture = self.means.force.now();
        let before = picture.snapshot.providers.iter().find(|row| row.spec.name == provider);
        let secrets = provider_secrets::take(actor, &mut spec, before.map(|row| &row.spec))?;
        let (vault, name) = (self.means.vault.clone(), spec.name.clone());
        let job = move |edit: &mut Edit<'_>| {
            let before = edit.provider_named(&provider)?;
            edit.update_provider(before.id, expect(version), &spec)?;
            secrets.put(edit, &vault, before.id, &spec)
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&name).await))
    }

    async fn enable(&self, actor: &Actor, provider: String, enabled: bool) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        let name = provider.clone();
        let job = move |edit: &mut Edit<'_>| {
            let before = edit.provider_named(&name)?;
            let spec = ProviderSpec { enabled, ..before.spec.clone() };
            edit.update_provider(before.id, expect(None), &spec)
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&provider).await))
    }

    async fn delete(
        &self,
        actor: &Actor,
        provider: String,
        version: Option<i64>,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        let job = move |edit: &mut Edit<'_>| {
            let before = edit.provider_named(&provider)?;
            edit.delete_provider(before.id, expect(version))
        };
        Ok(self.means.changes.commit(actor, job).await?.reply(None))
    }

    async fn add_key(
        &self,
        actor: &Actor,
        provider: String,
        label: String,
        value: KeyValue,
    ) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        let key = new_key(actor, value)?;
        let (vault, name) = (self.means.vault.clone(), provider.clone());
        let job = move |edit: &mut Edit<'_>| {
            let id = edit.provider_named(&name)?.id;
            insert_key(edit, &vault, id, (&label, true), &key)
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&provider).await))
    }

    /// Adds the models of the provider's own list that nothing else knows.
    async fn discover(&self, actor: &Actor, provider: String) -> Result<ControlReply, Refusal> {
        self.means.editable(SpotKind::Provider, &provider)?;
        self.view(&provider).await?;
        let ControlReply::Tested(report) = self.means.probes.test(&provider, None).await else {
            return Err(Refusal::new(RefusalKind::Unavailable, "the provider cannot be asked now"));
        };
        if let Some(failed) = report.steps.iter().find(|step| !step.ok)
            && report.models.is_empty()
        {
            let why = format!("provider `{provider}` does not list its models: {}", failed.detail);
            // A worker that is stopped or draining is as its operator wants it.
            let kind = if failed.name == "worker" { RefusalKind::Conflict } else { RefusalKind::Unavailable };
            return Err(Refusal::new(kind, why));
        }
        let picture = self.means.force.now();
        let used = picture.settings.providers.iter().find(|known| known.name == provider);
        let known: Vec<String> =
            used.into_iter().flat_map(|known| &known.models).map(|model| model.id.clone()).collect();
        let new = report.models.into_iter().filter(|model| !known.contains(model));
        let new: Vec<String> = new.take(MOST_DISCOVERED).collect();
        let name = provider.clone();
        let job = move |edit: &mut Edit<'_>| {
            let id = edit.provider_named(&name)?.id;
            let stored: Vec<String> = edit.models(id)?.into_iter().map(|model| model.spec.name).collect();
            for model in new.iter().filter(|model| !stored.contains(model)) {
                edit.create_model(id, &discovered(model))?;
            }
            Ok(())
        };
        let committed = self.means.changes.commit(actor, job).await?;
        Ok(committed.reply(self.now(&provider).await))
    }
}

fn discovered(name: &str) -> ModelSpec {
    ModelSpec {
        name: name.to_owned(),
        model_version: None,
        source: ModelSource::Discovered,
        enabled: true,
        facts: Default::default(),
        deprecated: false,
        sunset: None,
        alternatives: Vec::new(),
    }
}

/// The view of a provider that is in force or at least stored.
fn view_of(
    picture: &Arc<Picture>,
    name: &str,
    keys: &[ProviderKey],
    status: &[ProviderStatus],
) -> Option<ProviderView> {
    let row = picture.snapshot.providers.iter().find(|provider| provider.spec.name == name);
    let used = picture.settings.providers.iter().find(|provider| provider.name == name);
    let from = source(picture, SpotKind::Provider, name, row.is_some());
    let stored = row.filter(|_| from == protocol::control::record::Source::Store);
    let spec = match (stored, used) {
        (Some(row), _) => row.spec.clone(),
        (None, Some(used)) => spec_of(used),
        (None, None) => return None,
    };
    let own: Vec<&ProviderKey> =
        keys.iter().filter(|key| stored.is_some_and(|row| row.id == key.provider_id)).collect();
    let status = status.iter().find(|status| status.name == name).cloned();
    Some(provider_view(picture, (spec, from), (stored, used), &own, status))
}

fn known_preset(spec: &ProviderSpec) -> Result<(), Refusal> {
    if preset::find(&spec.preset).is_some() {
        return Ok(());
    }
    let message = format!("there is no preset `{}`", spec.preset);
    let field = FieldError { field: "preset".to_owned(), message: message.clone() };
    Err(Refusal { fields: vec![field], ..Refusal::new(RefusalKind::Invalid, message) })
}

/// A key as it was given, checked.
pub(super) fn new_key(actor: &Actor, value: KeyValue) -> Result<NewKey, Refusal> {
    let reference = match value {
        KeyValue::Text(text) => {
            let checked = Secret::new(text.expose().as_bytes().to_vec()).map_err(|what| {
                let message = format!("the key {what}");
                let field = FieldError { field: "value".to_owned(), message: message.clone() };
                Refusal { fields: vec![field], ..Refusal::new(RefusalKind::Invalid, message) }
            })?;
            let secret = secret::Secret::new(checked.expose().to_vec());
            return Ok(NewKey { tail: secret.tail(), reference: None, secret: Some(Arc::new(secret)) });
        }
        KeyValue::File(path) => KeyReference::File(path),
        KeyValue::Env(name) => KeyReference::Env(name),
    };
    may_refer(actor)?;
    Ok(NewKey { tail: String::new(), reference: Some(reference), secret: None })
}

/// Adds a key with its secret, within a change.
pub(super) fn insert_key(
    edit: &mut Edit<'_>,
    vault: &Vault,
    provider: ProviderId,
    (label, enabled): (&str, bool),
    key: &NewKey,
) -> Result<ProviderKey, StoreError> {
    let spec = ProviderKeySpec {
        label: label.to_owned(),
        tail: key.tail.clone(),
        reference: key.reference.clone(),
        enabled,
    };
    let made = edit.add_provider_key(provider, &spec)?;
    if let Some(secret) = &key.secret {
        vault.put(edit, &SecretPlace::provider_key(made.id), secret)?;
    }
    Ok(made)
}

/// Puts another value in a key's place, within a change.
pub(super) fn replace_secret(
    edit: &mut Edit<'_>,
    vault: &Vault,
    id: ProviderKeyId,
    key: &NewKey,
) -> Result<(), StoreError> {
    let place = SecretPlace::provider_key(id);
    match &key.secret {
        Some(secret) => {
            vault.put(edit, &place, secret)?;
            edit.renew_provider_key(id)
        }
        None => edit.remove_sealed(&place),
    }
}

fn key_of(edit: &Edit<'_>, provider: &str, id: ProviderKeyId) -> Result<ProviderKey, StoreError> {
    let owner = edit.provider_named(provider)?.id;
    let found = edit.provider_key(id)?;
    match found.provider_id == owner {
        true => Ok(found),
        false => Err(StoreError::NotFound {
            object: crate::store::error::Object::ProviderKey,
            name: id.to_string(),
        }),
    }
}

/// The vendors, with those that seem to run on this machine marked: by the ports that somebody listens at.
fn presets(local: &BTreeSet<u16>) -> Vec<PresetView> {
    let view = |preset: &preset::Preset| PresetView {
        id: preset.id.clone(),
        title: preset.name.clone(),
        endpoints: preset
            .endpoints
            .iter()
            .map(|row| (row.dialect, row.base_url.clone().unwrap_or_default()))
            .collect(),
        needs_key: preset.key == KeyNeed::Required,
        key_env: preset.canonical_env().map(str::to_owned),
        models: preset.models.iter().map(|model| model.entry().id).collect(),
        found: preset
            .endpoints
            .iter()
            .filter_map(|row| row.base_url.as_deref())
            .any(|url| local::is_at(url, local)),
    };
    preset::all().iter().map(view).collect()
}

/// A key as operators see it.
pub(super) fn kept(key: &ProviderKey) -> String {
    match &key.spec.reference {
        None => "sealed".to_owned(),
        Some(KeyReference::File(path)) => format!("file {path}"),
        Some(KeyReference::Env(name)) => format!("env {name}"),
    }
}

/// What is stored of a model, by its provider and name.
pub(super) fn model_row<'s>(
    picture: &'s Picture,
    provider: &str,
    model: &str,
) -> Option<&'s crate::store::models::Model> {
    let id = picture.snapshot.providers.iter().find(|row| row.spec.name == provider)?.id;
    picture.snapshot.models.iter().find(|row| row.provider_id == id && row.spec.name == model)
}

/// The prices of a stored model, newest first.
pub(super) fn price_views(
    picture: &Picture,
    model: crate::store::words::ModelId,
) -> Vec<protocol::control::model::PriceView> {
    let own = picture.snapshot.prices.iter().filter(|price| price.model_id == model);
    own.map(|price| protocol::control::model::PriceView { id: price.id.0, spec: rows::price_spec(price) })
        .collect()
}
