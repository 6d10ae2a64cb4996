//! A document put into the store: everything in one change, or nothing. Applying it again changes nothing.

use super::document::{differences, export};
use super::means::{Means, expect};
use super::models::{price_row, save_alias, save_model};
use super::provider_secrets::{self, NewSecrets};
use super::providers::{NewKey, insert_key, new_key, replace_secret};
use super::rows::hex;
use super::{now, refused};
use crate::people::Actor;
use crate::settings::{SpotKind, check_setting};
use crate::store::app_keys::NewAppKey;
use crate::store::error::{Mistake, Object};
use crate::store::words::AppId;
use crate::store::{Edit, ProviderKeyId, SecretPlace, StoreError, UnixMs};
use crate::vault::Vault;
use protocol::control::answer::Now;
use protocol::control::document::{AppEntry, AppKeyEntry, Difference, Document, KeyEntry, ProviderEntry};
use protocol::control::provider::KeyValue;
use protocol::control::{ControlReply, FieldError, Refusal, RefusalKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A document that is to be what is stored.
pub(super) struct Wanted {
    pub(super) document: Document,
    pub(super) prune: bool,
    pub(super) dry_run: bool,
    pub(super) epoch: Option<u64>,
}

/// What is to be sealed, ready to be stored.
#[derive(Default)]
struct NewKeys {
    /// Values of keys, by provider and label.
    keys: BTreeMap<(String, String), NewKey>,
    /// By provider.
    others: BTreeMap<String, NewSecrets>,
}

/// Applies a document, or says what it would change.
pub(super) async fn apply(means: &Means, actor: &Actor, wanted: Wanted) -> Result<ControlReply, Refusal> {
    let Wanted { mut document, prune, dry_run, epoch } = wanted;
    check(means, &document)?;
    let (mut keys, picture) = (NewKeys::default(), means.force.now());
    for provider in &mut document.providers {
        let name = provider.spec.name.clone();
        let before = picture.snapshot.providers.iter().find(|row| row.spec.name == name);
        let secrets = provider_secrets::take(actor, &mut provider.spec, before.map(|row| &row.spec))?;
        keys.others.insert(name, secrets);
        for key in &provider.keys {
            if let Some(value) = &key.value {
                let place = (provider.spec.name.clone(), key.label.clone());
                keys.keys.insert(place, new_key(actor, value.clone())?);
            }
        }
    }
    let (document, keys, vault) = (Arc::new(document), Arc::new(keys), means.vault.clone());
    if dry_run {
        let found = means.store.read(move |view| compare(view, &vault, &document, &keys, prune)).await;
        return Ok(ControlReply::Differences(found.map_err(refused)?));
    }
    let job = move |edit: &mut Edit<'_>| {
        let found = edit.epoch()?;
        if let Some(seen) = epoch.filter(|seen| *seen != found.unsigned_abs()) {
            let (object, name) = (Object::Configuration, "stored configuration".to_owned());
            let expected = i64::try_from(seen).unwrap_or(i64::MAX);
            return Err(StoreError::Stale { object, name, expected, found });
        }
        let differences = compare(edit, &vault, &document, &keys, prune)?;
        write(edit, &vault, &document, &keys)?;
        if prune {
            remove(edit, &document)?;
        }
        Ok(differences)
    };
    let mut committed = means.changes.commit(actor, job).await?;
    let differences = std::mem::take(&mut committed.value);
    Ok(committed.reply(Some(Now::Differences(differences))))
}

/// What can be said before anything is looked up.
fn check(means: &Means, document: &Document) -> Result<(), Refusal> {
    for (name, value) in &document.settings {
        means.writable(SpotKind::Setting, name)?;
        check_setting(name, value).map_err(|message| {
            let field = FieldError { field: format!("settings.{name}"), message: message.clone() };
            Refusal { fields: vec![field], ..Refusal::new(RefusalKind::Invalid, message) }
        })?;
    }
    document.providers.iter().try_for_each(|entry| means.writable(SpotKind::Provider, &entry.spec.name))?;
    document.aliases.iter().try_for_each(|alias| means.writable(SpotKind::Alias, &alias.name))?;
    document.apps.iter().try_for_each(|entry| means.writable(SpotKind::App, &entry.spec.name))
}

