//! The whole configuration at one epoch: what a router and workers are told from. Secrets are not in it.

use super::aliases::Alias;
use super::app_keys::AppKey;
use super::apps::App;
use super::edit::View;
use super::error::StoreError;
use super::models::Model;
use super::prices::Price;
use super::provider_keys::ProviderKey;
use super::providers::Provider;
use super::routes::Route;
use super::settings::Setting;
use super::words::UnixMs;

/// Everything that decides how calls are served.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) epoch: i64,
    pub(crate) settings: Vec<Setting>,
    /// In the order they serve.
    pub(crate) providers: Vec<Provider>,
    pub(crate) provider_keys: Vec<ProviderKey>,
    pub(crate) models: Vec<Model>,
    pub(crate) prices: Vec<Price>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) apps: Vec<App>,
    /// Keys that are neither revoked nor expired.
    pub(crate) app_keys: Vec<AppKey>,
    pub(crate) routes: Vec<Route>,
}

impl View<'_> {
    /// The configuration as it stands.
    pub(crate) fn snapshot(&self, at: UnixMs) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            epoch: self.epoch()?,
            settings: self.settings()?,
            providers: self.providers()?,
            provider_keys: self.all_provider_keys()?,
            models: self.all_models()?,
            prices: self.all_prices()?,
            aliases: self.aliases()?,
            apps: self.apps()?,
            app_keys: self.live_app_keys(at)?,
            routes: self.routes()?,
        })
    }
}
