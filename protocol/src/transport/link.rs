//! The tokio shell of [`crate::ipc::mux`]: one driver task moves the bytes of a data connection, handles on
//! both sides see typed items.
//!
//! The router side: [`connect`] → [`Opener`] → [`CallStream`]. The worker side: [`welcome`] → [`Incoming`] →
//! [`Call`] = [`RequestBody`] + [`Reply`]. Dropping a handle before the end resets its stream.

mod call;
mod driver;
mod handshake;
mod traffic;

pub use call::{Answer, Call, CallStream, Cancellation, Commit, Gone, Incoming, Opener, Reply, RequestBody};
pub use driver::{Driver, LinkEnd};
pub use handshake::{Expect, connect, welcome};
pub use traffic::Traffic;

use crate::ipc::codec::CodecError;
use crate::ipc::frame::FrameError;
use crate::ipc::mux::{Mux, Violation};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a data connection could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("data connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("data connection sent no valid frame: {0}")]
    Frame(#[from] FrameError),
    #[error("data connection sent no valid header: {0}")]
    Codec(#[from] CodecError),
    #[error("data connection broke the protocol: {0}")]
    Violation(#[from] Violation),
    #[error("handshake refused: {0}")]
    Refused(&'static str),
    #[error("handshake took too long")]
    Slow,
}

/// The table behind its lock. Held for a few instructions at a time, never across an await.
struct Shared(Mutex<Mux>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Mux> {
        // A panic while holding the lock is a bug, but the table has no invariant that a retry could break.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
