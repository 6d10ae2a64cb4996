//! How many calls a provider has at once: places, and a bounded queue that is fair between apps: they take turns, and
//! when it is full, the app that has most in it gives way to one that has less.
//!
//! [`Places`] is the pure part: who is in, who waits, who is next. [`Gate`] gives out RAII permits and wakes
//! the next in line. It decides nothing about candidates and knows no HTTP.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

/// Why a call did not get a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// The gate of one provider. Lives as long as the provider is configured, whatever its worker does.
pub(crate) struct Gate {
    places: Mutex<Places<oneshot::Sender<Permit>>>,
    /// Another router has given places back.
    news: Notify,
}

impl Gate {
    pub(crate) fn new(max: u32, max_queue: u32) -> Arc<Self> {
        Arc::new(Self { places: Mutex::new(Places::new(max, max_queue)), news: Notify::new() })
    }

    /// New limits; calls that fit now are let in.
    pub(crate) fn resize(self: &Arc<Self>, max: u32, max_queue: u32) {
        let mut places = self.lock();
        places.max = max;
        places.max_queue = max_queue;
        let next = places.admit();
        drop(places);
        self.let_in(next);
    }

    /// So many of the places are taken in other routers.
    pub(crate) fn share(self: &Arc<Self>, elsewhere: u32) {
        let mut places = self.lock();
        if std::mem::replace(&mut places.beside, elsewhere) == elsewhere {
            return;
        }
        let next = places.admit();
        drop(places);
        self.let_in(next);
        self.news.notify_waiters();
    }

    /// Like [`Self::enter`]; but while other routers have places, a call that is turned away looks again when one is
    /// given back, for `patience` at most: what is known of them is a little old.
    pub(crate) async fn enter_shared(
        self: &Arc<Self>,
        app: &Arc<str>,
        patience: Duration,
    ) -> Result<Permit, QueueFull> {
        let entered = self.enter(app).await;
        if entered.is_ok() || self.lock().beside == 0 {
            return entered;
        }
        let until = Instant::now() + patience;
        loop {
            let mut news = pin!(self.news.notified());
            // Registered before the look: nothing that is given back in between is missed.
            news.as_mut().enable();
            match self.enter(app).await {
                Err(QueueFull) if self.lock().beside > 0 => {}
                entered => return entered,
            }
            if timeout_at(until, news).await.is_err() {
                return Err(QueueFull);
            }
        }
    }

    /// A place, at once or after waiting in the queue of `app`. Cancel safe: a call that stops waiting leaves
    /// the queue.
    pub(crate) async fn enter(self: &Arc<Self>, app: &Arc<str>) -> Result<Permit, QueueFull> {
        let (sender, receiver) = oneshot::channel();
        let ticket = {
            let mut places = self.lock();
            if places.take() {
                return Ok(self.permit());
            }
            places.queue(app, sender).ok_or(QueueFull)?
        };
        let _queued = Queued { gate: self, ticket };
        receiver.await.map_err(|_| QueueFull)
    }

    /// A place if there is one now.
    pub(crate) fn enter_now(self: &Arc<Self>) -> Option<Permit> {
        self.lock().take().then(|| self.permit())
    }

    /// A place in the queue for a call that waits for the worker itself. Dropped, it is free again.
    pub(crate) fn wait(self: &Arc<Self>) -> Result<Waiting, QueueFull> {
        if self.lock().wait() { Ok(Waiting(Arc::clone(self))) } else { Err(QueueFull) }
    }

    /// Calls in here.
    pub(crate) fn taken(&self) -> u32 {
        self.lock().taken
    }

    /// Calls in, here and in other routers, and calls that wait.
    pub(crate) fn load(&self) -> (u32, u32) {
        let places = self.lock();
        (places.taken.saturating_add(places.beside), places.waiting())
    }

    /// A call that comes now is turned away, unless another app gives way to it.
    pub(crate) fn is_full(&self) -> bool {
        let places = self.lock();
        !places.has_room() && places.waiting() >= places.max_queue
    }

    fn permit(self: &Arc<Self>) -> Permit {
        Permit(Arc::clone(self))
    }

