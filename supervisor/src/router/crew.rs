//! The threads of the router: one shard on a multi-thread runtime, or one per core on current-thread runtimes.

use super::shard::Shard;
use super::shared::Shared;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the shards may take to end after everything was cut.
const ENDING: Duration = Duration::from_secs(2);
/// More threads than this only fight for the same sockets.
const MOST_THREADS: usize = 64;

/// How work is laid out over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One shard; its tasks run on any of the threads.
    Multi { threads: usize },
    /// As many shards as threads; a connection stays on its thread.
    PerCore { threads: usize },
}

/// The shards and their threads.
pub(crate) struct Crew {
    shards: Vec<Arc<Shard>>,
    /// Closed when the last shard's thread ends.
    ended: mpsc::Receiver<()>,
}

impl Layout {
    /// The layout with that many threads; 0 = as many as there are cores.
    pub(crate) fn multi(threads: u32) -> Self {
        match cores_or(threads) {
            // One thread needs no work stealing.
            1 => Layout::PerCore { threads: 1 },
            threads => Layout::Multi { threads },
        }
    }

    /// See [`Self::multi`].
    pub(crate) fn per_core(threads: u32) -> Self {
        Layout::PerCore { threads: cores_or(threads) }
    }

    fn runtimes(self) -> io::Result<Vec<Runtime>> {
        match self {
            Layout::Multi { threads } => {
                let multi = Builder::new_multi_thread()
                    .worker_threads(threads)
                    .thread_name("router-pool")
                    .enable_all()
                    .build()?;
                Ok(vec![multi])
            }
            Layout::PerCore { threads } => {
                (0..threads).map(|_| Builder::new_current_thread().enable_all().build()).collect()
            }
        }
    }
}

fn cores_or(threads: u32) -> usize {
    match threads {
        0 => available_parallelism().map_or(1, usize::from),
        n => n as usize,
    }
    .min(MOST_THREADS)
}

impl Crew {
    /// Starts all shards; each listens on a duplicate of every listener.
    ///
    /// # Errors
    /// When a runtime, a thread or a descriptor cannot be had.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        layout: Layout,
        listeners: &[(u32, TcpListener)],
        started: u64,
    ) -> io::Result<Self> {
        let runtimes = layout.runtimes()?;
        let (shards, inboxes): (Vec<_>, Vec<_>) =
            runtimes.iter().map(|_| Shard::new(Arc::clone(shared), started)).unzip();
        for shard in &shards {
            shard.meet(&shards);
        }
        let (alive, ended) = mpsc::channel(1);
        for (at, (runtime, inbox)) in runtimes.into_iter().zip(inboxes).enumerate() {
            let own: Vec<_> =
                listeners.iter().map(|(i, l)| l.try_clone().map(|l| (*i, l))).collect::<io::Result<_>>()?;
            let shard = Arc::clone(&shards[at]);
            let alive = alive.clone();
            let work = move || {
                runtime.block_on(shard.run(own, inbox));
                drop(alive);
            };
            std::thread::Builder::new().name(format!("router-{at}")).spawn(work)?;
        }
        Ok(Self { shards, ended })
    }

    /// How late the slowest shard is.
    pub(crate) fn lag(&self) -> Duration {
        self.shards.iter().map(|s| s.lag()).max().unwrap_or_default()
    }

    /// Waits for the shards to end, once everything was cut.
    pub(crate) async fn join(mut self) {
        if timeout(ENDING, self.ended.recv()).await.is_err() {
            tracing::warn!("some calls did not end in time");
        }
    }
}
