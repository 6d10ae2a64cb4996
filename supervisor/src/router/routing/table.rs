//! The routing table: every public name with the candidates behind it, worked out once per configuration so
//! that a call costs one lookup.
//!
//! A name is looked up as an alias, as a model that providers list (by priority, then by their order in the
//! configuration), as `provider/model` (listed or not), as a knob of the demo provider, and at last under the
//! alias `*`, which takes every name that nothing else knows.

use super::nearest::nearest;
use super::standing::Standing;
use http::HeaderValue;
use protocol::dialect::Dialect;
use protocol::ipc::configure::{ModelFacts, Provider, RouterConfig};
use protocol::model::{Failure, FailureKind};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The alias that takes every unknown name.
const CATCH_ALL: &str = "*";
/// The preset whose models carry instructions in their names, so that they cannot be listed.
const DEMO_PRESET: &str = "demo";
/// Known names shown to a client that asked for an unknown one.
const NAMES_SHOWN: usize = 10;

/// A (provider, model) pair that may serve a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) provider: Arc<str>,
    /// In the provider's own words.
    pub(crate) model: Arc<str>,
    /// Both names as response headers; made here because every answer carries them.
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
}

impl Candidate {
    fn new(provider: &str, model: &str) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            provider_header: header_value(provider),
            model_header: header_value(model),
        }
    }
}

/// Names are the operator's or the client's words: what a header cannot hold is replaced.
fn header_value(name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    HeaderValue::try_from(plain).unwrap_or(HeaderValue::from_static("?"))
}

/// The candidates behind one public name, in order.
pub(crate) type Route = Arc<[Candidate]>;

/// A public name, as the model list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicModel {
    pub(crate) id: String,
    /// The provider that serves it first.
    pub(crate) owner: Arc<str>,
}

/// One configuration's routes. Immutable.
#[derive(Debug, Default)]
pub(crate) struct Table {
    providers: Vec<Provider>,
    by_provider: HashMap<String, usize>,
    routes: HashMap<String, Route>,
    catch_all: Option<Route>,
    listed: Vec<PublicModel>,
}

impl Table {
    /// Works out the routes of a configuration. References to providers that do not exist lead nowhere.
    pub(crate) fn new(config: &RouterConfig) -> Self {
        let mut providers = config.providers.clone();
        providers.sort_by_key(|p| p.priority);
        let by_provider = providers.iter().enumerate().map(|(i, p)| (p.name.clone(), i)).collect();
        let mut table = Self { providers, by_provider, ..Self::default() };
        for alias in &config.aliases {
            let heads: Vec<_> = alias
                .candidates
                .iter()
                .filter_map(|c| table.provider(&c.provider).map(|p| (p, c.model.as_str())))
                .collect();
            let route = table.expand(&heads);
            table.publish(&alias.name, route);
        }
        for model in table.listed_models() {
            let heads: Vec<_> =
                table.providers.iter().filter(|p| lists(p, &model)).map(|p| (p, model.as_str())).collect();
            let route = table.expand(&heads);
            table.publish(&model, route);
        }
        table.publish_addresses();
        table
    }

    /// Every listed model under its full name, `provider/model`.
    fn publish_addresses(&mut self) {
        let addresses: Vec<(String, Route)> = self
            .providers
            .iter()
            .flat_map(|p| p.models.iter().map(move |m| (p, m.id.as_str())))
            .map(|(p, model)| (format!("{}/{model}", p.name), self.expand(&[(p, model)])))
            .collect();
        for (address, route) in addresses {
            self.publish(&address, route);
        }
    }

    /// The candidates for a public name, or the failure that says what exists.
    pub(crate) fn resolve(&self, name: &str) -> Result<Route, Box<Failure>> {
        if let Some(route) = self.routes.get(name) {
            return Ok(route.clone());
        }
        if let Some((provider, model)) = name.split_once('/')
            && let Some(provider) = self.provider(provider)
            && !model.is_empty()
        {
            return Ok(self.expand(&[(provider, model)]));
        }
        let demo: Vec<_> = self
            .providers
            .iter()
            .filter(|p| p.preset == DEMO_PRESET && name.starts_with(DEMO_PRESET))
            .map(|p| (p, name))
            .collect();
        if !demo.is_empty() {
            return Ok(self.expand(&demo));
        }
        self.catch_all.clone().ok_or_else(|| Box::new(self.unknown(name)))
    }

    /// Every provider that speaks a dialect itself, or the one of that name: for calls that name no model.
    pub(crate) fn speaking(&self, dialect: Dialect, provider: Option<&str>) -> Result<Route, Box<Failure>> {
        let speaks =
            |p: &&Provider| p.dialects.contains(&dialect) && provider.is_none_or(|name| p.name == name);
        let route: Route =
            self.providers.iter().filter(speaks).map(|p| Candidate::new(&p.name, "")).collect();
        if route.is_empty() {
            let message = match provider {
                Some(name) => format!("no provider `{name}` speaks the {dialect} dialect"),
                None => format!("no provider speaks the {dialect} dialect, which this path belongs to"),
            };
            return Err(Box::new(Failure::new(FailureKind::NotFound, message)));
        }
        Ok(route)
    }

    /// What is known of the model that a public name reaches first: configured, else what any preset knows of a
    /// model of that name.
    pub(crate) fn facts(&self, name: &str) -> Option<ModelFacts> {
        let route = self.resolve(name).ok()?;
        let first = route.first()?;
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

    fn publish(&mut self, name: &str, route: Route) {
        let Some(first) = route.first() else { return };
        if name == CATCH_ALL {
            self.catch_all = Some(route);
        } else if !self.routes.contains_key(name) {
            self.listed.push(PublicModel { id: name.to_owned(), owner: first.provider.clone() });
            self.routes.insert(name.to_owned(), route);
        }
    }

    fn listed_models(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let ids = self.providers.iter().flat_map(|p| &p.models).map(|m| m.id.clone());
        ids.filter(|id| seen.insert(id.clone())).collect()
    }

    /// The candidates themselves, then those of their providers' fallback lists (the same model where it is
    /// listed, else that provider's first); each pair once, order kept.
    fn expand(&self, heads: &[(&Provider, &str)]) -> Route {
        let mut pairs: Vec<(&str, &str)> = heads.iter().map(|(p, model)| (p.name.as_str(), *model)).collect();
        for (provider, model) in heads {
            for fallback in provider.fallback.iter().filter_map(|name| self.provider(name)) {
                let known = if lists(fallback, model) { Some(*model) } else { None };
                if let Some(model) = known.or_else(|| fallback.models.first().map(|m| m.id.as_str())) {
                    pairs.push((&fallback.name, model));
                }
            }
        }
        let mut seen = HashSet::new();
        pairs.into_iter().filter(|pair| seen.insert(*pair)).map(|(p, m)| Candidate::new(p, m)).collect()
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

fn lists(provider: &Provider, model: &str) -> bool {
    provider.models.iter().any(|m| m.id == model)
}

#[cfg(test)]
mod tests;
