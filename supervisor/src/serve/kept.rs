//! The record in the making: the tasks that collect calls and write events, from the first process to after the last.

use super::open::Opened;
use crate::fleet::{Happening, Weight};
use crate::ledger::collector::{Collector, Losses};
use crate::ledger::key_use::KeyUses;
use crate::ledger::recorder::{self, Ledger};
use crate::ledger::spools::Spools;
use crate::record::Record;
use crate::record::journal::{self, Happened, Journal};
use crate::store::events::Severity;
use crate::telemetry::LogRing;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For the last calls and the last events.
const LAST: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Kept {
    journal: Journal,
    ledger: Ledger,
    losses: Losses,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Kept {
    /// Begins with what an earlier supervisor left.
    pub(super) fn begin(opened: &Opened, spools: &Spools) -> Kept {
        let (journal, clerk) = journal::new(opened.config.clone());
        let (ledger, recorder) = recorder::new(opened.usage.clone());
        let told = journal.clone();
        let losses =
            Losses::new(move |sentence| told.tell(Happened::warning("usage.lost", "store", sentence)));
        let uses = KeyUses::default();
        let collector = Collector::new(spools.clone(), ledger.clone(), losses.clone(), uses.clone());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(clerk.run(stop.clone()));
        tasks.spawn(recorder.run());
        let (config, stopped) = (opened.config.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = collector.run(stopped) => {}
                () = uses.run(&config) => {}
            }
            uses.write(&config).await;
        });
        Kept { journal, ledger, losses, stop, tasks }
    }

    pub(super) fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// Keeps what the fleet says.
    pub(super) fn teller(&self) -> Box<dyn Fn(Happening) + Send> {
        let journal = self.journal.clone();
        Box::new(move |happening| journal.tell(happened(happening)))
    }

    /// The record as operators read it.
    pub(super) fn record(&self, opened: &Opened, ring: LogRing) -> Record {
        let (config, usage) = (opened.config.clone(), opened.usage.clone());
        Record::new(config, usage, self.journal(), ring, self.ledger.committed())
    }

    /// Collects and writes what there is, and ends. The stores are still open.
    pub(super) async fn end(self) {
        let Kept { journal, ledger, losses, stop, tasks } = self;
        let (tally, lost) = (ledger.tally(), losses.counts());
        tracing::debug!(?tally, ?lost, "calls so far");
        drop((journal, ledger));
        stop.cancel();
        tasks.close();
        if tokio::time::timeout(LAST, tasks.wait()).await.is_err() {
            tracing::warn!("the last calls are left for the next start");
        }
    }
}

fn happened(happening: Happening) -> Happened {
    let severity = match happening.weight {
        Weight::Info => Severity::Info,
        Weight::Warning => Severity::Warning,
        Weight::Critical => Severity::Critical,
    };
    let Happening { kind, subject, generation, message, last_words, .. } = happening;
    let event = Happened::new(severity, &kind, &subject, message).of_generation(Some(generation));
    if last_words.is_empty() { event } else { event.with("last_words", last_words) }
}
