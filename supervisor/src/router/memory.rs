//! What the next router must know, gathered from and given back to where it lives: breakers, rates, budgets,
//! poisonous requests. The control conversation carries it ([`super::child`]); it is pushed as it changes, so that
//! a router that is killed takes little with it.

use super::notices::{Severity, now_ms};
use super::shared::Shared;
use protocol::ipc::control::FromChild;
use protocol::ipc::notice::{Beside, Memory, SavedPlaces};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// The pause between two pushes.
const PAUSE: Duration = Duration::from_millis(100);
/// The same of a router that leaves: its successor waits for what it gives back.
const LEAVING: Duration = Duration::from_millis(20);

/// Everything worth handing on.
pub(super) fn save(shared: &Shared) -> Memory {
    let (now, now_ms) = (Instant::now(), now_ms());
    let snapshot = shared.snapshot();
    let breakers = snapshot.table.register().save(now, now_ms);
    let writer = snapshot.meters.origin();
    let mut memory = Memory { at_ms: now_ms, writer, breakers, ..Memory::default() };
    snapshot.table.register().save_rates(now, &mut memory);
    snapshot.meters.save(&mut memory);
    memory.poison = shared.poison.save();
    memory.places = snapshot.places();
    memory
}

/// Goes on where another router was. A memory that cannot be read is none.
pub(super) fn recall(shared: &Shared, body: &[u8]) {
    match serde_json::from_slice::<Memory>(body) {
        Ok(memory) => {
            let snapshot = shared.snapshot();
            let first = shared.has_heard_nothing() && memory.writer != snapshot.meters.origin();
            if let Some(beside) = beside(&memory, first) {
                shared.share(beside);
            }
            // Of providers this router knows more than its own memory, and than what it was told before.
            if memory.writer != snapshot.meters.origin() && shared.hears_first((memory.writer, memory.at_ms))
            {
                snapshot.table.register().recall(&memory, Instant::now(), now_ms());
                shared.poison.recall(&memory.poison, now_ms());
            }
            // Of calls each one counts once, whoever tells of it.
            snapshot.meters.recall(&memory, now_ms());
            shared.notices.changed();
        }
        Err(error) => tracing::warn!(%error, "what the last router knew cannot be read"),
    }
}

/// What other routers hold, if it says so. A new router hears the memory of the one before it first, which still
/// serves.
fn beside(memory: &Memory, first: bool) -> Option<Beside> {
    if memory.alone {
        return Some(Beside::default());
    }
    let of_writer = || Beside { routers: 1, places: memory.places.clone() };
    memory.beside.clone().or_else(|| (first && memory.writer > 0).then(of_writer))
}

/// What the supervisor has been told so far.
#[derive(Default)]
pub(super) struct Report {
    changes: u64,
    /// When the last memory was sent.
    last: Option<Instant>,
    /// What was held by the last one.
    places: Vec<SavedPlaces>,
}

impl Report {
    /// The next thing to tell the supervisor, with its body. Pending while there is none. Cancel safe: what is taken is
    /// returned at once.
    pub(super) async fn next(&mut self, shared: &Shared) -> (FromChild, Vec<u8>) {
        let notices = &shared.notices;
        loop {
            let (told, dropped) = notices.take();
            if dropped > 0 {
                let message = format!("{dropped} events were not recorded: there were too many at once");
                notices.tell(Severity::Warning, "events.dropped", "router", message, json!({}));
            }
            if !told.is_empty() {
                return (FromChild::Notices, serde_json::to_vec(&told).unwrap_or_default());
            }
            let now = Instant::now();
            let company = shared.has_company();
            let pause = if company && shared.is_draining() { LEAVING } else { PAUSE };
            let due = self.last.map(|last| last + pause).filter(|due| *due > now);
            let moved = company && shared.snapshot().places() != self.places;
            let changed = moved || notices.changes() != self.changes;
            if changed && due.is_none() {
                (self.changes, self.last) = (notices.changes(), Some(now));
                let memory = save(shared);
                let body = serde_json::to_vec(&memory).unwrap_or_default();
                self.places = memory.places;
                return (FromChild::Memory, body);
            }
            // Who takes and gives back a place of a provider says nothing.
            let look = company.then(|| now + pause);
            match due.filter(|_| changed).or(look) {
                Some(until) => tokio::select! {
                    () = sleep_until(until.into()) => {}
                    () = notices.news() => {}
                },
                None => notices.news().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::notices::Notices;
    use crate::router::tests::{plain_provider, rig_shared};
    use protocol::model::{Failure, FailureKind};

    #[test]
    fn an_open_breaker_survives_its_router_and_its_wire() {
        let router =
            || rig_shared(|config| config.providers = vec![plain_provider("a"), plain_provider("b")]);
        let (old, next) = (router(), router());
        let candidate =
            |shared: &Shared, name: &str| shared.snapshot().table.resolve(name).unwrap().route[0].clone();
        let failing = candidate(&old, "a/m");
        for _ in 0..5 {
            let now = Instant::now();
            let entry = failing.vitals.enter(now, false, &Notices::default()).unwrap();
            let failure = Failure::new(FailureKind::Upstream, "500");
            failing.vitals.failed(entry, &failure, (now, 0.5), &Notices::default());
        }
        let wire = serde_json::to_vec(&save(&old)).unwrap();
        recall(&next, &wire);
        recall(&next, b"not a memory");
        assert!(candidate(&next, "a/m").vitals.standing(Instant::now()).is_some());
        assert!(candidate(&next, "b/m").vitals.standing(Instant::now()).is_none());
        // Heard again, it is no news: what the next one has found out since stays.
        candidate(&next, "a/m").vitals.reset_for_test();
        recall(&next, &wire);
        assert!(candidate(&next, "a/m").vitals.standing(Instant::now()).is_none());
        let own = serde_json::to_vec(&save(&next)).unwrap();
        recall(&next, &own);
        assert!(candidate(&next, "a/m").vitals.standing(Instant::now()).is_none());
        // A new configuration of the same router forgets nothing either.
        let after = candidate(&next, "a/m");
        assert!(std::sync::Arc::ptr_eq(&after.vitals, &candidate(&next, "a/m").vitals));
    }
}
