//! What the demo provider does to its own process when a model's name asks for it: so that the supervisor's
//! limits, and the other providers' calm, can be seen.
//!
//! Owns: memory that is never given back, noise on standard error, a busy thread. Never: touches anything outside
//! this process.

use protocol::model::{Failure, FailureKind};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

/// What a process leaks in its life ends here, in MiB: more than any machine has.
const MAX_LEAK: usize = 1024 * 1024;

/// Kept for good, one entry per MiB.
static LEAKED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// 64 bytes: whole lines fill whole pieces.
const LINE: &[u8; 64] = b"demo: one of the very many lines that a model's name asked for.\n";
/// Written with one call, so that other lines find their way between.
const PIECE: usize = 64 * 1024;

/// Writes `mib` MiB of lines to standard error; less if it is closed, or if the call ends before.
pub(super) async fn flood(mib: u64) {
    let wanted = Arc::new(AtomicBool::new(true));
    let guard = Unwanted(Arc::clone(&wanted));
    let written = tokio::task::spawn_blocking(move || {
        let piece = LINE.repeat(PIECE / LINE.len());
        let pieces = mib.saturating_mul((MIB / PIECE) as u64);
        (0..pieces).all(|_| wanted.load(Relaxed) && std::io::stderr().lock().write_all(&piece).is_ok())
    });
    if !matches!(written.await, Ok(true)) {
        tracing::debug!("standard error did not take the whole flood");
    }
    drop(guard);
}

/// Tells the thread that nobody waits for it any more.
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// Allocates and fills `mib` MiB. Beyond the memory limit of the process that is its end: memory that cannot be had
/// aborts.
pub(super) async fn leak(mib: u64) -> Result<(), Failure> {
    let kept = tokio::task::spawn_blocking(move || (0..mib).all(|_| keep())).await;
    match kept {
        Ok(true) => Ok(()),
        Ok(false) => Err(internal("the demo provider has leaked all that it may")),
        Err(error) => Err(internal(&format!("the demo provider could not leak: {error}"))),
    }
}

fn keep() -> bool {
    // Not zero: untouched pages of zeroes would cost nothing.
    let piece = vec![0x5a; MIB];
    let mut leaked = LEAKED.lock().unwrap_or_else(PoisonError::into_inner);
    let room = leaked.len() < MAX_LEAK;
    if room {
        leaked.push(piece);
    }
    room
}

/// Lets this thread, and with it every call of the process, wait for `time`.
pub(super) fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Ends the process by a signal, as a bug would.
pub(super) fn abort() -> ! {
    tracing::error!("aborting, as the model's name asks");
    std::process::abort()
}

/// Ends the process with `code`.
#[expect(
    clippy::disallowed_methods,
    reason = "a death without unwinding and without main is what is asked for"
)]
pub(super) fn exit(code: i32) -> ! {
    tracing::error!("ending with exit code {code}, as the model's name asks");
    std::process::exit(code)
}

fn internal(message: &str) -> Failure {
    Failure::new(FailureKind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_leaked_stays_and_is_touched() {
        leak(3).await.unwrap();
        let leaked = LEAKED.lock().unwrap();
        assert!(leaked.len() >= 3);
        assert!(leaked.iter().all(|piece| piece.len() == MIB && piece.iter().all(|byte| *byte == 0x5a)));
    }

    #[test]
    fn a_spin_takes_its_time() {
        let start = Instant::now();
        spin(Duration::from_millis(5));
        assert!(start.elapsed() >= Duration::from_millis(5));
    }
}
