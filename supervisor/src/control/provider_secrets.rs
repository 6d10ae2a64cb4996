//! What is secret of a provider besides its keys: the login at its proxy, headers that carry a credential. On the way
//! in their texts are taken out of what is said and sealed; on the way to the worker they are opened.

use super::means::may_refer;
use crate::people::Actor;
use crate::settings::{KeySource, Secret};
use crate::store::providers::{PROXY_FIELD, header_field, sealed_fields};
use crate::store::{Edit, ProviderId, SecretPlace, StoreError, edit::View};
use crate::vault::{Vault, secret};
use protocol::control::provider::{ProviderSpec, SecretValue};
use protocol::control::{FieldError, Refusal, RefusalKind};
use std::sync::Arc;

/// Texts to be sealed, by their fields. Clones share them.
#[derive(Clone, Default)]
pub(super) struct NewSecrets(Vec<(String, Arc<secret::Secret>)>);

/// Every secret of a provider as operators name it, with its field in the store.
fn all(spec: &mut ProviderSpec) -> impl Iterator<Item = (String, String, &mut SecretValue)> {
    let login = spec.proxy_login.iter_mut();
    let login = login.map(|value| ("proxy_login".to_owned(), PROXY_FIELD.to_owned(), value));
    let headers = spec.secret_headers.iter_mut();
    login.chain(headers.map(|(name, value)| (format!("secret_headers.{name}"), header_field(name), value)))
}

/// Where a field of the store stands in what is said.
fn said<'s>(spec: &'s ProviderSpec, field: &str) -> Option<&'s SecretValue> {
    match field.strip_prefix("header:") {
        Some(name) => spec.secret_headers.get(name),
        None => spec.proxy_login.as_ref(),
    }
}

/// Takes the texts out. References that are not there already need the permission for references.
pub(super) fn take(
    actor: &Actor,
    spec: &mut ProviderSpec,
    before: Option<&ProviderSpec>,
) -> Result<NewSecrets, Refusal> {
    let mut taken = NewSecrets::default();
    for (name, field, value) in all(spec) {
        match value {
            SecretValue::Kept => {}
            SecretValue::Text(text) => {
                let checked = Secret::line(text.expose().as_bytes().to_vec()).map_err(|what| {
                    let message = format!("`{name}` {what}");
                    let field = FieldError { field: name.clone(), message: message.clone() };
                    Refusal { fields: vec![field], ..Refusal::new(RefusalKind::Invalid, message) }
                })?;
                taken.0.push((field, Arc::new(secret::Secret::new(checked.expose().to_vec()))));
                *value = SecretValue::Kept;
            }
            SecretValue::File(_) | SecretValue::Env(_) => {
                if before.and_then(|before| said(before, &field)) != Some(value) {
                    may_refer(actor)?;
                }
            }
        }
    }
    Ok(taken)
}

impl NewSecrets {
    /// The fields whose text is not the one that is sealed there.
    pub(super) fn new_to<'s>(
        &'s self,
        view: &'s View<'_>,
        vault: &'s Vault,
        provider: ProviderId,
    ) -> impl Iterator<Item = &'s str> {
        let is_new = move |(field, text): &&(String, Arc<secret::Secret>)| {
            let place = SecretPlace::provider(provider, field);
            let sealed = view.sealed(&place).ok().flatten();
            let opened = sealed.and_then(|sealed| vault.open(&place, &sealed).ok());
            opened.is_none_or(|opened| opened != **text)
        };
        self.0.iter().filter(is_new).map(|(field, _)| field.as_str())
    }

    /// Seals them, and removes what is not said any more, within a change.
    pub(super) fn put(
        &self,
        edit: &mut Edit<'_>,
        vault: &Vault,
        provider: ProviderId,
        spec: &ProviderSpec,
    ) -> Result<(), StoreError> {
        let new: Vec<String> = self.new_to(edit, vault, provider).map(str::to_owned).collect();
        for (field, text) in self.0.iter().filter(|(field, _)| new.contains(field)) {
            vault.put(edit, &SecretPlace::provider(provider, field), text)?;
        }
        if !new.is_empty() && !self.is_first(edit, provider, &new)? {
            edit.renew_provider(provider)?;
        }
        let kept = sealed_fields(spec);
        for field in edit.sealed_fields_of(provider)?.iter().filter(|field| !kept.contains(field)) {
            edit.remove_sealed(&SecretPlace::provider(provider, field))?;
        }
        Ok(())
    }

    /// They were sealed for the first time: the provider's own row has changed with them.
    fn is_first(&self, edit: &Edit<'_>, provider: ProviderId, new: &[String]) -> Result<bool, StoreError> {
        for field in new {
            let sealed = edit.sealed(&SecretPlace::provider(provider, field))?;
            if sealed.is_some_and(|sealed| sealed.version > 1) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What the provider's worker is to be given, if `opened` has what is sealed, by its field.
pub(super) fn given(
    spec: &ProviderSpec,
    opened: impl Fn(&str) -> Option<KeySource>,
) -> (Option<KeySource>, Vec<(String, KeySource)>) {
    let source = |value: &SecretValue, field: &str| match value {
        SecretValue::File(path) => KeySource::File(path.clone()),
        SecretValue::Env(name) => KeySource::Env(name.clone()),
        SecretValue::Kept | SecretValue::Text(_) => opened(field).unwrap_or(KeySource::Refused),
    };
    let login = spec.proxy_login.as_ref().map(|value| source(value, PROXY_FIELD));
    let header = |(name, value): (&String, &SecretValue)| (name.clone(), source(value, &header_field(name)));
    (login, spec.secret_headers.iter().map(header).collect())
}
