//! How much has gone over the data connections of a process.

use crate::ipc::control::Moved;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts both ways. Shared by every connection that is given it.
#[derive(Debug, Default)]
pub struct Traffic {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Traffic {
    /// Until now.
    pub fn moved(&self) -> Moved {
        Moved { frames: self.frames.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }

    pub(super) fn add(&self, frames: usize, bytes: usize) {
        self.frames.fetch_add(frames as u64, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }
}
