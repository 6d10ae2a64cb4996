//! The threads of the router: one shard on a multi-thread runtime, or one per core on current-thread runtimes.

use super::routing::{Standing, Table};
use super::shard::Shard;
use super::shared::Shared;
use protocol::ipc::configure::RouterRuntime;
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
/// A worker that takes no connection may hold up the word that a configuration is in force for so long.
const SETTLING: Duration = Duration::from_secs(1);
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
    /// The layout of a configuration.
    pub(crate) fn of(runtime: RouterRuntime, threads: u32) -> Self {
        match (runtime, cores_or(threads)) {
            (RouterRuntime::PerCore, threads) => Layout::PerCore { threads },
            // One thread needs no work stealing.
            (RouterRuntime::Multi, 1) => Layout::PerCore { threads: 1 },
            (RouterRuntime::Multi, threads) => Layout::Multi { threads },
        }
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

    /// How fit a provider's worker is, seen from the shard that it serves worst: a call may come to any of them.
    pub(crate) fn reach(&self, table: &Table, provider: &str) -> Standing {
        let seen = self.shards.iter().map(|shard| shard.reach(table, provider));
        seen.fold(table.standing(provider), |worst, seen| if worst.is_fit() { seen } else { worst })
    }

    /// Resolves when a call that comes from now on meets no worker that the configuration has replaced, or when that
    /// takes too long.
    pub(crate) fn settled(&self, shared: Arc<Shared>) -> impl Future<Output = ()> + Send + use<> {
        let shards = self.shards.clone();
        let all_follow = async move {
            let mut news = shared.news.listen();
            let follow = || {
                let snapshot = shared.snapshot();
                shards.iter().all(|shard| shard.lanes.follow(snapshot.table.providers()))
            };
            while !follow() && news.changed().await.is_ok() {}
        };
        async move {
            if timeout(SETTLING, all_follow).await.is_err() {
                tracing::warn!("a replaced worker may still get calls: the new one takes no connection");
            }
        }
    }

    /// Waits for the shards to end, once everything was cut.
    pub(crate) async fn join(mut self) {
        if timeout(ENDING, self.ended.recv()).await.is_err() {
            tracing::warn!("some calls did not end in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::asker;
    use crate::router::snapshot::Snapshot;
    use crate::router::spool::Spool;
    use crate::router::tests::empty_config;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn start(layout: Layout) -> (Arc<Shared>, Crew, TcpListener) {
        let snapshot = Snapshot::new(&empty_config(), None, 1).unwrap();
        let shared = Arc::new(Shared::new(snapshot, asker::asker().0, Spool::new(None)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let own = listener.try_clone().unwrap();
        (Arc::clone(&shared), Crew::start(&shared, layout, &[(0, own)], 1).unwrap(), listener)
    }

    /// Connections that were served and stay open.
    fn visit(listener: &TcpListener, count: usize) -> Vec<TcpStream> {
        let visit = |_| {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client.write_all(b"GET /health HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
            let mut answer = [0; 1000];
            let read = client.read(&mut answer).unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
            client
        };
        (0..count).map(visit).collect()
    }

    #[tokio::test]
    async fn connections_spread_over_the_cores() {
        let (shared, crew, listener) = start(Layout::PerCore { threads: 3 });
        let clients = visit(&listener, 30);
        let open: Vec<u32> = crew.shards.iter().map(|s| s.open()).collect();
        assert_eq!(open, [10, 10, 10]);
        assert!(crew.lag() < Duration::from_secs(5));
        drop(clients);
        shared.connections.empty().await;
        shared.cut();
        crew.join().await;
    }

    #[tokio::test]
    async fn one_shard_runs_on_many_threads() {
        let (shared, crew, listener) = start(Layout::Multi { threads: 2 });
        let clients = visit(&listener, 10);
        assert_eq!(crew.shards.iter().map(|s| s.open()).collect::<Vec<_>>(), [10]);
        shared.cut();
        crew.join().await;
        drop(clients);
    }

    #[test]
    fn layouts_of_configurations() {
        assert_eq!(Layout::of(RouterRuntime::Multi, 1), Layout::PerCore { threads: 1 });
        assert_eq!(Layout::of(RouterRuntime::Multi, 3), Layout::Multi { threads: 3 });
        assert_eq!(Layout::of(RouterRuntime::PerCore, 3), Layout::PerCore { threads: 3 });
        let cores = cores_or(0);
        assert!(cores > 0 && Layout::of(RouterRuntime::PerCore, 0) == Layout::PerCore { threads: cores });
    }
}
