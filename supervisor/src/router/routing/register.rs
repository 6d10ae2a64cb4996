//! Everything that is counted about the pairs of one configuration, found by name. Pairs that were configured
//! before keep what is known of them; so do some models that nobody listed. When there are too many of those, the
//! others share one entry per provider: names that clients make up cost no memory.

use super::breaker::Saved;
use super::vitals::{Account, Vitals};
use protocol::ipc::configure::{ModelEntry, Provider, RouterConfig};
use protocol::ipc::notice::{Memory, SavedBreaker, SavedRate};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Stands for the models that are not listed and have no entry of their own.
const UNLISTED: &str = "*";
/// Models of a provider that have one without being listed.
const MOST_UNLISTED: usize = 128;
/// A longer name has none.
const LONGEST: usize = 256;
/// Before a provider's name: its rate and its places are saved beside those of apps and keys.
const OF_PROVIDER: &str = "provider:";

/// What a provider is called among those who have limits.
pub(crate) fn of_provider(name: &str) -> String {
    format!("{OF_PROVIDER}{name}")
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Register {
    providers: HashMap<String, Pairs>,
}

#[derive(Debug)]
struct Pairs {
    account: Arc<Account>,
    models: HashMap<String, Arc<Vitals>>,
    unlisted: Mutex<HashMap<String, Arc<Vitals>>>,
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
        let known = self.providers.get(provider).and_then(|pairs| pairs.vitals(model));
        known.unwrap_or_else(|| Vitals::new(&Account::new(provider), model))
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
            let unlisted = pairs.unlisted();
            for vitals in pairs.models.values().chain(unlisted.values()) {
                let (saved, held) = vitals.save(now);
                if saved.is_some() || held.is_some() {
                    all.push(written(name, Some(&vitals.model), saved, held, now_ms));
                }
            }
        }
        all
    }

    /// Adds how much of its rates each provider has used.
    pub(crate) fn save_rates(&self, now: Instant, memory: &mut Memory) {
        for (name, pairs) in &self.providers {
            let rates = pairs.account.used_rates(now).into_iter();
            memory.rates.extend(rates.map(|(limit, resets_in)| SavedRate {
                of: of_provider(name),
                limit: limit.to_owned(),
                empty_ms: memory.at_ms + u64::try_from(resets_in.as_millis()).unwrap_or(u64::MAX),
            }));
        }
    }

    /// Goes on where another router was; what is not configured any more is forgotten.
    pub(crate) fn recall(&self, memory: &Memory, now: Instant, now_ms: u64) {
        let left = |until: u64| Duration::from_millis(until.saturating_sub(now_ms));
        for rate in &memory.rates {
            let name = rate.of.strip_prefix(OF_PROVIDER);
            if let Some(pairs) = name.and_then(|name| self.providers.get(name)) {
                pairs.account.restore_rate(&rate.limit, left(rate.empty_ms), now);
            }
        }
        for one in &memory.breakers {
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
                    let Some(vitals) = pairs.vitals(model) else { continue };
                    vitals.restore(Some(breaker), one.held_until_ms.map(left), now);
                }
            }
        }
    }
}

impl Pairs {
    /// Of a model, listed or not.
    fn vitals(&self, model: &str) -> Option<Arc<Vitals>> {
        if let Some(known) = self.models.get(model) {
            return Some(Arc::clone(known));
        }
        let mut unlisted = self.unlisted();
        if let Some(known) = unlisted.get(model) {
            return Some(Arc::clone(known));
        }
        if unlisted.len() >= MOST_UNLISTED {
            // Those that nobody uses and of which there is nothing to remember make room.
            let now = Instant::now();
            unlisted.retain(|_, v| Arc::strong_count(v) > 1 || v.save(now) != (None, None));
        }
        if unlisted.len() >= MOST_UNLISTED || model.len() > LONGEST {
            return self.models.get(UNLISTED).map(Arc::clone);
        }
        let vitals = Vitals::new(&self.account, model);
        unlisted.insert(model.to_owned(), Arc::clone(&vitals));
        Some(vitals)
    }

    fn unlisted(&self) -> MutexGuard<'_, HashMap<String, Arc<Vitals>>> {
        self.unlisted.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
        let unlisted = old.map(|old| old.unlisted().clone()).unwrap_or_default();
        let names = listed.chain(of_aliases).chain(of_apps).chain([UNLISTED]);
        let vitals = |model: &str| {
            let known = old.and_then(|old| old.models.get(model)).map(Arc::clone);
            (model.to_owned(), known.unwrap_or_else(|| Vitals::new(&account, model)))
        };
        Self {
            models: names.map(vitals).collect(),
            unlisted: Mutex::new(unlisted),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Pairs {
        Pairs {
            account: Account::new("p"),
            models: HashMap::from([(UNLISTED.to_owned(), Vitals::new(&Account::new("p"), UNLISTED))]),
            unlisted: Mutex::default(),
            entries: HashMap::new(),
        }
    }

    #[test]
    fn an_unlisted_model_has_a_breaker_of_its_own_as_long_as_there_is_room() {
        let pairs = pairs();
        let first = pairs.vitals("new-model").unwrap();
        assert!(Arc::ptr_eq(&first, &pairs.vitals("new-model").unwrap()));
        assert!(!Arc::ptr_eq(&first, &pairs.vitals("other").unwrap()));
        // Names that are made up make room for each other; one that is in use stays.
        (0..10 * MOST_UNLISTED).for_each(|n| drop(pairs.vitals(&format!("made-up-{n}"))));
        assert!(Arc::ptr_eq(&first, &pairs.vitals("new-model").unwrap()));
        assert!(pairs.unlisted().len() <= MOST_UNLISTED);
        let held: Vec<_> =
            (0..2 * MOST_UNLISTED).map(|n| pairs.vitals(&format!("busy-{n}")).unwrap()).collect();
        assert_eq!(&*held.last().unwrap().model, UNLISTED, "the rest share one");
        assert_eq!(&*pairs.vitals(&"x".repeat(LONGEST + 1)).unwrap().model, UNLISTED);
    }
}
