//! The ways to the workers: one data connection per provider and runtime shard, kept up while the
//! configuration names that worker generation.
//!
//! A new generation is connected first and then takes the old one's place; the old connection stays for the
//! calls that run on it and closes with the last of them. Nothing here knows about retries or routing.

mod keeper;
mod pause;

use super::shed::Share;
use arc_swap::{ArcSwap, ArcSwapOption};
use protocol::ipc::configure::{Lane, Provider};
use protocol::transport::link::Opener;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Counts everything that may let a waiting call go on: a new configuration, a connected lane, a lost one.
#[derive(Clone)]
pub(crate) struct News(Arc<watch::Sender<u64>>);

impl News {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Something changed: waiting calls look again.
    pub(crate) fn announce(&self) {
        self.0.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Sees every change from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// All lanes of one shard.
pub(crate) struct Lanes {
    slots: ArcSwap<HashMap<String, Arc<Slot>>>,
    context: Context,
}

/// What every keeper of a shard shares.
#[derive(Clone)]
struct Context {
    tasks: TaskTracker,
    news: News,
    /// Cuts every connection.
    cut: CancellationToken,
}

/// An open connection, and which process of the provider's is at its other end. The configuration may name another one
/// already, or none.
pub(crate) struct Way {
    pub(crate) opener: Opener,
    pub(crate) generation: u64,
}

/// One provider's lane: what is wanted, and what there is.
struct Slot {
    wanted: watch::Sender<Option<Lane>>,
    current: ArcSwapOption<Way>,
    /// Of the calls for this worker, to turn away.
    shed: Share,
}

impl Lanes {
    /// No lanes yet. Connections run as tasks of `tasks`, on the runtime that calls [`Self::apply`].
    pub(crate) fn new(tasks: TaskTracker, news: News, cut: CancellationToken) -> Self {
        Self { slots: ArcSwap::default(), context: Context { tasks, news, cut } }
    }

    /// Follows a configuration. Must be called on the shard's runtime, by one task.
    pub(crate) fn apply(&self, providers: &[Provider]) {
        let old = self.slots.load_full();
        let mut slots = HashMap::with_capacity(providers.len());
        for provider in providers {
            let slot = match old.get(&provider.name) {
                Some(slot) => Arc::clone(slot),
                None => self.start(&provider.name),
            };
            slot.wanted.send_if_modified(|wanted| {
                let changed = *wanted != provider.lane;
                wanted.clone_from(&provider.lane);
                changed
            });
            slots.insert(provider.name.clone(), slot);
        }
        for (name, slot) in old.iter().filter(|(name, _)| !slots.contains_key(*name)) {
            tracing::debug!(provider = %name, "lane is no longer configured");
            slot.wanted.send_replace(None);
        }
        self.slots.store(Arc::new(slots));
    }

    /// The open connection to a provider's worker, if it is there and answers.
    pub(crate) fn way(&self, provider: &str) -> Option<Arc<Way>> {
        let way = self.slots.load().get(provider)?.current.load_full()?;
        (!way.opener.is_closed() && !way.opener.is_stalled()).then_some(way)
    }

    /// Whether no call goes to a worker that these have replaced by another.
    pub(crate) fn follow(&self, providers: &[Provider]) -> bool {
        providers.iter().all(|provider| match (&provider.lane, self.way(&provider.name)) {
            (Some(lane), Some(way)) => way.generation == lane.generation,
            // Calls wait for a connection, or do not come.
            (None, _) | (_, None) => true,
        })
    }

    /// Whether a call for this worker is turned away, as it has more to do than it can.
    pub(crate) fn sheds(&self, provider: &str, random: impl FnOnce() -> f64) -> bool {
        self.slots.load().get(provider).is_some_and(|slot| slot.shed.hits(random))
    }

    /// Shows every connected worker, and its share of calls to turn away.
    pub(crate) fn each(&self, mut look: impl FnMut(&str, &Opener, &Share)) {
        for (provider, slot) in self.slots.load().iter() {
            if let Some(way) = slot.current.load().as_ref() {
                look(provider, &way.opener, &slot.shed);
            }
        }
    }

    fn start(&self, provider: &str) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            wanted: watch::Sender::new(None),
            current: ArcSwapOption::default(),
            shed: Share::default(),
        });
        let keeper = keeper::keep(
            provider.to_owned(),
            Arc::downgrade(&slot),
            slot.wanted.subscribe(),
            self.context.clone(),
        );
        self.context.tasks.spawn(keeper);
        slot
    }
}
