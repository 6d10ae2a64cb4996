//! The configuration in force, and how it becomes the next one: read whole, checked whole, or not at all.

use super::ground::Ground;
use super::plan;
use crate::cli::Source;
use crate::control::Picture;
use crate::fleet::FleetSpec;
use crate::settings::watch::{Snapshot, look};
use crate::settings::{Account, Host, Settings, load};
use std::path::PathBuf;

/// See the module.
pub(super) struct Reload {
    source: Source,
    account: Account,
    pub(super) settings: Settings,
    pub(super) ground: Ground,
    pub(super) epoch: u64,
    /// Why the last reading was rejected.
    pub(super) error: Option<String>,
    watch: Vec<PathBuf>,
    seen: Snapshot,
    /// A change was seen once; it is acted upon when the files have been quiet for a look.
    restless: bool,
}

impl Reload {
    pub(super) fn new(
        source: Source,
        account: Account,
        settings: Settings,
        watch: Vec<PathBuf>,
        ground: Ground,
    ) -> anyhow::Result<Self> {
        let seen = look(&watch);
        Ok(Self { source, account, settings, ground, epoch: 1, error: None, watch, seen, restless: false })
    }

    /// As everyone sees it.
    pub(super) fn picture(&self) -> Picture {
        Picture {
            epoch: self.epoch,
            origin: self.source.origin.name(),
            reload_error: self.error.clone(),
            listeners: self.ground.sockets.status(),
        }
    }

    /// What the fleet is to be now.
    pub(super) fn spec(&self) -> FleetSpec {
        plan::spec(&self.settings, &self.ground, self.epoch)
    }

    /// True when the files have changed and come to rest: an editor may write a file in several steps.
    pub(super) fn changed(&mut self) -> bool {
        let now = look(&self.watch);
        let moved = !self.seen.changed(&now).is_empty();
        self.seen = now;
        let settled = self.restless && !moved;
        self.restless = moved;
        settled
    }

    /// Reads the configuration again; on an error everything stays as it was.
    pub(super) fn read(&mut self) -> Result<FleetSpec, String> {
        let loaded = load(&self.source.origin, &self.source.overrides, &Host, self.account);
        self.watch = loaded.watch;
        (self.seen, self.restless) = (look(&self.watch), false);
        let read = loaded.outcome.map_err(|mistakes| mistakes.to_string()).and_then(|settings| {
            if settings.server.directories != self.settings.server.directories {
                return Err("the directories cannot change while llm-link runs; restart it".to_owned());
            }
            self.ground.sockets.open(&settings.server.listeners).map_err(|error| format!("{error:#}"))?;
            Ok(settings)
        });
        self.error = read.as_ref().err().cloned();
        let settings = read?;
        settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        self.settings = settings;
        self.epoch += 1;
        Ok(self.spec())
    }
}
