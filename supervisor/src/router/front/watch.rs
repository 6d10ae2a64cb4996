//! What one client connection is doing, seen from outside: idle, sending a head, being served. A sweep of the
//! shard acts on it, so that no request needs a timer of its own.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::Waker;

/// Sweeps since the shard's start: the clock of all watches.
pub(crate) type Tick = u32;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing of a request has come.
    Idle,
    /// A request's head has begun to come.
    Head,
    /// A request is being answered.
    Busy,
}

/// What the sweep asks of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Nothing,
    /// End after the current response, or now if there is none.
    Close,
    /// End now.
    Cut,
}

/// The watch of one connection.
#[derive(Default)]
pub(crate) struct Watch {
    doing: AtomicU8,
    since: AtomicU32,
    ask: AtomicU8,
    waker: AtomicWaker,
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

impl Watch {
    pub(crate) fn new(now: Tick) -> Arc<Self> {
        let watch = Self::default();
        watch.since.store(now, Ordering::Relaxed);
        Arc::new(watch)
    }

    /// Bytes came from the client.
    pub(crate) fn heard(&self, now: Tick) {
        let begun = self.doing.compare_exchange(IDLE, HEAD, Ordering::Relaxed, Ordering::Relaxed);
        if begun.is_ok() {
            self.since.store(now, Ordering::Relaxed);
        }
    }

    /// A whole head came; the guard lives until its response is written.
    pub(crate) fn serve(self: &Arc<Self>, clock: &Arc<Clock>) -> Busy {
        self.doing.store(BUSY, Ordering::Relaxed);
        Busy { watch: Arc::clone(self), clock: Arc::clone(clock) }
    }

    /// What the connection does, and since when.
    pub(crate) fn look(&self) -> (Doing, Tick) {
        let doing = match self.doing.load(Ordering::Relaxed) {
            IDLE => Doing::Idle,
            HEAD => Doing::Head,
            _ => Doing::Busy,
        };
        (doing, self.since.load(Ordering::Relaxed))
    }

    /// Asks the connection's task for something.
    pub(crate) fn ask(&self, ask: Ask) {
        self.ask.store(ask as u8, Ordering::Release);
        self.waker.wake();
    }

    /// What is asked of the connection; `waker` is woken when that changes.
    pub(crate) fn asked(&self, waker: &Waker) -> Ask {
        self.waker.register(waker);
        match self.ask.load(Ordering::Acquire) {
            0 => Ask::Nothing,
            1 => Ask::Close,
            _ => Ask::Cut,
        }
    }
}

/// A request in service.
pub(crate) struct Busy {
    watch: Arc<Watch>,
    clock: Arc<Clock>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.watch.since.store(self.clock.now(), Ordering::Relaxed);
        self.watch.doing.store(IDLE, Ordering::Relaxed);
    }
}

/// Counts the sweeps of a shard.
#[derive(Default)]
pub(crate) struct Clock(AtomicU32);

impl Clock {
    pub(crate) fn now(&self) -> Tick {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self) -> Tick {
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }
}