fn compare(
    view: &crate::store::edit::View<'_>,
    vault: &Vault,
    document: &Document,
    keys: &NewKeys,
    prune: bool,
) -> Result<Vec<Difference>, StoreError> {
    let stored = export(view, now())?;
    let same = |provider: &str, key: &KeyEntry| match &key.value {
        Some(KeyValue::Text(_)) => is_sealed(view, vault, provider, &key.label, keys),
        Some(KeyValue::File(_) | KeyValue::Env(_)) | None => false,
    };
    let mut found = differences(&stored, document, prune, &same);
    for (name, secrets) in &keys.others {
        let Ok(row) = view.provider_named(name) else { continue };
        let other = |field: &str| (field.to_owned(), "kept".into(), "another".into());
        let fields: Vec<_> = secrets.new_to(view, vault, row.id).map(other).collect();
        if !fields.is_empty() {
            let (verb, object) = ("update".to_owned(), "provider".to_owned());
            found.push(Difference { verb, object, name: name.clone(), fields });
        }
    }
    Ok(found)
}

/// The text that is given is the one that is sealed there.
fn is_sealed(
    view: &crate::store::edit::View<'_>,
    vault: &Vault,
    provider: &str,
    label: &str,
    keys: &NewKeys,
) -> bool {
    let given = keys.keys.get(&(provider.to_owned(), label.to_owned())).and_then(|key| key.secret.as_deref());
    let sealed = || {
        let owner = view.provider_named(provider).ok()?.id;
        let key = view.provider_keys(owner).ok()?.into_iter().find(|key| key.spec.label == label)?;
        let place = SecretPlace::provider_key(key.id);
        vault.open(&place, &view.sealed(&place).ok()??).ok()
    };
    given.is_some_and(|given| sealed().is_some_and(|sealed| sealed == *given))
}

fn write(edit: &mut Edit<'_>, vault: &Vault, document: &Document, keys: &NewKeys) -> Result<(), StoreError> {
    for (name, value) in &document.settings {
        edit.set_setting(name, expect(None), value)?;
    }
    for entry in &document.providers {
        write_provider(edit, vault, entry, keys)?;
    }
    for alias in &document.aliases {
        save_alias(edit, alias, expect(None))?;
    }
    let live = edit.live_app_keys(now())?;
    let live: BTreeSet<_> = live.into_iter().map(|key| (key.app_id, key.hash)).collect();
    document.apps.iter().try_for_each(|entry| write_app(edit, entry, &live))
}

fn write_provider(
    edit: &mut Edit<'_>,
    vault: &Vault,
    entry: &ProviderEntry,
    keys: &NewKeys,
) -> Result<(), StoreError> {
    let name = &entry.spec.name;
    let id = match edit.provider_named(name) {
        Ok(found) => edit.update_provider(found.id, expect(None), &entry.spec)?.id,
        Err(StoreError::NotFound { .. }) => edit.create_provider(&entry.spec)?.id,
        Err(error) => return Err(error),
    };
    if let Some(secrets) = keys.others.get(name) {
        secrets.put(edit, vault, id, &entry.spec)?;
    }
    for key in &entry.keys {
        let given = keys.keys.get(&(name.clone(), key.label.clone()));
        let stored = edit.provider_keys(id)?.into_iter().find(|stored| stored.spec.label == key.label);
        match (stored, given) {
            (None, Some(given)) => {
                insert_key(edit, vault, id, (&key.label, key.enabled), given)?;
            }
            (None, None) => return Err(no_value(name, &key.label)),
            (Some(stored), given) => {
                let mut spec = stored.spec.clone();
                spec.enabled = key.enabled;
                let same = given.is_none() || is_sealed(edit, vault, name, &key.label, keys);
                if let Some(given) = given.filter(|_| !same) {
                    (spec.tail, spec.reference) = (given.tail.clone(), given.reference.clone());
                }
                let changed = spec != stored.spec;
                edit.update_provider_key(stored.id, expect(None), &spec)?;
                if let Some(given) = given.filter(|given| !same && (given.secret.is_some() || changed)) {
                    replace_secret(edit, vault, ProviderKeyId(stored.id.0), given)?;
                }
            }
        }
    }
    for model in &entry.models {
        let row = save_model(edit, name, &model.spec, expect(None))?;
        let prices = edit.prices(row.id)?;
        for price in &model.prices {
            let wanted = price_row(price);
            match prices.iter().find(|found| found.spec.since == wanted.since) {
                Some(found) if found.spec == wanted => {}
                Some(found) => {
                    edit.delete_price(found.id)?;
                    edit.add_price(row.id, &wanted)?;
                }
                None => {
                    edit.add_price(row.id, &wanted)?;
                }
            }
        }
    }
    Ok(())
}

