//! The recorder: takes finished calls, writes them in batches. When the disk does not keep up whoever brings them
//! waits; a batch the store refuses is kept and tried again. A call is acknowledged only after its batch is
//! committed.

use crate::store::calls::CallRow;
use crate::store::usage::Added;
use crate::store::{StoreError, UsageStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Batches of calls that may wait to be written.
const QUEUE: usize = 16;
/// Calls in one transaction.
const BATCH: usize = 500;
/// The longest a call waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// Between two tries at a batch the store refuses.
const RETRY: Duration = Duration::from_secs(2);

/// The way in. Clones share the queue.
#[derive(Clone)]
pub(crate) struct Ledger {
    queue: mpsc::Sender<Entry>,
    counters: Arc<Counters>,
    committed: watch::Receiver<u64>,
}

/// The one task that writes. Its owner spawns [`Recorder::run`] and awaits it at shutdown.
pub(crate) struct Recorder {
    store: UsageStore,
    inbox: mpsc::Receiver<Entry>,
    counters: Arc<Counters>,
    committed: watch::Sender<u64>,
    linger: Duration,
    retry: Duration,
}

/// What became of calls since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) recorded: u64,
    /// Sent again after they had been recorded.
    pub(crate) repeated: u64,
    /// Lost: the store refused them until the end.
    pub(crate) dropped: u64,
    /// Batches the store refused at first.
    pub(crate) retried: u64,
}

/// Why a call is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unrecorded {
    #[error("the ledger is closed")]
    Closed,
}

#[derive(Default)]
struct Counters {
    recorded: AtomicU64,
    repeated: AtomicU64,
    dropped: AtomicU64,
    retried: AtomicU64,
}

enum Entry {
    Calls(Vec<CallRow>),
    /// Answer when everything before this is committed; dropped when it cannot be.
    Flush(oneshot::Sender<()>),
}

/// A ledger in front of a usage store, and the task that has to run for it.
pub(crate) fn new(store: UsageStore) -> (Ledger, Recorder) {
    let (queue, inbox) = mpsc::channel(QUEUE);
    let counters = Arc::new(Counters::default());
    let (sender, committed) = watch::channel(0);
    let recorder = Recorder {
        store,
        inbox,
        counters: Arc::clone(&counters),
        committed: sender,
        linger: LINGER,
        retry: RETRY,
    };
    (Ledger { queue, counters, committed }, recorder)
}

impl Ledger {
    /// Takes calls, waiting for room, and answers when they and everything before them are committed: the
    /// acknowledgement for a sender that keeps its calls until then and may send them again.
    pub(crate) async fn commit(&self, calls: Vec<CallRow>) -> Result<(), Unrecorded> {
        self.queue.send(Entry::Calls(calls)).await.map_err(|_| Unrecorded::Closed)?;
        let (done, committed) = oneshot::channel();
        self.queue.send(Entry::Flush(done)).await.map_err(|_| Unrecorded::Closed)?;
        committed.await.map_err(|_| Unrecorded::Closed)
    }

    /// Counts the batches that were committed.
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    pub(crate) fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let c = &self.counters;
        Tally {
            recorded: read(&c.recorded),
            repeated: read(&c.repeated),
            dropped: read(&c.dropped),
            retried: read(&c.retried),
        }
    }
}

impl Recorder {
    /// Writes until every [`Ledger`] is gone, then what is left. Returns when all of it is committed, or after
    /// one last refusal.
    pub(crate) async fn run(mut self) {
        while let Some(batch) = self.collect().await {
            self.write(batch).await;
        }
    }

    /// Waits for a first entry, then for more until the batch is full, old, or wanted. `None` = no more will come.
    async fn collect(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        batch.take(self.inbox.recv().await?);
        let old = Instant::now() + self.linger;
        while batch.calls.len() < BATCH && batch.waiting.is_empty() {
            match tokio::time::timeout_at(old, self.inbox.recv()).await {
                Ok(Some(entry)) => batch.take(entry),
                Ok(None) | Err(_) => break,
            }
        }
        Some(batch)
    }

    async fn write(&self, batch: Batch) {
        let Batch { calls, waiting } = batch;
        match self.insist(calls).await {
            Ok(added) => {
                self.counters.recorded.fetch_add(added.added as u64, Ordering::Relaxed);
                self.counters.repeated.fetch_add(added.repeated as u64, Ordering::Relaxed);
                self.committed.send_modify(|n| *n += 1);
                for done in waiting {
                    let _gone = done.send(());
                }
            }
            Err(lost) => {
                self.counters.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            }
        }
    }

    /// Tries until the store takes the batch. Gives up only when nobody can send any more: the queue is the
    /// bound of what waits meanwhile. On giving up, the number of calls lost.
    async fn insist(&self, calls: Vec<CallRow>) -> Result<Added, usize> {
        if calls.is_empty() {
            return Ok(Added::default());
        }
        let calls: Arc<[CallRow]> = calls.into();
        loop {
            match self.store.add_calls(Arc::clone(&calls)).await {
                Ok(added) => return Ok(added),
                Err(StoreError::Closed) => return Err(calls.len()),
                Err(error) => {
                    self.counters.retried.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, calls = calls.len(), "usage rows are waiting for the store");
                    if self.inbox.is_closed() {
                        return Err(calls.len());
                    }
                    tokio::time::sleep(self.retry).await;
                }
            }
        }
    }
}

#[cfg(test)]
impl Recorder {
    /// The same, in a hurry.
    pub(super) fn quick(self) -> Recorder {
        Recorder { linger: Duration::from_millis(2), retry: Duration::from_millis(2), ..self }
    }
}

#[derive(Default)]
struct Batch {
    calls: Vec<CallRow>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Calls(calls) if self.calls.is_empty() => self.calls = calls,
            Entry::Calls(calls) => self.calls.extend(calls),
            Entry::Flush(done) => self.waiting.push(done),
        }
    }
}
