//! The routing table: every public name with the candidates behind it, worked out once per configuration so
//! that a call costs one lookup.
//!
//! A name is looked up as an alias, as a model that providers list (by priority, then by their order in the
//! configuration), as `provider/model` (listed or not), as a knob of the demo provider, and at last under the
//! alias `*`, which takes every name that nothing else knows.

use super::candidate::Candidate;
use super::nearest::nearest;
use super::register::Register;
use super::standing::Standing;
use super::way::Way;
use protocol::dialect::Dialect;
use protocol::ipc::configure::{App, ModelFacts, Provider, RouteStep, RouterConfig, Rule};
use protocol::model::{Failure, FailureKind};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The alias that takes every unknown name.
const CATCH_ALL: &str = "*";
/// The preset whose models carry instructions in their names, so that they cannot be listed.
const DEMO_PRESET: &str = "demo";
/// Known names shown to a client that asked for an unknown one.
const NAMES_SHOWN: usize = 10;

/// A public name, as the model list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicModel {
    pub(crate) id: String,
    /// The provider that serves it first.
    pub(crate) owner: Arc<str>,
}

/// One configuration's routes. Immutable, but for what [`Register`] counts.
#[derive(Debug, Default)]
pub(crate) struct Table {
    providers: Vec<Provider>,
    by_provider: HashMap<String, usize>,
    register: Register,
    ways: HashMap<String, Arc<Way>>,
    apps: HashMap<String, AppWay>,
    catch_all: Option<Arc<Way>>,
    listed: Vec<PublicModel>,
}

/// The steps of an app, with the candidates of those that name a model, where the provider is there.
#[derive(Debug, Default)]
pub(crate) struct AppWay {
    pub(super) candidates: Vec<(RouteStep, Option<Candidate>)>,
    pub(super) fallback: Vec<(RouteStep, Option<Candidate>)>,
}

impl Table {
    /// Works out the routes of a configuration. References to providers that do not exist lead nowhere. What
    /// `before` knew of a pair that is still configured goes on.
    pub(crate) fn new(config: &RouterConfig, before: Option<&Table>) -> Self {
        let mut providers = config.providers.clone();
        providers.sort_by_key(|p| p.priority);
        let by_provider = providers.iter().enumerate().map(|(i, p)| (p.name.clone(), i)).collect();
        let register = Register::new(config, before.map(|table| &table.register));
        let mut table = Self { providers, by_provider, register, ..Self::default() };
        for alias in &config.aliases {
            let heads: Vec<_> = alias
                .candidates
                .iter()
                .filter_map(|c| table.provider(&c.provider).map(|p| (p, c.model.as_str(), c.weight)))
                .collect();
            let way = table.expand(&heads, alias.rule);
            table.publish(&alias.name, way);
        }
        for model in table.listed_models() {
            let listing = table.providers.iter().filter(|p| lists(p, &model));
            let heads: Vec<_> = listing.map(|p| (p, model.as_str(), 1)).collect();
            let way = table.expand(&heads, Rule::Priority);
            table.publish(&model, way);
        }
        table.publish_addresses();
        table.apps = config.apps.iter().map(|app| (app.name.clone(), table.app_way(app))).collect();
        table
    }

    fn app_way(&self, app: &App) -> AppWay {
        let step = |step: &RouteStep| {
            let provider = self.provider(&step.provider);
            let pair = provider.zip(step.model.as_ref());
            (step.clone(), pair.map(|(provider, model)| self.candidate(provider, model)))
        };
        AppWay {
            candidates: app.route.candidates.iter().map(step).collect(),
            fallback: app.route.fallback.iter().map(step).collect(),
        }
    }

    /// Every listed model under its full name, `provider/model`.
    fn publish_addresses(&mut self) {
        let addresses: Vec<(String, Arc<Way>)> = self
            .providers
            .iter()
            .flat_map(|p| p.models.iter().map(move |m| (p, m.id.as_str())))
            .map(|(p, model)| (format!("{}/{model}", p.name), self.expand(&[(p, model, 1)], Rule::Priority)))
            .collect();
        for (address, way) in addresses {
            self.publish(&address, way);
        }
    }

    /// The candidates for a public name, or the failure that says what exists.
    pub(crate) fn resolve(&self, name: &str) -> Result<Arc<Way>, Box<Failure>> {
        if let Some(way) = self.ways.get(name) {
            return Ok(Arc::clone(way));
        }
        if let Some((provider, model)) = name.split_once('/')
            && let Some(provider) = self.provider(provider)
            && !model.is_empty()
        {
            return Ok(self.expand(&[(provider, model, 1)], Rule::Priority));
        }
        let demo: Vec<_> = self
            .providers
            .iter()
            .filter(|p| p.preset == DEMO_PRESET && name.starts_with(DEMO_PRESET))
            .map(|p| (p, name, 1))
            .collect();
        if !demo.is_empty() {
            return Ok(self.expand(&demo, Rule::Priority));
        }
        self.catch_all.clone().ok_or_else(|| Box::new(self.unknown(name)))
    }

    /// The provider and model that serve a caller who asks for nothing in particular.
    pub(crate) fn first(&self) -> Option<(&str, &str)> {
        if let Some(first) = self.catch_all.as_ref().and_then(|way| way.route.first()) {
            return Some((&first.provider, &first.model));
        }
        let provider = self.providers.first()?;
        Some((&provider.name, provider.models.first().map_or("", |model| &model.id)))
    }

