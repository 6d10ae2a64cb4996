//! When the keys of apps were last used: gathered from the calls that are put on record, and written to the
//! configuration store now and then, many at once. No call waits for it, and a use that is lost is no loss.

use crate::control::now;
use crate::store::app_keys::KeyUsed;
use crate::store::config::Reserve;
use crate::store::{ConfigStore, UnixMs};
use protocol::control::record::CallDetail;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two writes.
const EVERY: Duration = Duration::from_secs(5);
/// Keys remembered between two writes; the rest are found by their next call.
const MOST: usize = 20_000;

/// See the module. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyUses {
    seen: Arc<Mutex<BTreeMap<KeyUsed, UnixMs>>>,
}

impl KeyUses {
    /// A call was made; with a key, perhaps.
    pub(super) fn see(&self, detail: &CallDetail) {
        let Some(label) = detail.trace.as_ref().and_then(|trace| trace.key.clone()) else { return };
        let used = KeyUsed { app: detail.call.app.clone(), label };
        let mut seen = self.seen();
        if seen.len() < MOST || seen.contains_key(&used) {
            let at = seen.entry(used).or_insert(UnixMs(detail.call.at));
            *at = (*at).max(UnixMs(detail.call.at));
        }
    }

    /// Writes until it is cut off.
    pub(crate) async fn run(&self, store: &ConfigStore) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.write(store).await;
        }
    }

    /// Writes what was seen since the last time.
    pub(crate) async fn write(&self, store: &ConfigStore) {
        let seen = std::mem::take(&mut *self.seen());
        if seen.is_empty() {
            return;
        }
        let at = now();
        let written = store.note(Reserve::Keep, move |note| note.note_labels_used(&seen, at)).await;
        if let Err(error) = written {
            tracing::debug!("when keys were used was not noted: {error}");
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<KeyUsed, UnixMs>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
