//! What operators have decided, beside what the file says: the stored things as the same raw types that the file
//! is read into, so that one resolver gives both their meaning. The file wins over a stored thing of the same
//! name. A stored thing that cannot be used is left out and named; it never keeps the rest from running.

mod app;
mod provider;
mod setting;

pub(crate) use setting::{SETTINGS, check as check_setting};

use super::host::Account;
use super::load::{Base, Origin};
use super::mistake::{Findings, Mistakes, StoredMistake};
use super::place::{Place, Spot, SpotKind, Typed};
use super::raw::{KeySource, Raw};
use super::resolve::{self, Context};
use super::resolved::Settings;
use super::secret::Secrets;
use protocol::control::app::AppSpec;
use protocol::control::model::{AliasSpec, ModelSpec, PriceSpec};
use protocol::control::provider::ProviderSpec;
use protocol::control::route::RouteSpec;
use protocol::ipc::configure::AppKey;
use serde_json::Value;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that is stored and decides how calls are served.
#[derive(Clone, Default)]
pub(crate) struct Stored {
    pub(crate) settings: Vec<(String, Value)>,
    pub(crate) providers: Vec<StoredProvider>,
    pub(crate) aliases: Vec<AliasSpec>,
    pub(crate) apps: Vec<StoredApp>,
}

/// A provider with what belongs to it.
#[derive(Clone)]
pub(crate) struct StoredProvider {
    pub(crate) spec: ProviderSpec,
    /// The one its worker is to use; none = it has none.
    pub(crate) key: Option<KeySource>,
    pub(crate) proxy_login: Option<KeySource>,
    pub(crate) secret_headers: Vec<(String, KeySource)>,
    pub(crate) models: Vec<(ModelSpec, Vec<PriceSpec>)>,
}

/// An app with what belongs to it.
#[derive(Clone)]
pub(crate) struct StoredApp {
    pub(crate) spec: AppSpec,
    pub(crate) route: Option<RouteSpec>,
    pub(crate) keys: Vec<AppKey>,
}

/// The file's side and what is stored, resolved together.
pub(crate) struct Merged {
    pub(crate) settings: Settings,
    /// Files to watch.
    pub(crate) watch: Vec<PathBuf>,
    /// Stored things that cannot be used, and why.
    pub(crate) left_out: Vec<StoredMistake>,
}

impl Base {
    /// What is stored beside the file's side.
    ///
    /// # Errors
    /// The file's own mistakes, also those that arise only beside what is stored.
    pub(crate) fn beside(
        &self,
        stored: &Stored,
        secrets: &dyn Secrets,
        account: Account,
    ) -> Result<Merged, Mistakes> {
        let mut stored = Cow::Borrowed(stored);
        let mut left_out: Vec<StoredMistake> = Vec::new();
        loop {
            let mut findings = Findings::default();
            let raw = self.merged(&stored, secrets);
            let unusable: Vec<String> = left_out
                .iter()
                .filter(|mistake| mistake.spot.kind == SpotKind::Provider)
                .map(|mistake| mistake.spot.name.clone())
                .collect();
            let context = Context { secrets, account, base: self.folder(), unusable: &unusable };
            let resolution = resolve::resolve(raw, context, &mut findings);
            let wrong = findings.take_stored();
            if wrong.is_empty() {
                findings.judge_missing();
                let mut settings = resolution.settings;
                settings.warnings = findings.into_warnings(&self.origin.name(), &self.text)?;
                if self.raw.providers.is_empty() && stored.providers.is_empty() && self.takes_stored() {
                    let names: Vec<&str> = settings.providers.iter().map(|p| p.name.as_str()).collect();
                    settings.warnings.push(format!(
                        "no provider is configured: `{}`, which is built in, stands in until one is",
                        names.join("`, `")
                    ));
                }
                let watch = self.watch(resolution.key_files);
                return Ok(Merged { settings, watch, left_out });
            }
            // What is left out was the reason of a mistake, so there are fewer things each time.
            wrong.iter().for_each(|mistake| stored.to_mut().leave_out(&mistake.spot));
            left_out.extend(wrong);
        }
    }

    /// Both sides as typed.
    pub(super) fn merged(&self, stored: &Stored, secrets: &dyn Secrets) -> Raw {
        let mut raw = self.raw.clone();
        if matches!(self.origin, Origin::Flags { .. }) {
            return raw;
        }
        setting::apply(&mut raw, &stored.settings);
        let currencies = stored.currencies();
        let taken: Vec<String> = names(raw.providers.iter().map(|p| &p.name));
        let free = stored.providers.iter().filter(|p| !taken.contains(&p.spec.name));
        raw.providers.extend(free.map(|p| provider::raw(p, secrets)));
        let taken = names(raw.apps.iter().map(|app| &app.name));
        let free = stored.apps.iter().filter(|app| app.spec.enabled && !taken.contains(&app.spec.name));
        raw.apps.extend(free.map(|app| app::raw(app, &currencies)));
        let taken = names(raw.aliases.iter().map(|alias| &alias.name));
        let free = stored.aliases.iter().filter(|alias| alias.enabled && !taken.contains(&alias.name));
        raw.aliases.extend(free.map(app::alias));
        if raw.providers.is_empty() {
            raw.providers = self.fallback.clone();
        }
        raw
    }
}

impl Stored {
    /// Currencies that anything stored is priced in; one is always there.
    fn currencies(&self) -> Vec<String> {
        let models = self.providers.iter().flat_map(|provider| &provider.models);
        let mut found: Vec<String> =
            models.flat_map(|(_, prices)| prices).map(|price| price.currency.clone()).collect();
        found.push("USD".to_owned());
        found.sort();
        found.dedup();
        found
    }

    fn leave_out(&mut self, spot: &Spot) {
        match spot.kind {
            SpotKind::Provider => self.providers.retain(|provider| provider.spec.name != spot.name),
            SpotKind::Alias => self.aliases.retain(|alias| alias.name != spot.name),
            SpotKind::App => self.apps.retain(|app| app.spec.name != spot.name),
            SpotKind::Setting => self.settings.retain(|(name, _)| *name != spot.name),
        }
    }
}

fn names<'t>(typed: impl Iterator<Item = &'t Option<Typed<String>>>) -> Vec<String> {
    typed.flatten().map(|typed| typed.value.clone()).collect()
}

/// Where the values of one stored thing stand.
#[derive(Clone)]
struct Standing {
    kind: SpotKind,
    name: String,
}

impl Standing {
    fn place(&self, field: &str) -> Place {
        let (kind, name, field) = (self.kind, self.name.clone(), field.to_owned());
        Place::Stored(Arc::new(Spot { kind, name, field }))
    }

    fn typed<T>(&self, value: T, field: &str) -> Typed<T> {
        Typed::new(value, self.place(field))
    }

    /// A number as the file has it; what no file could hold stays at the edge, and is out of every range.
    fn number(&self, value: Option<impl TryInto<i64>>, field: &str) -> Option<Typed<i64>> {
        value.map(|value| self.typed(value.try_into().unwrap_or(i64::MAX), field))
    }

    fn bytes(&self, value: Option<u64>, field: &str) -> Option<Typed<String>> {
        value.map(|bytes| self.typed(format!("{bytes}B"), field))
    }

    fn milliseconds(&self, value: Option<u64>, field: &str) -> Option<Typed<String>> {
        value.map(|ms| self.typed(format!("{ms}ms"), field))
    }
}
