//! Requests that end the worker that reads them. One that did so twice is not sent again for a while: it would take
//! down one worker after the other. The provider is not to blame, and its breaker does not hear of it.
//!
//! A worker takes every call with it that it had, so a fingerprint is suspected only if few calls were lost at
//! once, counts once for each worker process, and is cleared by any success. Pure; times are parameters.

use protocol::ipc::notice::SavedPoison;
use protocol::model::{Failure, FailureKind};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Workers that must have ended.
const TWICE: usize = 2;
/// With more calls in flight at a worker that ends nobody is suspected.
const FEW: u32 = 8;
/// Suspects and quarantined requests remembered; the oldest goes first.
const REMEMBERED: usize = 1024;
/// How long one is remembered, in milliseconds.
const LASTS_MS: u64 = 10 * 60_000;

/// A request as it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Of a request's dialect, path and body.
    pub(crate) fn of(dialect: &str, path: &str, body: &[u8]) -> Self {
        let mut digest = Sha256::new();
        for part in [dialect.as_bytes(), path.as_bytes(), body] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let hash: [u8; 32] = digest.finalize().into();
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        Self(first)
    }

    fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The failure of a request that is not sent again.
pub(crate) fn quarantined() -> Failure {
    let message = "this request ended the worker that read it, twice; it is not sent again for ten minutes";
    Failure {
        status: Some(422),
        code: Some("request_quarantined".to_owned()),
        ..Failure::new(FailureKind::InvalidRequest, message)
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Poison {
    suspects: Mutex<Vec<Suspect>>,
    /// How many there are, for a look without the lock.
    count: AtomicUsize,
}

struct Suspect {
    fingerprint: String,
    /// The worker processes it ended: provider and generation.
    workers: Vec<(String, u64)>,
    /// Ended before this router was there.
    before: u8,
    at_ms: u64,
}

impl Suspect {
    fn is_quarantined(&self) -> bool {
        self.workers.len() + usize::from(self.before) >= TWICE
    }
}

impl Poison {
    /// Nobody is suspected: there is nothing to compare with.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// How many milliseconds the request must not be sent for; `None` = it may be.
    pub(crate) fn quarantined(&self, fingerprint: Fingerprint, now_ms: u64) -> Option<u64> {
        let hex = fingerprint.hex();
        let suspects = self.suspects();
        let found = suspects.iter().find(|s| s.fingerprint == hex && s.is_quarantined())?;
        Some((found.at_ms + LASTS_MS).saturating_sub(now_ms)).filter(|left| *left > 0)
    }

    /// A worker ended while it had the request, and `in_flight` calls in all. True = it is quarantined now.
    pub(crate) fn crashed(
        &self,
        fingerprint: Fingerprint,
        worker: (&str, u64),
        in_flight: u32,
        now_ms: u64,
    ) -> bool {
        if in_flight > FEW {
            return false;
        }
        let hex = fingerprint.hex();
        let mut suspects = self.suspects();
        suspects.retain(|s| s.at_ms + LASTS_MS > now_ms);
        let at = suspects.iter().position(|s| s.fingerprint == hex).unwrap_or_else(|| {
            if suspects.len() >= REMEMBERED {
                suspects.remove(0);
            }
            suspects.push(Suspect { fingerprint: hex, workers: Vec::new(), before: 0, at_ms: now_ms });
            suspects.len() - 1
        });
        let suspect = &mut suspects[at];
        let worker = (worker.0.to_owned(), worker.1);
        if !suspect.workers.contains(&worker) {
            suspect.workers.push(worker);
        }
        suspect.at_ms = now_ms;
        let quarantined = suspect.is_quarantined();
        self.count.store(suspects.len(), Ordering::Relaxed);
        quarantined
    }

    /// The request was answered: it ends nobody.
    pub(crate) fn cleared(&self, fingerprint: Fingerprint) {
        let hex = fingerprint.hex();
        let mut suspects = self.suspects();
        suspects.retain(|s| s.fingerprint != hex);
        self.count.store(suspects.len(), Ordering::Relaxed);
    }

    /// What the next router must know.
    pub(crate) fn save(&self) -> Vec<SavedPoison> {
        let saved = |s: &Suspect| SavedPoison {
            fingerprint: s.fingerprint.clone(),
            crashes: u8::try_from(s.workers.len() + usize::from(s.before)).unwrap_or(u8::MAX),
            at_ms: s.at_ms,
        };
        self.suspects().iter().map(saved).collect()
    }

    /// Goes on where another router was.
    pub(crate) fn recall(&self, saved: &[SavedPoison], now_ms: u64) {
        let mut suspects = self.suspects();
        for one in saved.iter().filter(|s| s.at_ms + LASTS_MS > now_ms).take(REMEMBERED) {
            if suspects.iter().all(|s| s.fingerprint != one.fingerprint) {
                let (fingerprint, before) = (one.fingerprint.clone(), one.crashes);
                suspects.push(Suspect { fingerprint, workers: Vec::new(), before, at_ms: one.at_ms });
            }
        }
        self.count.store(suspects.len(), Ordering::Relaxed);
    }

    fn suspects(&self) -> MutexGuard<'_, Vec<Suspect>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(body: &str) -> Fingerprint {
        Fingerprint::of("openai-chat", "", body.as_bytes())
    }

    #[test]
    fn a_request_that_ended_two_workers_is_kept_back_for_a_while() {
        let poison = Poison::default();
        assert!(poison.is_empty());
        assert!(!poison.crashed(print("x"), ("a", 1), 1, 0));
        assert!(!poison.crashed(print("x"), ("a", 1), 1, 0), "the same end of the same worker");
        assert!(!poison.crashed(print("y"), ("a", 2), 1, 0), "somebody else");
        assert!(poison.crashed(print("x"), ("b", 1), 1, 1000));
        assert_eq!(poison.quarantined(print("x"), 1000), Some(LASTS_MS));
        assert_eq!(poison.quarantined(print("x"), 1000 + LASTS_MS), None);
        assert_eq!(poison.quarantined(print("y"), 1000), None);
    }

    #[test]
    fn the_innocent_are_not_suspected() {
        let poison = Poison::default();
        for generation in 0..9 {
            assert!(!poison.crashed(print("x"), ("a", generation), 9, 0), "one of many that were lost");
        }
        poison.crashed(print("x"), ("a", 1), 1, 0);
        poison.cleared(print("x"));
        assert!(!poison.crashed(print("x"), ("a", 2), 1, 0));
    }

    #[test]
    fn the_next_router_knows_them_too() {
        let (old, next) = (Poison::default(), Poison::default());
        old.crashed(print("x"), ("a", 1), 1, 0);
        next.recall(&old.save(), 10);
        assert!(
            next.crashed(print("x"), ("a", 1), 1, 10),
            "another router's worker of that number is another one"
        );
        for n in 0..2 * REMEMBERED {
            next.crashed(print(&n.to_string()), ("a", 1), 1, 10);
        }
        assert_eq!(next.save().len(), REMEMBERED);
    }
}
