//! What every executor works with, and what is the same for all of them.

use super::{Changes, Force, Picture, Probes, refused};
use crate::people::Actor;
use crate::settings::SpotKind;
use crate::store::edit::{Expect, View};
use crate::store::{ConfigStore, StoreError};
use crate::vault::Vault;
use protocol::control::record::Source;
use protocol::control::{Permission, Refusal, RefusalKind};
use std::sync::Arc;

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) store: ConfigStore,
    pub(crate) vault: Vault,
    pub(crate) force: Force,
    pub(crate) changes: Changes,
    pub(crate) probes: Probes,
}

/// Which version of a row the caller has seen.
pub(super) fn expect(version: Option<i64>) -> Expect {
    version.map_or(Expect::Any, Expect::Version)
}

impl Means {
    /// Reads the store.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.store.read(job).await.map_err(refused)
    }

    /// Refuses a change to what the file defines.
    pub(super) fn writable(&self, kind: SpotKind, name: &str) -> Result<(), Refusal> {
        let picture = self.force.now();
        let base = picture.check.base();
        if !base.takes_stored() {
            let why = "llm-link runs with the flags of llm-link 0.7, which are its whole configuration";
            return Err(Refusal::new(RefusalKind::ReadOnly, why));
        }
        let Some(at) = base.defines(kind, name) else { return Ok(()) };
        let why = format!("{} `{name}` is defined in {at}: change it there", kind.name());
        Err(Refusal::new(RefusalKind::ReadOnly, why))
    }

    /// Refuses a change to what is there and not stored: the file defines it, or it only stands in.
    pub(super) fn editable(&self, kind: SpotKind, name: &str) -> Result<(), Refusal> {
        self.writable(kind, name)?;
        let picture = self.force.now();
        let (settings, snapshot) = (&picture.settings, &picture.snapshot);
        let (used, stored) = match kind {
            SpotKind::Provider => (
                settings.providers.iter().any(|provider| provider.name == name),
                snapshot.providers.iter().any(|row| row.spec.name == name),
            ),
            SpotKind::App => (
                settings.apps.iter().any(|app| app.name == name),
                snapshot.apps.iter().any(|row| row.spec.name == name),
            ),
            SpotKind::Alias | SpotKind::Setting => return Ok(()),
        };
        match used && !stored {
            true => Err(Refusal::new(RefusalKind::ReadOnly, stands_in(kind, name))),
            false => Ok(()),
        }
    }
}

/// Why what only stands in cannot be changed, and what to do instead.
fn stands_in(kind: SpotKind, name: &str) -> String {
    let thing = kind.name();
    format!("{thing} `{name}` is built in and stands in until {thing}s are configured: create one instead")
}

/// Where a thing comes from, as operators see it.
pub(super) fn source(picture: &Arc<Picture>, kind: SpotKind, name: &str, is_stored: bool) -> Source {
    match picture.check.base().defines(kind, name) {
        Some(at) => Source::File(at),
        None if is_stored => Source::Store,
        None => Source::Embedded,
    }
}

/// References to files and variables of the machine are for those who run it: whoever may only edit providers
/// could have any of them sent to an address of their own.
pub(super) fn may_refer(actor: &Actor) -> Result<(), Refusal> {
    if actor.permissions.contains(&Permission::SystemConfig) {
        return Ok(());
    }
    let why = "a key that is kept in a file or variable of the machine needs the permission SystemConfig";
    Err(Refusal::new(RefusalKind::Forbidden, why))
}
