//! One runtime's worth of router: its client connections and its lanes. A router has one shard on a
//! multi-thread runtime, or one per core on current-thread runtimes; the code is the same.

use super::front::{self, Ask, Clock, Doing, Place, Tick, Watch};
use super::gauge;
use super::lane::Lanes;
use super::routing::{Candidate, Standing, Table};
use super::shared::Shared;
use super::shed::Share;
use std::collections::HashMap;
use std::net::TcpListener as StdListener;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::TaskTracker;

/// The sweep's period: the grain of all connection timeouts.
pub(crate) const SWEEP: Duration = Duration::from_millis(250);
/// An idle connection is kept this long.
const IDLE: Duration = Duration::from_secs(90);
/// The same while draining: long enough for a client to meet `connection: close` on its next request.
const IDLE_DRAINING: Duration = Duration::from_secs(1);
/// What clients are given to hear how their cut calls ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Connections on their way from the shard that accepted them.
const INBOX: usize = 1024;

/// See the module.
pub(crate) struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lanes: Lanes,
    pub(crate) clock: Arc<Clock>,
    /// The process's start in seconds since 1970.
    pub(crate) started: u64,
    /// Every connection of this shard.
    watches: Mutex<HashMap<u64, Arc<Watch>>>,
    next_watch: AtomicU64,
    open: AtomicU32,
    inbox: mpsc::Sender<Accepted>,
    /// All shards, this one included; set before the first connection.
    siblings: OnceLock<Vec<Weak<Shard>>>,
    tasks: TaskTracker,
    /// How late the last sweep came.
    lag_us: AtomicU64,
    /// When it came, in the age of the process.
    swept_us: AtomicU64,
    /// Of all calls, to turn away.
    pub(super) shed: Share,
}

/// A connection that another shard accepted.
pub(crate) struct Accepted {
    listener: u32,
    stream: std::net::TcpStream,
    place: Place,
}

impl Shard {
    /// A shard without listeners. The receiver belongs to its [`Self::run`].
    pub(crate) fn new(shared: Arc<Shared>, started: u64) -> (Arc<Self>, mpsc::Receiver<Accepted>) {
        let (inbox, outbox) = mpsc::channel(INBOX);
        let tasks = TaskTracker::new();
        let shared_age = shared.age().as_micros() as u64;
        let lanes = Lanes::new(tasks.clone(), shared.news.clone(), shared.cut.clone());
        let shard = Self {
            shared,
            lanes,
            clock: Arc::default(),
            started,
            watches: Mutex::default(),
            next_watch: AtomicU64::new(0),
            open: AtomicU32::new(0),
            inbox,
            siblings: OnceLock::new(),
            tasks,
            lag_us: AtomicU64::new(0),
            swept_us: AtomicU64::new(shared_age),
            shed: Share::default(),
        };
        (Arc::new(shard), outbox)
    }

    /// Tells the shard of all shards, so that connections can be spread.
    pub(crate) fn meet(&self, siblings: &[Arc<Shard>]) {
        // A second meeting would change nothing.
        let _ = self.siblings.set(siblings.iter().map(Arc::downgrade).collect());
    }

    /// How fit a candidate is, seen from here: as configured, whether its worker is connected, and what its
    /// past says.
    pub(crate) fn standing(&self, table: &Table, candidate: &Candidate) -> Standing {
        let standing = self.reach(table, &candidate.provider);
        if !standing.is_fit() {
            return standing;
        }
        candidate.vitals.standing(Instant::now()).unwrap_or(standing)
    }

    /// How fit a provider's worker is, seen from here.
    pub(crate) fn reach(&self, table: &Table, provider: &str) -> Standing {
        let standing = table.standing(provider);
        if standing.is_fit() && self.lanes.way(provider).is_none() {
            return Standing::Soon("its worker is not connected".to_owned());
        }
        standing
    }

