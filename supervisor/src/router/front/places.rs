//! Places for client connections: how many there may be, how many there are.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

/// Over all listeners and shards of the process.
#[derive(Default)]
pub(crate) struct Places {
    limit: AtomicU32,
    taken: AtomicU32,
    freed: Notify,
}

/// One place; free again when dropped.
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit: AtomicU32::new(limit), ..Self::default() })
    }

    /// Connections above a smaller limit stay until they end by themselves.
    pub(crate) fn resize(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Takes a place, over the limit if need be: the connection is there already.
    pub(crate) fn take(self: &Arc<Self>) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(self))
    }

    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits until there is room for one more.
    pub(crate) async fn room(&self) {
        self.wait_for(|taken, limit| taken < limit).await;
    }

    /// Waits until nobody is left.
    pub(crate) async fn empty(&self) {
        self.wait_for(|taken, _| taken == 0).await;
    }

    async fn wait_for(&self, enough: impl Fn(u32, u32) -> bool) {
        loop {
            let mut freed = pin!(self.freed.notified());
            // Registered before the look: a place freed in between is not missed.
            freed.as_mut().enable();
            if enough(self.taken(), self.limit.load(Ordering::Relaxed)) {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Waker};

    #[test]
    fn room_comes_with_a_freed_place_or_a_larger_limit() {
        let places = Places::new(1);
        let mut cx = Context::from_waker(Waker::noop());
        let first = places.take();
        let mut room = pin!(places.room());
        assert!(room.as_mut().poll(&mut cx).is_pending());
        drop(first);
        assert!(room.as_mut().poll(&mut cx).is_ready());
        let (_a, b) = (places.take(), places.take());
        let mut room = pin!(places.room());
        assert!(room.as_mut().poll(&mut cx).is_pending());
        drop(b);
        assert!(room.as_mut().poll(&mut cx).is_pending(), "one is left and the limit is one");
        places.resize(2);
        assert!(room.as_mut().poll(&mut cx).is_ready());
    }
}
