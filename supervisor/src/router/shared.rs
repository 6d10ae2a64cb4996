//! What all shards of the router share: the current configuration, the retry budget, the stage of its life,
//! counters and recent traces. Every lock here is held for a few instructions.

use super::allowance::Allowance;
use super::asker::Asker;
use super::front::{Places, Poison, RetryBudget};
use super::lane::News;
use super::live::Live;
use super::notices::{Notices, Severity};
use super::routing::Turnstile;
use super::settled;
use super::shed::Pressure;
use super::snapshot::Snapshot;
use super::spool::Spool;
use super::trace::Trace;
use arc_swap::ArcSwap;
use protocol::ipc::configure::ModelEntry;
use protocol::ipc::notice::Beside;
use protocol::ipc::spool::{Counted, Entry, Recorded};
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Traces kept for people to look at.
const TRACES: usize = 256;

/// Apps and models that warnings are remembered of, and for how long.
const WARNED: usize = 1024;
const WARN_AGAIN: Duration = Duration::from_secs(3600);

/// Where the router is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    /// No new connections; what runs may finish.
    Draining,
}

/// See the module.
pub(crate) struct Shared {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) news: News,
    /// The way to the supervisor.
    pub(crate) asker: Asker,
    stage: watch::Sender<Stage>,
    draining: AtomicBool,
    /// Cuts everything that is left.
    pub(crate) cut: CancellationToken,
    /// Places for client connections, over all listeners and shards.
    pub(crate) connections: Arc<Places>,
    /// Counts the configurations.
    revision: watch::Sender<u64>,
    budget: Mutex<RetryBudget>,
    traces: Mutex<VecDeque<Arc<Trace>>>,
    /// What the supervisor is told unasked.
    pub(crate) notices: Notices,
    /// Requests that end workers.
    pub(crate) poison: Poison,
    /// How late this process comes to what is ready.
    pub(crate) pressure: Pressure,
    /// Second candidates asked because the first one was late.
    hedges: Mutex<Allowance>,
    /// The youngest memory of another router that was heard: by whom and when it was written.
    heard: Mutex<Option<(u64, u64)>>,
    /// What other routers hold, as it was told last.
    beside: Mutex<Beside>,
    /// Whose turn it is among candidates.
    pub(crate) turns: Turnstile,
    /// Who was warned of which deprecated model, and when.
    warned: Mutex<HashMap<(Arc<str>, String), Duration>>,
    in_flight: AtomicU32,
    calls: AtomicU64,
    started: Instant,
    /// Where calls that are over are recorded.
    pub(crate) spool: Spool,
    /// Where they are shown.
    pub(crate) live: Live,
}

impl Shared {
    pub(crate) fn new(snapshot: Snapshot, asker: Asker, spool: Spool) -> Self {
        let connections = Places::new(snapshot.limits.connections);
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            news: News::new(),
            asker,
            stage: watch::Sender::new(Stage::Serving),
            draining: AtomicBool::new(false),
            cut: CancellationToken::new(),
            connections,
            revision: watch::Sender::new(0),
            budget: Mutex::default(),
            traces: Mutex::default(),
            notices: Notices::default(),
            poison: Poison::default(),
            pressure: Pressure::default(),
            hedges: Mutex::default(),
            heard: Mutex::default(),
            beside: Mutex::default(),
            turns: Turnstile::default(),
            warned: Mutex::default(),
            in_flight: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            started: Instant::now(),
            spool,
            live: Live::new(),
        }
    }

    /// The newest configuration.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Replaces the configuration; calls that wait look again.
    pub(crate) fn replace(&self, snapshot: Snapshot) {
        self.connections.resize(snapshot.limits.connections);
        snapshot.share(&self.beside.lock().unwrap_or_else(PoisonError::into_inner));
        self.snapshot.store(Arc::new(snapshot));
        self.revision.send_modify(|n| *n += 1);
        self.news.announce();
    }

    /// Sees every new configuration.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// The router goes on to this stage.
    pub(crate) fn enter(&self, stage: Stage) {
        self.draining.store(stage == Stage::Draining, Ordering::Relaxed);
        self.stage.send_replace(stage);
    }

    /// True while no new work is taken; cheap.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Sees every change of the stage.
    pub(crate) fn stages(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// A call began: counts it, also for the retry budget.
    pub(crate) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        let now = self.seconds();
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).deposit(now);
    }

    /// Takes one retry of the budget, if there is one left.
    pub(crate) fn may_retry(&self) -> bool {
        let now = self.seconds();
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).withdraw(now)
    }

    /// Somebody asks for a deprecated model: says so once an hour for each app and model.
    pub(crate) fn warn_of_age(&self, app: &Arc<str>, entry: &ModelEntry) {
        let now = self.age();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.retain(|_, at| now.saturating_sub(*at) < WARN_AGAIN);
        let key = (Arc::clone(app), entry.id.clone());
        if warned.len() >= WARNED || warned.contains_key(&key) {
            return;
        }
        warned.insert(key, now);
        drop(warned);
        let alternatives = match entry.alternatives.as_slice() {
            [] => String::new(),
            some => format!("; instead there is {}", some.join(", ")),
        };
        let message = format!("the app `{app}` uses the deprecated model `{}`{alternatives}", entry.id);
        let detail = json!({ "model": entry.id, "sunset_ms": entry.sunset_ms });
        self.notices.tell(Severity::Warning, "model.deprecated", app, message, detail);
    }

    /// A memory that was written by that router at that time is younger than all that were heard.
    pub(crate) fn hears_first(&self, written: (u64, u64)) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let first = heard.is_none_or(|before| written > before);
        *heard = if first { Some(written) } else { *heard };
        first
    }

    /// Other routers run and hold this; they are told what is held here.
    pub(crate) fn share(&self, beside: Beside) {
        let mut known = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        self.snapshot().share(&beside);
        *known = beside;
        drop(known);
        self.notices.changed();
    }

    /// Another router runs beside this one.
    pub(crate) fn has_company(&self) -> bool {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner).routers > 0
    }

    /// No memory of another router was heard.
    pub(crate) fn has_heard_nothing(&self) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Takes one hedge, if there were few for the calls there were.
    pub(crate) fn may_hedge(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        self.hedges.lock().unwrap_or_else(PoisonError::into_inner).take(calls)
    }

    /// A call is over: it is recorded when this returns, and its trace is kept for a while.
    pub(crate) fn ended(&self, trace: Trace, counted: Option<Counted>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let detail = settled::detail(&trace);
        let mut entry = Entry::Call(Box::new(Recorded { counted, ..Recorded::from(detail) }));
        self.spool.append(&mut entry);
        if let Entry::Call(detail) = &entry {
            self.live.over(&detail.call);
        }
        let trace = Arc::new(trace);
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if traces.len() == TRACES { traces.pop_front() } else { None };
        traces.push_back(trace);
        drop(traces);
        // Freed outside the lock.
        drop(oldest);
    }

    /// The last calls, oldest first.
    #[cfg_attr(not(test), expect(dead_code, reason = "the admin API will show them"))]
    pub(crate) fn traces(&self) -> Vec<Arc<Trace>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Calls running now, and calls taken since the start.
    pub(crate) fn counts(&self) -> (u32, u64) {
        (self.in_flight.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed))
    }

    /// Ends everything: lanes at once, and with them what runs on them.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
        self.news.announce();
    }

    /// Everything was ended.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Time since the start.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn seconds(&self) -> u64 {
        // The budget's first second is 1: its empty slots count second 0.
        self.age().as_secs() + 1
    }
}