    /// Runs a conversation that goes on beside its connection; it ends when everything is cut.
    pub(crate) fn attend(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Client connections of this shard.
    #[cfg(test)]
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// How late the runtime is: the last sweep was, or the next one is already.
    pub(crate) fn lag(&self) -> Duration {
        let swept = Duration::from_micros(self.swept_us.load(Ordering::Relaxed));
        let overdue = self.shared.age().saturating_sub(swept + SWEEP);
        overdue.max(Duration::from_micros(self.lag_us.load(Ordering::Relaxed)))
    }

    /// Whether a call is turned away, as there is more to do than can be done; `random` is in 0..1, asked for if need be.
    pub(crate) fn sheds(&self, random: impl FnOnce() -> f64) -> bool {
        self.shed.hits(random)
    }

    /// Runs the shard until everything is cut. Must be called on the shard's own runtime.
    pub(crate) async fn run(
        self: Arc<Self>,
        listeners: Vec<(u32, StdListener)>,
        inbox: mpsc::Receiver<Accepted>,
    ) {
        for (index, listener) in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => drop(self.tasks.spawn(Arc::clone(&self).listen(index, listener))),
                Err(error) => tracing::error!(listener = index, %error, "cannot listen"),
            }
        }
        self.tasks.spawn(Arc::clone(&self).receive(inbox));
        self.tasks.spawn(Arc::clone(&self).sweep());
        let gauged = Arc::clone(&self);
        self.tasks.spawn(async move { gauge::watch(&gauged).await });
        self.follow().await;
        self.tasks.close();
        // The lanes are cut: what runs ends with a last word to its client.
        self.ask_all(Ask::Close);
        if timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
            self.ask_all(Ask::Cut);
            self.tasks.wait().await;
        }
    }

    /// Applies every configuration until the end.
    async fn follow(&self) {
        let mut revisions = self.shared.revisions();
        loop {
            revisions.mark_unchanged();
            self.lanes.apply(self.shared.snapshot().table.providers());
            tokio::select! {
                changed = revisions.changed() => if changed.is_err() { return },
                () = self.shared.cut.cancelled() => return,
            }
        }
    }

    async fn listen(self: Arc<Self>, index: u32, listener: TcpListener) {
        let take = |stream| self.spread(index, stream);
        let accepting = front::accept(listener, &self.shared.connections, self.shared.stages(), take);
        tokio::select! {
            () = accepting => {}
            () = self.shared.cut.cancelled() => {}
        }
    }

    /// Gives a new connection to the shard with the fewest.
    fn spread(self: &Arc<Self>, listener: u32, stream: TcpStream) {
        let place = self.shared.connections.take();
        let siblings = self.siblings.get().map_or(&[][..], Vec::as_slice);
        let fewest = siblings.iter().filter_map(Weak::upgrade).min_by_key(|s| s.open.load(Ordering::Relaxed));
        match fewest {
            Some(other) if other.open.load(Ordering::Relaxed) < self.open.load(Ordering::Relaxed) => {
                other.hand_over(listener, stream, place);
            }
            _ => self.serve(listener, stream, place),
        }
    }

    fn hand_over(&self, listener: u32, stream: TcpStream, place: Place) {
        let handed =
            stream.into_std().map(|stream| self.inbox.try_send(Accepted { listener, stream, place }));
        if !matches!(handed, Ok(Ok(()))) {
            tracing::warn!("a client connection got lost between two threads");
        }
    }

    async fn receive(self: Arc<Self>, mut inbox: mpsc::Receiver<Accepted>) {
        loop {
            let accepted = tokio::select! {
                accepted = inbox.recv() => accepted,
                () = self.shared.cut.cancelled() => None,
            };
            let Some(Accepted { listener, stream, place }) = accepted else { return };
            match TcpStream::from_std(stream) {
                Ok(stream) => self.serve(listener, stream, place),
                Err(error) => tracing::warn!(%error, "cannot take over a client connection"),
            }
        }
    }

    fn serve(self: &Arc<Self>, listener: u32, stream: TcpStream, place: Place) {
        let shard = Arc::clone(self);
        let watch = Watch::new(self.clock.now());
        let key = self.next_watch.fetch_add(1, Ordering::Relaxed);
        self.watches().insert(key, Arc::clone(&watch));
        self.open.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(async move {
            let leaving = Leaving { shard: Arc::clone(&shard), key, _place: place };
            front::serve_connection(shard, listener, stream, watch).await;
            drop(leaving);
        });
    }

    /// Looks at every connection now and then and ends those that idle or dawdle.
    async fn sweep(self: Arc<Self>) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut draining_since = None;
        loop {
            let due = tokio::select! {
                due = ticks.tick() => due,
                () = self.shared.cut.cancelled() => return,
            };
            self.lag_us.store(due.elapsed().as_micros() as u64, Ordering::Relaxed);
            self.swept_us.store(self.shared.age().as_micros() as u64, Ordering::Relaxed);
            let now = self.clock.advance();
            if self.shared.is_draining() {
                draining_since.get_or_insert(now);
            } else {
                draining_since = None;
            }
            let limits = self.shared.snapshot().limits;
            let patience = Patience::new(limits.read_timeout_ms, draining_since);
            for watch in self.watches().values() {
                match patience.with(watch.look(), now) {
                    Ask::Nothing => {}
                    ask => watch.ask(ask),
                }
            }
        }
    }

    fn ask_all(&self, ask: Ask) {
        for watch in self.watches().values() {
            watch.ask(ask);
        }
    }

    fn watches(&self) -> MutexGuard<'_, HashMap<u64, Arc<Watch>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a connection off the books when its task ends, however it ends.
