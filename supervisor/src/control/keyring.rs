//! Which of its keys each provider's worker is given. A worker has one key at a time and keeps it until the
//! provider complains; then the next one takes its place, in a new generation. Pure but for opening the seals.

use super::provider_secrets;
use super::rows::Given;
use crate::settings::{KeySource, Secret, SecretError};
use crate::store::provider_keys::{KeyReference, KeyState, ProviderKey};
use crate::store::providers::{Provider, sealed_fields};
use crate::store::snapshot::Snapshot;
use crate::store::{ConfigStore, ProviderId, ProviderKeyId, SecretPlace, UnixMs};
use crate::vault::Vault;
use std::collections::BTreeMap;

/// See the module.
#[derive(Default)]
pub(crate) struct Keyring {
    given: BTreeMap<ProviderId, ProviderKeyId>,
}

/// The secrets of one configuration, opened.
#[derive(Default)]
pub(crate) struct Opened {
    keys: BTreeMap<ProviderId, KeySource>,
    /// By their fields.
    others: BTreeMap<(ProviderId, String), KeySource>,
}

impl Opened {
    /// What a provider's worker is given of them.
    pub(crate) fn given(&self, provider: &Provider) -> Given {
        let other = |field: &str| self.others.get(&(provider.id, field.to_owned())).cloned();
        let (proxy_login, secret_headers) = provider_secrets::given(&provider.spec, other);
        Given { key: self.keys.get(&provider.id).cloned(), proxy_login, secret_headers }
    }
}

impl Keyring {
    /// The key of each provider's worker, by what is known of them now.
    pub(crate) fn choose(&mut self, snapshot: &Snapshot, at: UnixMs) {
        let chosen = |provider: &Provider| {
            let own = snapshot.provider_keys.iter().filter(|key| key.provider_id == provider.id);
            choose(own, self.given.get(&provider.id).copied(), at).map(|key| (provider.id, key))
        };
        self.given = snapshot.providers.iter().filter_map(chosen).collect();
    }

    /// The key a provider's worker has been given.
    pub(crate) fn given(&self, provider: ProviderId) -> Option<ProviderKeyId> {
        self.given.get(&provider).copied()
    }

    /// The chosen keys themselves. One that cannot be opened is missing, and the log says why: its provider is not
    /// started with another's.
    pub(crate) async fn open(&self, snapshot: &Snapshot, store: &ConfigStore, vault: &Vault) -> Opened {
        let mut opened = Opened::default();
        for key in &snapshot.provider_keys {
            if self.given(key.provider_id) != Some(key.id) {
                continue;
            }
            let source = match &key.spec.reference {
                Some(KeyReference::File(path)) => Some(KeySource::File(path.clone())),
                Some(KeyReference::Env(name)) => Some(KeySource::Env(name.clone())),
                None => unseal_key(key, store, vault).await,
            };
            opened.keys.extend(source.map(|source| (key.provider_id, source)));
        }
        for provider in &snapshot.providers {
            for field in sealed_fields(&provider.spec) {
                let what = format!("`{field}` of provider `{}`", provider.spec.name);
                let place = SecretPlace::provider(provider.id, &field);
                let source = unseal(&what, place, Secret::line, store, vault).await;
                opened.others.extend(source.map(|source| ((provider.id, field), source)));
            }
        }
        opened
    }
}

async fn unseal_key(key: &ProviderKey, store: &ConfigStore, vault: &Vault) -> Option<KeySource> {
    let what = format!("provider key `{}`", key.spec.label);
    unseal(&what, SecretPlace::provider_key(key.id), Secret::new, store, vault).await
}

async fn unseal(
    what: &str,
    place: SecretPlace,
    form: fn(Vec<u8>) -> Result<Secret, SecretError>,
    store: &ConfigStore,
    vault: &Vault,
) -> Option<KeySource> {
    match vault.get(store, place).await {
        Ok(Some(secret)) => match form(secret.expose().to_vec()) {
            Ok(secret) => Some(KeySource::Given(secret)),
            Err(why) => {
                tracing::error!("{what} {why}");
                None
            }
        },
        Ok(None) => None,
        Err(error) => {
            tracing::error!("{what} cannot be opened: {error}");
            None
        }
    }
}

/// The one in use while it is fit; else the one that was used longest ago; else the best of the unfit.
fn choose<'k>(
    keys: impl Iterator<Item = &'k ProviderKey>,
    current: Option<ProviderKeyId>,
    at: UnixMs,
) -> Option<ProviderKeyId> {
    let rank = |key: &ProviderKey| {
        let unfit = match key.state {
            KeyState::Unproven | KeyState::Good => 0,
            KeyState::Cooling if key.cooldown_until.is_none_or(|until| until <= at) => 0,
            KeyState::Cooling => 1,
            KeyState::Rejected => 2,
        };
        let recovers = if unfit == 1 { key.cooldown_until } else { None };
        (unfit, current != Some(key.id), recovers, key.last_used_at, key.id)
    };
    keys.filter(|key| key.spec.enabled).min_by_key(|key| rank(key)).map(|key| key.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::provider_keys::ProviderKeySpec;

    fn key(id: i64, state: KeyState, until: Option<i64>, used: Option<i64>) -> ProviderKey {
        let label = format!("key{id}");
        ProviderKey {
            id: ProviderKeyId(id),
            provider_id: ProviderId(1),
            spec: ProviderKeySpec { label, tail: String::new(), reference: None, enabled: true },
            state,
            cooldown_until: until.map(UnixMs),
            failures: 0,
            last_used_at: used.map(UnixMs),
            version: 1,
            created_at: UnixMs(0),
            updated_at: UnixMs(0),
        }
    }

    fn chosen(keys: &[ProviderKey], current: i64, at: i64) -> i64 {
        choose(keys.iter(), Some(ProviderKeyId(current)), UnixMs(at)).map_or(0, |id| id.0)
    }

    #[test]
    fn a_key_stays_until_the_provider_complains() {
        let mut keys = vec![
            key(1, KeyState::Good, None, Some(50)),
            key(2, KeyState::Unproven, None, None),
            key(3, KeyState::Good, None, Some(10)),
        ];
        assert_eq!(chosen(&keys, 1, 100), 1);
        assert_eq!(chosen(&keys, 0, 100), 2, "the one that was used longest ago");
        keys[0] = key(1, KeyState::Cooling, Some(200), Some(50));
        keys[1].spec.enabled = false;
        assert_eq!(chosen(&keys, 1, 100), 3);
        assert_eq!(chosen(&keys, 3, 300), 3, "one that has recovered does not push out one that works");
        keys[2] = key(3, KeyState::Rejected, None, Some(60));
        assert_eq!(chosen(&keys, 3, 100), 1, "rest is better than refusal");
        assert_eq!(chosen(&keys[2..], 3, 100), 3, "with nothing better, the provider's own words are shown");
        assert_eq!(chosen(&[], 3, 100), 0);
    }

    #[test]
    fn of_resting_keys_the_first_to_recover_is_tried() {
        let keys =
            [key(1, KeyState::Cooling, Some(500), None), key(2, KeyState::Cooling, Some(400), Some(9))];
        assert_eq!(chosen(&keys, 0, 100), 2);
        assert_eq!(chosen(&keys, 1, 100), 1, "but none is exchanged for another that rests");
    }
}