    /// Hands places to waiting calls. One that is gone gives its place back by dropping the permit.
    fn let_in(self: &Arc<Self>, next: Vec<oneshot::Sender<Permit>>) {
        for sender in next {
            drop(sender.send(self.permit()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places<oneshot::Sender<Permit>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place. Dropped, the next in line has it.
pub(crate) struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut places = self.0.lock();
        places.taken = places.taken.saturating_sub(1);
        let next = places.admit();
        drop(places);
        self.0.let_in(next);
    }
}

/// See [`Gate::wait`].
pub(crate) struct Waiting(Arc<Gate>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut places = self.0.lock();
        places.elsewhere = places.elsewhere.saturating_sub(1);
    }
}

/// Takes a call out of the queue when it stops waiting.
struct Queued<'a> {
    gate: &'a Gate,
    ticket: u64,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.gate.lock().leave(self.ticket);
    }
}

/// Who has a place and who waits, app by app. `W` is how a waiting call is woken.
#[derive(Debug)]
struct Places<W> {
    max: u32,
    max_queue: u32,
    taken: u32,
    /// Taken in other routers.
    beside: u32,
    queued: u32,
    /// Calls that wait for something else but count as queued.
    elsewhere: u32,
    tickets: u64,
    /// The apps that wait, next one first; an app that was served goes to the end.
    lines: VecDeque<(Arc<str>, Line<W>)>,
}

/// The waiting calls of one app, by ticket.
type Line<W> = VecDeque<(u64, W)>;

impl<W> Places<W> {
    fn new(max: u32, max_queue: u32) -> Self {
        let lines = VecDeque::new();
        Self { max, max_queue, taken: 0, beside: 0, queued: 0, elsewhere: 0, tickets: 0, lines }
    }

    fn waiting(&self) -> u32 {
        self.queued + self.elsewhere
    }

    fn has_room(&self) -> bool {
        self.taken.saturating_add(self.beside) < self.max
    }

    /// Takes a free place, unless others wait for it.
    fn take(&mut self) -> bool {
        let free = self.has_room() && self.queued == 0;
        self.taken += u32::from(free);
        free
    }

    fn wait(&mut self) -> bool {
        let room = self.waiting() < self.max_queue;
        self.elsewhere += u32::from(room);
        room
    }

    fn queue(&mut self, app: &Arc<str>, wake: W) -> Option<u64> {
        if self.waiting() >= self.max_queue && !self.make_room(app) {
            return None;
        }
        self.queued += 1;
        self.tickets += 1;
        match self.lines.iter_mut().find(|(name, _)| name == app) {
            Some((_, line)) => line.push_back((self.tickets, wake)),
            None => self.lines.push_back((Arc::clone(app), VecDeque::from([(self.tickets, wake)]))),
        }
        Some(self.tickets)
    }

    /// Sends the last call of the app with the longest line away, if that line stays no shorter than this app's
    /// becomes. The call that is sent away is told so by losing what wakes it.
    fn make_room(&mut self, app: &Arc<str>) -> bool {
        let own = self.lines.iter().find(|(name, _)| name == app).map_or(0, |(_, line)| line.len());
        let longest = self.lines.iter_mut().max_by_key(|(_, line)| line.len());
        let Some((_, line)) = longest.filter(|(_, line)| line.len() > own + 1) else { return false };
        line.pop_back();
        self.queued -= 1;
        true
    }

    /// Gives the free places to those who wait, one app after the other.
    fn admit(&mut self) -> Vec<W> {
        let mut admitted = Vec::new();
        while self.has_room() {
            let Some((app, mut line)) = self.lines.pop_front() else { break };
            if let Some((_, wake)) = line.pop_front() {
                self.queued -= 1;
                self.taken += 1;
                admitted.push(wake);
            }
            if !line.is_empty() {
                self.lines.push_back((app, line));
            }
        }
        admitted
    }

    /// A waiting call is gone; nothing happens if it was admitted already.
    fn leave(&mut self, ticket: u64) {
        for at in 0..self.lines.len() {
            let line = &mut self.lines[at].1;
            let Some(position) = line.iter().position(|(t, _)| *t == ticket) else { continue };
            line.remove(position);
            self.queued -= 1;
            if line.is_empty() {
                self.lines.remove(at);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests;
