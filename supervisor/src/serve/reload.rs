//! The configuration in force as its two sides make it: the file's, read whole and checked whole or not at all,
//! and what is stored beside it.

use super::ground::Ground;
use super::plan;
use crate::cli::Source;
use crate::control::{Check, Picture};
use crate::fleet::FleetSpec;
use crate::settings::watch::{self, look};
use crate::settings::{Account, Base, Host, Merged, Settings, Stored, StoredMistake, load};
use crate::store::snapshot::Snapshot;
use std::path::PathBuf;
use std::sync::Arc;

/// See the module.
pub(super) struct Reload {
    source: Source,
    account: Account,
    base: Arc<Base>,
    pub(super) settings: Arc<Settings>,
    pub(super) ground: Ground,
    snapshot: Arc<Snapshot>,
    left_out: Arc<Vec<StoredMistake>>,
    /// Why the last reading was rejected.
    pub(super) error: Option<String>,
    watch: Vec<PathBuf>,
    seen: watch::Snapshot,
    /// A change was seen once; it is acted upon when the files have been quiet for a look.
    restless: bool,
}

/// The file's side as it was read, ready to be taken over.
pub(super) struct Read {
    base: Base,
    merged: Merged,
}

impl Reload {
    /// The first configuration.
    pub(super) fn new(
        (source, account): (Source, Account),
        base: Base,
        ground: Ground,
        (snapshot, stored): (Snapshot, &Stored),
    ) -> anyhow::Result<Self> {
        let Merged { settings, watch, left_out } = base.beside(stored, &Host, account)?;
        say(&settings.warnings, &left_out);
        Ok(Self {
            source,
            account,
            base: Arc::new(base),
            settings: Arc::new(settings),
            ground,
            snapshot: Arc::new(snapshot),
            left_out: Arc::new(left_out),
            error: None,
            seen: look(&watch),
            watch,
            restless: false,
        })
    }

    /// What was stored when this was put in force.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn epoch(&self) -> u64 {
        self.snapshot.epoch.unsigned_abs()
    }

    /// As everyone sees it.
    pub(super) fn picture(&self) -> Picture {
        Picture {
            epoch: self.epoch(),
            origin: self.source.origin.name(),
            reload_error: self.error.clone(),
            listeners: self.ground.sockets.status(),
            settings: Arc::clone(&self.settings),
            snapshot: Arc::clone(&self.snapshot),
            check: Check::new(Arc::clone(&self.base), self.account, Arc::clone(&self.left_out)),
        }
    }

    /// What the fleet is to be now.
    pub(super) fn spec(&self) -> FleetSpec {
        plan::spec(&self.settings, &self.ground, self.epoch())
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

    /// Reads the file's side again, beside what is stored. What can fail has been done when it is given.
    pub(super) fn read(&mut self, stored: &Stored) -> Result<Read, String> {
        let loaded = load(&self.source.origin, &self.source.overrides, &Host, self.account);
        self.watch = loaded.watch;
        (self.seen, self.restless) = (look(&self.watch), false);
        let (base, _) = loaded.outcome.map_err(|mistakes| mistakes.to_string())?;
        let merged = base.beside(stored, &Host, self.account).map_err(|mistakes| mistakes.to_string())?;
        if merged.settings.server.directories != self.settings.server.directories {
            return Err("the directories cannot change while llm-link runs; restart it".to_owned());
        }
        let listeners = &merged.settings.server.listeners;
        self.ground.sockets.open(listeners).map_err(|error| format!("{error:#}"))?;
        Ok(Read { base, merged })
    }

    /// Takes over what was read, as the configuration of that snapshot.
    pub(super) fn take(&mut self, read: Read, snapshot: Snapshot) {
        self.base = Arc::new(read.base);
        self.adopt(read.merged, snapshot);
    }

    /// Takes over what is stored now, beside the file's side as it was read last.
    pub(super) fn refresh(&mut self, snapshot: Snapshot, stored: &Stored) -> Result<(), String> {
        let merged =
            self.base.beside(stored, &Host, self.account).map_err(|mistakes| mistakes.to_string())?;
        self.adopt(merged, snapshot);
        Ok(())
    }

    fn adopt(&mut self, merged: Merged, snapshot: Snapshot) {
        let Merged { settings, watch, left_out } = merged;
        let new = |warning: &&String| !self.settings.warnings.contains(warning);
        let warnings: Vec<String> = settings.warnings.iter().filter(new).cloned().collect();
        let new = |mistake: &&StoredMistake| !self.left_out.contains(mistake);
        let mistakes: Vec<StoredMistake> = left_out.iter().filter(new).cloned().collect();
        say(&warnings, &mistakes);
        if watch != self.watch {
            (self.seen, self.watch) = (look(&watch), watch);
        }
        self.settings = Arc::new(settings);
        self.snapshot = Arc::new(snapshot);
        self.left_out = Arc::new(left_out);
    }
}

fn say(warnings: &[String], left_out: &[StoredMistake]) {
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    for StoredMistake { spot, what } in left_out {
        tracing::error!("stored {} `{}` is not used: {what}", spot.kind.name(), spot.name);
    }
}
