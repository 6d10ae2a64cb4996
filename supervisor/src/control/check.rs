//! Whether a change can be put in force, asked inside its transaction: what would be stored is resolved beside the
//! file's side, and nothing is committed that could not be used.

use super::rows::Given;
use super::{provider_secrets, rows};
use crate::settings::{Account, Base, Host, KeySource, Secret, SpotKind, StoredMistake};
use crate::store::error::{Mistake, Object};
use crate::store::provider_keys::{KeyReference, ProviderKey};
use crate::store::{Edit, StoreError, UnixMs};
use std::sync::Arc;

/// See the module. Belongs to the configuration in force.
#[derive(Clone)]
pub(crate) struct Check {
    base: Arc<Base>,
    account: Account,
    /// What is wrong already is nobody's new mistake.
    known: Arc<Vec<StoredMistake>>,
}

impl Check {
    pub(crate) fn new(base: Arc<Base>, account: Account, known: Arc<Vec<StoredMistake>>) -> Check {
        Check { base, account, known }
    }

    /// The file's side.
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// Stored things that are not used, and why.
    pub(crate) fn left_out(&self) -> &[StoredMistake] {
        &self.known
    }

    /// Refuses a change that makes something unusable.
    pub(crate) fn usable(&self, edit: &Edit<'_>, at: UnixMs) -> Result<(), StoreError> {
        let snapshot = edit.snapshot(at)?;
        let stored = rows::stored(&snapshot, |provider| {
            let own = snapshot.provider_keys.iter().filter(|key| key.provider_id == provider.id);
            let key = own.filter(|key| key.spec.enabled).find_map(stand_in);
            let (proxy_login, secret_headers) = provider_secrets::given(&provider.spec, |_| some_text());
            Given { key, proxy_login, secret_headers }
        });
        let merged = match self.base.beside(&stored, &Host, self.account) {
            Ok(merged) => merged,
            Err(mistakes) => {
                // The file was in force with what was stored before: what it needs is taken away by this change.
                let Some(needs) = mistakes.needs() else {
                    // Its own mistakes are not this change's; they show when it is put in force.
                    return Ok(());
                };
                let problem = format!(": the configuration file needs it: {needs}");
                let mistakes = vec![Mistake { field: "name".to_owned(), problem }];
                return Err(StoreError::Invalid { object: Object::Provider, mistakes });
            }
        };
        let new: Vec<_> = merged.left_out.iter().filter(|mistake| !self.known.contains(mistake)).collect();
        let Some(first) = new.first() else { return Ok(()) };
        let object = object(first.spot.kind);
        let mistakes = new.iter().map(|mistake| Mistake {
            field: mistake.spot.field.clone(),
            problem: format!(": {}", mistake.what),
        });
        Err(StoreError::Invalid { object, mistakes: mistakes.collect() })
    }
}

/// A key to check with: references as they are, and some text for what is sealed.
fn stand_in(key: &ProviderKey) -> Option<KeySource> {
    match &key.spec.reference {
        Some(KeyReference::File(path)) => Some(KeySource::File(path.clone())),
        Some(KeyReference::Env(name)) => Some(KeySource::Env(name.clone())),
        None => some_text(),
    }
}

fn some_text() -> Option<KeySource> {
    Secret::new(b"sealed".to_vec()).ok().map(KeySource::Given)
}

fn object(kind: SpotKind) -> Object {
    match kind {
        SpotKind::Provider => Object::Provider,
        SpotKind::Alias => Object::Alias,
        SpotKind::App => Object::App,
        SpotKind::Setting => Object::Setting,
    }
}