    /// Every provider that speaks a dialect itself, or the one of that name: for calls that name no model.
    pub(crate) fn speaking(
        &self,
        dialect: Dialect,
        provider: Option<&str>,
    ) -> Result<Arc<Way>, Box<Failure>> {
        let speaks =
            |p: &&Provider| p.dialects.contains(&dialect) && provider.is_none_or(|name| p.name == name);
        let heads: Vec<_> =
            self.providers.iter().filter(speaks).map(|p| (self.candidate(p, ""), 1)).collect();
        if heads.is_empty() {
            let message = match provider {
                Some(name) => format!("no provider `{name}` speaks the {dialect} dialect"),
                None => format!("no provider speaks the {dialect} dialect, which this path belongs to"),
            };
            return Err(Box::new(Failure::new(FailureKind::NotFound, message)));
        }
        Ok(Arc::new(Way::new(heads, Vec::new(), Rule::Priority)))
    }

    /// The steps of an app, if it is configured.
    pub(super) fn app(&self, name: &str) -> Option<&AppWay> {
        self.apps.get(name)
    }

    /// What is counted and remembered of pairs and accounts.
    pub(crate) fn register(&self) -> &Register {
        &self.register
    }

    /// A pair of a provider that is configured.
    pub(super) fn candidate(&self, provider: &Provider, model: &str) -> Candidate {
        let vitals = self.register.vitals(&provider.name, model);
        Candidate::new(model, vitals, self.register.entry(&provider.name, model))
    }

    /// What is known of the model that a public name reaches first: configured, else what any preset knows of a
    /// model of that name.
    pub(crate) fn facts(&self, name: &str) -> Option<ModelFacts> {
        let way = self.resolve(name).ok()?;
        let first = way.route.first()?;
        let provider = self.provider(&first.provider)?;
        let configured = provider.models.iter().find(|m| *m.id == *first.model).map(|m| m.facts.clone());
        let known =
            || protocol::preset::all().iter().find_map(|row| row.model(&first.model)).map(|m| m.facts());
        let said = configured.filter(|facts| *facts != ModelFacts::default());
        Some(said.or_else(known).unwrap_or_default())
    }

    /// The provider of that name.
    pub(crate) fn provider(&self, name: &str) -> Option<&Provider> {
        self.by_provider.get(name).map(|i| &self.providers[*i])
    }

    /// Every provider, by priority.
    pub(crate) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// Fitness of a provider by name; one that is gone from the configuration is out.
    pub(crate) fn standing(&self, provider: &str) -> Standing {
        self.provider(provider)
            .map_or_else(|| Standing::Out("it is no longer configured".to_owned()), Standing::of)
    }

    /// Every public name, each once: aliases, models, then models by their full names.
    pub(crate) fn public_models(&self) -> &[PublicModel] {
        &self.listed
    }

    fn publish(&mut self, name: &str, way: Arc<Way>) {
        let Some(first) = way.route.first() else { return };
        if name == CATCH_ALL {
            self.catch_all = Some(way);
        } else if !self.ways.contains_key(name) {
            self.listed.push(PublicModel { id: name.to_owned(), owner: first.provider.clone() });
            self.ways.insert(name.to_owned(), way);
        }
    }

    fn listed_models(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let ids = self.providers.iter().flat_map(|p| &p.models).map(|m| m.id.clone());
        ids.filter(|id| seen.insert(id.clone())).collect()
    }

    /// The candidates themselves, then those of their providers' fallback lists (the same model where it is
    /// listed, else that provider's first); each pair once, order kept.
    fn expand(&self, heads: &[(&Provider, &str, u32)], rule: Rule) -> Arc<Way> {
        let mut tail = Vec::new();
        for (provider, model, _) in heads {
            for fallback in provider.fallback.iter().filter_map(|name| self.provider(name)) {
                let known = if lists(fallback, model) { Some(*model) } else { None };
                if let Some(model) = known.or_else(|| fallback.models.first().map(|m| m.id.as_str())) {
                    tail.push(self.candidate(fallback, model));
                }
            }
        }
        let heads = heads.iter().map(|(p, model, weight)| (self.candidate(p, model), *weight)).collect();
        Arc::new(Way::new(heads, tail, rule))
    }

    fn unknown(&self, name: &str) -> Failure {
        let shown: String = name.chars().take(100).collect();
        let names = nearest(name, self.listed.iter().map(|m| m.id.as_str()), NAMES_SHOWN);
        let message = match (names.as_slice(), self.listed.len().saturating_sub(names.len())) {
            ([], _) => format!("the model `{shown}` does not exist: no model is configured"),
            (names, 0) => format!("the model `{shown}` does not exist; there is: {}", names.join(", ")),
            (names, more) => {
                format!("the model `{shown}` does not exist; there is: {}, and {more} more", names.join(", "))
            }
        };
        Failure::new(FailureKind::ModelNotFound, message).with_param("model")
    }
}

pub(super) fn lists(provider: &Provider, model: &str) -> bool {
    provider.models.iter().any(|m| m.id == model)
}

#[cfg(test)]
mod tests;
