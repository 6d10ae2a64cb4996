//! What happened, as operators ask for it: calls, figures, events, log lines, audit. Reads; changes nothing but the
//! journal of events.
//!
//! * [`calls`], [`meter`], [`events`], [`audit`], [`logs`]: one file a question
//! * [`journal`]: how events get there

mod audit;
mod calls;
pub(crate) mod deeds;
mod events;
pub(crate) mod journal;
mod logs;
mod meter;
mod page;

use crate::control::now;
use crate::people::Actor;
use crate::store::{ConfigStore, StoreError, UsageStore};
use crate::telemetry::LogRing;
use deeds::Deed;
use journal::{Happened, Journal};
use protocol::control::{ControlReply, ControlRequest, Refusal, RefusalKind};
use tokio::sync::watch;

/// See the module.
pub(crate) struct Record {
    config: ConfigStore,
    usage: UsageStore,
    journal: Journal,
    ring: LogRing,
    /// Counts commits of calls.
    committed: watch::Receiver<u64>,
}

impl Record {
    pub(crate) fn new(
        config: ConfigStore,
        usage: UsageStore,
        journal: Journal,
        ring: LogRing,
        committed: watch::Receiver<u64>,
    ) -> Record {
        Record { config, usage, journal, ring, committed }
    }

    /// Keeps what somebody did, if it was done.
    pub(crate) fn note(&self, deed: Option<Deed>, actor: &Actor, reply: &ControlReply) {
        if let ControlReply::Changed(changed) = reply {
            let sentence = format!("{} changed the configuration; {} is in force", actor.name, changed.epoch);
            let happened = Happened::info("config.changed", "config", sentence);
            self.journal.tell(happened.with("epoch", changed.epoch).by(&actor.name));
        }
        if let Some(happened) = deed.and_then(|deed| deed.done(actor, reply)) {
            self.journal.tell(happened);
        }
    }

    /// Answers what is about the past.
    pub(crate) async fn answer(&self, request: ControlRequest) -> ControlReply {
        let answered = match request {
            ControlRequest::Calls { filter, page } => self.calls(filter, page).await,
            ControlRequest::Call { call } => self.call(&call).await,
            ControlRequest::Meter { query } => meter::answer(&self.usage, query, now()).await,
            ControlRequest::Events { filter, page } => self.events(filter, page).await,
            ControlRequest::Logs { filter, page } => logs::answer(&self.ring, filter, page).await,
            ControlRequest::Audit { filter, page } => audit::answer(&self.config, filter, page).await,
            _other => Err(Refusal::new(RefusalKind::Internal, "this is not about the past")),
        };
        answered.unwrap_or_else(ControlReply::Refused)
    }
}

/// A store that cannot be read now, for people.
fn unreadable(error: StoreError) -> Refusal {
    let kind = match &error {
        StoreError::NotFound { .. } => RefusalKind::NotFound,
        StoreError::DiskFull(_) => RefusalKind::StorageFull,
        StoreError::Busy(_) | StoreError::Closed => RefusalKind::Unavailable,
        _other => RefusalKind::Internal,
    };
    Refusal::new(kind, error.to_string())
}