fn write_app(
    edit: &mut Edit<'_>,
    entry: &AppEntry,
    live: &BTreeSet<(AppId, [u8; 32])>,
) -> Result<(), StoreError> {
    let id = match edit.app_named(&entry.spec.name) {
        Ok(found) => edit.update_app(found.id, expect(None), &entry.spec)?.id,
        Err(StoreError::NotFound { .. }) => edit.create_app(&entry.spec)?.id,
        Err(error) => return Err(error),
    };
    if let Some(route) = &entry.route {
        edit.set_route(id, expect(None), route)?;
    }
    for key in &entry.keys {
        let hash = hash(key)?;
        if live.contains(&(id, hash)) {
            continue;
        }
        let prefix: String = key.prefix.chars().take(12).collect();
        let new =
            NewAppKey { label: key.label.clone(), prefix, hash, expires_at: key.expires_ms.map(UnixMs) };
        edit.add_app_key(id, &new)?;
    }
    Ok(())
}

/// What the document does not name goes, users of things before the things.
fn remove(edit: &mut Edit<'_>, document: &Document) -> Result<(), StoreError> {
    for setting in edit.settings()? {
        if !document.settings.contains_key(&setting.name) {
            edit.unset_setting(&setting.name, expect(None))?;
        }
    }
    let live = edit.live_app_keys(now())?;
    for app in edit.apps()? {
        let Some(entry) = document.apps.iter().find(|entry| entry.spec.name == app.spec.name) else {
            edit.delete_app(app.id, expect(None))?;
            continue;
        };
        if entry.route.is_none() && edit.route(app.id)?.is_some() {
            edit.remove_route(app.id, expect(None))?;
        }
        for key in live.iter().filter(|key| key.app_id == app.id) {
            if !entry.keys.iter().any(|wanted| wanted.sha256.eq_ignore_ascii_case(&hex(&key.hash))) {
                edit.revoke_app_key(key.id)?;
            }
        }
    }
    for alias in edit.aliases()? {
        if !document.aliases.iter().any(|wanted| wanted.name == alias.spec.name) {
            edit.delete_alias(alias.id, expect(None))?;
        }
    }
    for provider in edit.providers()? {
        let wanted = document.providers.iter().find(|entry| entry.spec.name == provider.spec.name);
        match wanted {
            Some(entry) => remove_parts(edit, provider.id, entry)?,
            None => edit.delete_provider(provider.id, expect(None))?,
        }
    }
    Ok(())
}

fn remove_parts(
    edit: &mut Edit<'_>,
    provider: crate::store::ProviderId,
    entry: &ProviderEntry,
) -> Result<(), StoreError> {
    for key in edit.provider_keys(provider)? {
        if !entry.keys.iter().any(|wanted| wanted.label == key.spec.label) {
            edit.delete_provider_key(key.id, expect(None))?;
        }
    }
    for model in edit.models(provider)? {
        let Some(wanted) = entry.models.iter().find(|wanted| wanted.spec.name == model.spec.name) else {
            edit.delete_model(model.id, expect(None))?;
            continue;
        };
        for price in edit.prices(model.id)? {
            if !wanted.prices.iter().any(|wanted| wanted.since_ms == price.spec.since.0) {
                edit.delete_price(price.id)?;
            }
        }
    }
    Ok(())
}

fn hash(key: &AppKeyEntry) -> Result<[u8; 32], StoreError> {
    let digits: Vec<u32> = key.sha256.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let mut hash = [0; 32];
    if digits.len() != 64 || key.sha256.len() != 64 {
        let field = format!("keys.{}.sha256", key.label);
        let mistake = Mistake { field, problem: "must be 64 hex digits".to_owned() };
        return Err(StoreError::Invalid { object: Object::AppKey, mistakes: vec![mistake] });
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |byte, digit| byte << 4 | u8::try_from(*digit).unwrap_or_default());
    }
    Ok(hash)
}

fn no_value(provider: &str, label: &str) -> StoreError {
    let mistake = Mistake {
        field: format!("keys.{label}"),
        problem: format!("of `{provider}` has no value and is not stored"),
    };
    StoreError::Invalid { object: Object::ProviderKey, mistakes: vec![mistake] }
}