struct Leaving {
    shard: Arc<Shard>,
    key: u64,
    _place: Place,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.shard.watches().remove(&self.key);
        self.shard.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long what is tolerated (pure).
struct Patience {
    head: Tick,
    idle: Tick,
    draining_since: Option<Tick>,
}

impl Patience {
    fn new(read_timeout_ms: u64, draining_since: Option<Tick>) -> Self {
        let head = match read_timeout_ms {
            0 => Tick::MAX,
            ms => ticks(Duration::from_millis(ms)),
        };
        Self { head, idle: ticks(IDLE), draining_since }
    }

    fn with(&self, (doing, since): (Doing, Tick), now: Tick) -> Ask {
        let age = now.wrapping_sub(since);
        match (doing, self.draining_since) {
            (Doing::Head, _) if age > self.head => Ask::Cut,
            (Doing::Idle, None) if age > self.idle => Ask::Close,
            (Doing::Idle, Some(drain)) if age.min(now.wrapping_sub(drain)) > ticks(IDLE_DRAINING) => {
                Ask::Close
            }
            (Doing::Idle | Doing::Head | Doing::Busy, _) => Ask::Nothing,
        }
    }
}

fn ticks(duration: Duration) -> Tick {
    duration.as_millis().div_ceil(SWEEP.as_millis()).try_into().unwrap_or(Tick::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_with_connections() {
        let second = ticks(Duration::from_secs(1));
        let calm = Patience::new(10_000, None);
        assert_eq!(calm.with((Doing::Busy, 0), 100_000), Ask::Nothing);
        assert_eq!(calm.with((Doing::Head, 0), 10 * second), Ask::Nothing);
        assert_eq!(calm.with((Doing::Head, 0), 10 * second + 1), Ask::Cut);
        assert_eq!(calm.with((Doing::Idle, 0), 90 * second), Ask::Nothing);
        assert_eq!(calm.with((Doing::Idle, 0), 91 * second), Ask::Close);
        assert_eq!(Patience::new(0, None).with((Doing::Head, 0), 100_000), Ask::Nothing);
        let draining = Patience::new(10_000, Some(100));
        assert_eq!(
            draining.with((Doing::Idle, 0), 101),
            Ask::Nothing,
            "idle for long, but the drain began just now"
        );
        assert_eq!(draining.with((Doing::Idle, 0), 101 + 2 * second), Ask::Close);
        assert_eq!(
            draining.with((Doing::Idle, 100 + 2 * second), 101 + 2 * second),
            Ask::Nothing,
            "just answered"
        );
        assert_eq!(draining.with((Doing::Busy, 0), 100_000), Ask::Nothing);
        assert_eq!(calm.with((Doing::Idle, Tick::MAX - 1), 3), Ask::Nothing, "the clock wraps");
    }
}
