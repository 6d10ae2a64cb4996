//! How every change is made: checked inside its transaction, committed, put in force, acknowledged. Executors say
//! what changes; this says how far it is.

use super::{Force, now, refused};
use crate::fleet::Fleet;
use crate::people::Actor;
use crate::store::edit::Effect;
use crate::store::{ConfigStore, Edit, StoreError};
use protocol::control::answer::Now;
use protocol::control::{Changed, ControlReply, Pending, Refusal};
use std::time::Duration;

/// Acknowledgements are waited for so long; later ones are left to whoever looks.
const ACKNOWLEDGED: Duration = Duration::from_secs(5);

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Changes {
    store: ConfigStore,
    force: Force,
    fleet: Fleet,
}

/// A change that is committed, and how far it is in force.
pub(crate) struct Committed<T> {
    pub(crate) value: T,
    pub(crate) epoch: u64,
    pub(crate) pending: Vec<Pending>,
}

impl<T> Committed<T> {
    /// As a reply, with the thing as it is now.
    pub(crate) fn reply(self, now: Option<Now>) -> ControlReply {
        ControlReply::Changed(Box::new(Changed { epoch: self.epoch, pending: self.pending, now }))
    }
}

impl Changes {
    pub(crate) fn new(store: ConfigStore, force: Force, fleet: Fleet) -> Changes {
        Changes { store, force, fleet }
    }

    /// Makes a change that decides how calls are served. The job may run twice, so it has no effects of its own.
    pub(crate) async fn commit<T: Send + 'static>(
        &self,
        actor: &Actor,
        job: impl Fn(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Committed<T>, Refusal> {
        let check = self.force.now().check.clone();
        let at = now();
        let checked = move |edit: &mut Edit<'_>| {
            let value = job(edit)?;
            check.usable(edit, at)?;
            Ok(value)
        };
        let changed = self.store.change(actor.stamp(at), checked).await.map_err(refused)?;
        let Effect { epoch, changes } = changed.effect;
        let epoch = epoch.unsigned_abs();
        let pending = match changes {
            0 => Vec::new(),
            _ => self.put_in_force(epoch).await,
        };
        Ok(Committed { value: changed.value, epoch, pending })
    }

    /// Puts in force what is stored now; tells who has not taken it over in time.
    pub(crate) async fn put_in_force(&self, epoch: u64) -> Vec<Pending> {
        match self.force.refresh().await {
            Ok(_) => self.fleet.settled(epoch, ACKNOWLEDGED).await,
            Err(refusal) => vec![Pending { process: "supervisor".to_owned(), reason: refusal.message }],
        }
    }
}
