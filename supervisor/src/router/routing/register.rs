//! Everything that is counted about the pairs of one configuration, found by name. Pairs that were configured
//! before keep what is known of them; what is not listed shares one entry per provider, so that names clients
//! make up cost no memory.

use super::breaker::Saved;
use super::vitals::{Account, Vitals};
use protocol::ipc::configure::{ModelEntry, Provider, RouterConfig};
use protocol::ipc::notice::SavedBreaker;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Stands for every model that is not listed.
const UNLISTED: &str = "*";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Register {
    providers: HashMap<String, Pairs>,
}

#[derive(Debug)]
struct Pairs {
    account: Arc<Account>,
    models: HashMap<String, Arc<Vitals>>,
    entries: HashMap<String, Arc<ModelEntry>>,
}

impl Register {
    pub(super) fn new(config: &RouterConfig, before: Option<&Register>) -> Self {
        let of = |provider: &Provider| {
            let old = before.and_then(|b| b.providers.get(&provider.name));
            (provider.name.clone(), Pairs::new(provider, config, old))
        };
        Self { providers: config.providers.iter().map(of).collect() }
    }

    /// Of a pair; of no pair in particular if the provider is not configured.
    pub(super) fn vitals(&self, provider: &str, model: &str) -> Arc<Vitals> {
        let pairs = self.providers.get(provider);
        let known = pairs.and_then(|p| p.models.get(model).or_else(|| p.models.get(UNLISTED)));
        known.map_or_else(|| Vitals::new(&Account::new(provider), model), Arc::clone)
    }

    pub(super) fn entry(&self, provider: &str, model: &str) -> Option<Arc<ModelEntry>> {
        self.providers.get(provider)?.entries.get(model).map(Arc::clone)
    }

    /// What the next router must know. `now_ms` is the same moment as `now`.
    pub(crate) fn save(&self, now: Instant, now_ms: u64) -> Vec<SavedBreaker> {
        let mut all = Vec::new();
        for (name, pairs) in &self.providers {
            if let Some(saved) = pairs.account.save(now) {
                all.push(written(name, None, Some(saved), None, now_ms));
            }
            for vitals in pairs.models.values() {
                let (saved, held) = vitals.save(now);
                if saved.is_some() || held.is_some() {
                    all.push(written(name, Some(&vitals.model), saved, held, now_ms));
                }
            }
        }
        all
    }

    /// Goes on where another router was; what is not configured any more is forgotten.
    pub(crate) fn recall(&self, saved: &[SavedBreaker], now: Instant, now_ms: u64) {
        let left = |until: u64| Duration::from_millis(until.saturating_sub(now_ms));
        for one in saved {
            let Some(pairs) = self.providers.get(&one.provider) else { continue };
            let breaker = Saved {
                left: left(one.until_ms),
                trips: one.trips,
                failures: one.failures,
                closed: one.closed,
            };
            match &one.model {
                None => pairs.account.restore(breaker, now),
                Some(model) => {
                    let Some(vitals) = pairs.models.get(model) else { continue };
                    vitals.restore(Some(breaker), one.held_until_ms.map(left), now);
                }
            }
        }
    }
}

impl Pairs {
    fn new(provider: &Provider, config: &RouterConfig, old: Option<&Pairs>) -> Self {
        let account = old.map_or_else(|| Account::new(&provider.name), |old| Arc::clone(&old.account));
        account.bound(&provider.rates);
        if let Some(lane) = &provider.lane {
            account.renew(lane.generation);
        }
        let listed = provider.models.iter().map(|m| m.id.as_str());
        let of_aliases = config.aliases.iter().flat_map(|a| &a.candidates);
        let of_aliases = of_aliases.filter(|c| c.provider == provider.name).map(|c| c.model.as_str());
        let of_apps = config.apps.iter().flat_map(|a| a.route.candidates.iter().chain(&a.route.fallback));
        let of_apps = of_apps.filter(|s| s.provider == provider.name).filter_map(|s| s.model.as_deref());
        let names = listed.chain(of_aliases).chain(of_apps).chain([UNLISTED]);
        let vitals = |model: &str| {
            let known = old.and_then(|old| old.models.get(model)).map(Arc::clone);
            (model.to_owned(), known.unwrap_or_else(|| Vitals::new(&account, model)))
        };
        Self {
            models: names.map(vitals).collect(),
            entries: provider.models.iter().map(|m| (m.id.clone(), Arc::new(m.clone()))).collect(),
            account,
        }
    }
}

fn written(
    provider: &str,
    model: Option<&str>,
    saved: Option<Saved>,
    held: Option<Duration>,
    now_ms: u64,
) -> SavedBreaker {
    let until = |left: Duration| now_ms.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    let saved = saved.unwrap_or(Saved { left: Duration::ZERO, trips: 0, failures: 0, closed: true });
    SavedBreaker {
        provider: provider.to_owned(),
        model: model.map(str::to_owned),
        until_ms: until(saved.left),
        trips: saved.trips,
        failures: saved.failures,
        closed: saved.closed,
        held_until_ms: held.map(until),
    }
}
