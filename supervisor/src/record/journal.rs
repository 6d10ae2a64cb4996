//! The way of an event into the record: a bounded queue in front of the store, so that nobody to whom something
//! happens waits for a disk. What cannot be kept is counted, and the count is an event too.

use super::events::ACTOR;
use crate::control::now;
use crate::store::config::Reserve;
use crate::store::events::{NewEvent, Severity};
use crate::store::{ConfigStore, StoreError};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Events that may wait.
const QUEUE: usize = 1024;
/// Events in one transaction.
const BATCH: usize = 64;
/// Before a batch that the store refused is tried once more.
const RETRY: Duration = Duration::from_secs(1);
/// Characters of a message; the whole of it is in the log.
const MESSAGE: usize = 1000;

/// The way in. Clones share the queue.
#[derive(Clone)]
pub(crate) struct Journal {
    queue: mpsc::Sender<NewEvent>,
    dropped: Arc<AtomicU64>,
    written: watch::Receiver<u64>,
}

/// The one task that writes.
pub(crate) struct Clerk {
    store: ConfigStore,
    inbox: mpsc::Receiver<NewEvent>,
    dropped: Arc<AtomicU64>,
    written: watch::Sender<u64>,
}

/// Something that happened, in the making.
pub(crate) struct Happened {
    event: NewEvent,
}

/// A journal, and the task that has to run for it.
pub(crate) fn new(store: ConfigStore) -> (Journal, Clerk) {
    let (queue, inbox) = mpsc::channel(QUEUE);
    let (sender, written) = watch::channel(0);
    let dropped = Arc::new(AtomicU64::new(0));
    let clerk = Clerk { store, inbox, dropped: Arc::clone(&dropped), written: sender };
    (Journal { queue, dropped, written }, clerk)
}

impl From<NewEvent> for Happened {
    fn from(event: NewEvent) -> Happened {
        Happened { event }
    }
}

impl Happened {
    /// `kind` is one dotted word; `message` a sentence.
    pub(crate) fn new(severity: Severity, kind: &str, subject: &str, message: impl AsRef<str>) -> Happened {
        let message = message.as_ref().chars().take(MESSAGE).collect();
        let (kind, subject) = (kind.to_owned(), subject.to_owned());
        let event =
            NewEvent { at: now(), severity, kind, subject, generation: None, message, detail: Map::new() };
        Happened { event }
    }

    pub(crate) fn info(kind: &str, subject: &str, message: impl AsRef<str>) -> Happened {
        Happened::new(Severity::Info, kind, subject, message)
    }

    pub(crate) fn warning(kind: &str, subject: &str, message: impl AsRef<str>) -> Happened {
        Happened::new(Severity::Warning, kind, subject, message)
    }

    /// Of the process of that generation.
    pub(crate) fn of_generation(mut self, generation: Option<u64>) -> Happened {
        self.event.generation = generation.and_then(|n| i64::try_from(n).ok());
        self
    }

    /// Somebody did it.
    pub(crate) fn by(self, actor: &str) -> Happened {
        self.with(ACTOR, actor)
    }

    /// One more fact.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Happened {
        self.event.detail.insert(name.to_owned(), value.into());
        self
    }
}

impl Journal {
    /// Takes an event without waiting.
    pub(crate) fn tell(&self, happened: Happened) {
        // Closed: the program ends.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(happened.event) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the batches written.
    pub(crate) fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }
}

impl Clerk {
    /// Writes until told to stop, and then what was told before.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut events = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                n = self.inbox.recv_many(&mut events, BATCH) => if n == 0 { return },
                () = stop.cancelled(), if !self.inbox.is_closed() => {
                    self.inbox.close();
                    continue;
                }
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let message =
                    format!("{dropped} events came faster than they could be written, and are lost");
                events.push(
                    Happened::warning("events.dropped", "store", message).with("events", dropped).event,
                );
            }
            let lost = events.len() as u64;
            if !self.write(std::mem::take(&mut events).into()).await {
                self.dropped.fetch_add(lost, Ordering::Relaxed);
            }
            self.written.send_modify(|n| *n += 1);
        }
    }

    async fn write(&self, events: Arc<[NewEvent]>) -> bool {
        for pause in [RETRY, Duration::ZERO] {
            let batch = Arc::clone(&events);
            let add = move |note: &mut crate::store::edit::Note<'_>| {
                batch.iter().try_for_each(|event| note.add_event(event).map(drop))
            };
            match self.store.note(Reserve::Keep, add).await {
                Ok(()) => return true,
                Err(StoreError::Closed) => return false,
                Err(error) => tracing::warn!(events = events.len(), "events cannot be written: {error}"),
            }
            tokio::time::sleep(pause).await;
        }
        false
    }
}
