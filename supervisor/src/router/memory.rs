//! What the next router must know, gathered from and given back to where it lives: breakers, rates, budgets,
//! poisonous requests. The control conversation carries it ([`super::child`]); it is pushed as it changes, so that
//! a router that is killed takes little with it.

use super::notices::now_ms;
use super::shared::Shared;
use protocol::ipc::notice::Memory;
use std::time::Instant;

/// Everything worth handing on.
pub(super) fn save(shared: &Shared) -> Memory {
    let (now, now_ms) = (Instant::now(), now_ms());
    let snapshot = shared.snapshot();
    Memory { at_ms: now_ms, breakers: snapshot.table.register().save(now, now_ms), ..Memory::default() }
}

/// Goes on where another router was.
pub(super) fn recall(shared: &Shared, memory: &Memory) {
    let snapshot = shared.snapshot();
    snapshot.table.register().recall(&memory.breakers, Instant::now(), now_ms());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::notices::Notices;
    use crate::router::tests::{plain_provider, rig_shared};
    use protocol::model::{Failure, FailureKind};

    #[test]
    fn an_open_breaker_survives_its_router_and_its_wire() {
        let router = || rig_shared(|config| config.providers = vec![plain_provider("a"), plain_provider("b")]);
        let (old, next) = (router(), router());
        let candidate = |shared: &Shared, name: &str| shared.snapshot().table.resolve(name).unwrap().route[0].clone();
        let failing = candidate(&old, "a/m");
        for _ in 0..5 {
            let now = Instant::now();
            let entry = failing.vitals.enter(now, false, &Notices::default()).unwrap();
            let failure = Failure::new(FailureKind::Upstream, "500");
            failing.vitals.failed(entry, &failure, (now, 0.5), &Notices::default());
        }
        let wire = serde_json::to_vec(&save(&old)).unwrap();
        recall(&next, &serde_json::from_slice(&wire).unwrap());
        assert!(candidate(&next, "a/m").vitals.standing(Instant::now()).is_some());
        assert!(candidate(&next, "b/m").vitals.standing(Instant::now()).is_none());
        // A new configuration of the same router forgets nothing either.
        let after = candidate(&next, "a/m");
        assert!(std::sync::Arc::ptr_eq(&after.vitals, &candidate(&next, "a/m").vitals));
    }
}
