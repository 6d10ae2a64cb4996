//! One mebibyte kept in hand: on a full disk even a DELETE needs room for the log, so something must be given
//! back before an operator can do anything. It belongs to the configuration; usage rows never get it.

use super::error::StoreError;
use super::state_dir::{StateDir, remove_if_there};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes kept in hand.
pub(crate) const BALLAST_BYTES: u64 = 1024 * 1024;

/// Whether the ballast is there to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BallastState {
    Held,
    /// Given back to the disk, or no room to make it.
    Spent,
}

/// The file `ballast` of a state directory.
#[derive(Clone, Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(crate) fn new(dir: &StateDir) -> Ballast {
        Ballast { path: dir.join("ballast") }
    }

    pub(crate) fn state(&self) -> BallastState {
        match std::fs::metadata(&self.path) {
            Ok(found) if found.len() == BALLAST_BYTES => BallastState::Held,
            Ok(_) | Err(_) => BallastState::Spent,
        }
    }

    /// Takes the room if it is not held yet. A disk too full for it is no error: the state says so.
    pub(crate) fn hold(&self) -> Result<BallastState, StoreError> {
        if self.state() == BallastState::Held {
            return Ok(BallastState::Held);
        }
        match write_full(&self.path) {
            Ok(()) => Ok(BallastState::Held),
            Err(_) => self.release(),
        }
    }

    /// Gives the room back.
    pub(crate) fn release(&self) -> Result<BallastState, StoreError> {
        remove_if_there(&self.path).map_err(|e| StoreError::file("remove", &self.path, e))?;
        Ok(BallastState::Spent)
    }
}

/// Writes real bytes: a sparse or compressed file would hold no room. They only need to be incompressible.
fn write_full(path: &Path) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = Vec::with_capacity(64 * 1024);
    for _ in 0..BALLAST_BYTES / (64 * 1024) {
        block.clear();
        while block.len() < 64 * 1024 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    file.sync_all()
}
