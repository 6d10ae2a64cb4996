//! When the keys of apps were last used: gathered from the calls that are put on record, and written to the
//! configuration store now and then, many at once. No call waits for it, and a use that is lost is no loss.

use super::spool::Settled;
use crate::control::now;
use crate::store::app_keys::KeyUsed;
use crate::store::config::Reserve;
use crate::store::{ConfigStore, UnixMs};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two writes.
const EVERY: Duration = Duration::from_secs(5);
/// Keys remembered between two writes; the rest are found by their next call.
const MOST: usize = 20_000;

/// How the trace of a call without a key begins.
const KEYLESS: &str = r#"{"key":null"#;

/// What is read of a trace.
#[derive(Deserialize)]
struct Shown {
    key: Option<String>,
}

/// See the module. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyUses {
    seen: Arc<Mutex<BTreeMap<KeyUsed, UnixMs>>>,
}

impl KeyUses {
    /// A call was made; with a key, perhaps.
    pub(super) fn see(&self, settled: &Settled) {
        let trace = settled.trace.as_deref().map(RawValue::get);
        // Nothing else is looked for, and in most calls not even that: the key is the first thing in a trace.
        let Some(trace) = trace.filter(|trace| !trace.starts_with(KEYLESS)) else { return };
        let Ok(Shown { key: Some(label) }) = serde_json::from_str(trace) else { return };
        let (used, now) = (KeyUsed { app: settled.call.app.clone(), label }, UnixMs(settled.call.at));
        let mut seen = self.seen();
        if seen.len() < MOST || seen.contains_key(&used) {
            let at = seen.entry(used).or_insert(now);
            *at = (*at).max(now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::control::record::CallTrace;

    #[test]
    fn a_trace_begins_with_its_key() {
        let text = serde_json::to_string(&CallTrace::default()).unwrap();
        assert!(text.starts_with(KEYLESS), "{text}");
        let trace = CallTrace { key: Some("one".to_owned()), ..CallTrace::default() };
        let shown: Shown = serde_json::from_str(&serde_json::to_string(&trace).unwrap()).unwrap();
        assert_eq!(shown.key.as_deref(), Some("one"));
    }
}
