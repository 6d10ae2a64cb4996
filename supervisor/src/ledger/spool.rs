//! One spool being read: what is new on it, the release of what was taken, and its end. Blocks on the disk; never
//! waits for anything else.

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::unistd::{Whence, lseek};
use protocol::control::record::CallSummary;
use protocol::ipc::spool::{self, MAX_ENTRY, skip, take};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Read in one go.
const CHUNK: usize = 1024 * 1024;
/// More that is not read yet is given up, the oldest first.
pub(super) const MOST: u64 = 64 * 1024 * 1024;
/// Blocks are given back when they add up to this.
const RELEASE: u64 = 1024 * 1024;
/// What was taken last is kept so far back: the next router may have to count it (see `tail`). A spool that is read
/// again after a kill costs no more than this and the above.
const KEEP: u64 = 4 * 1024 * 1024;
/// File systems give back whole blocks.
const BLOCK: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    /// Read and taken up to here.
    taken: u64,
    /// Given back to the file system up to here.
    released: u64,
    /// Ends of entries between the two, some of them.
    ends: VecDeque<u64>,
    /// When it was first seen that its router is gone.
    complete: Option<Instant>,
}

/// A call as it is taken off a spool. The trace is stored as it was written: nothing here looks into it.
#[derive(Debug, Deserialize)]
pub(super) struct Settled {
    pub(super) call: CallSummary,
    pub(super) trace: Option<Box<RawValue>>,
}

pub(super) type Entry = spool::Entry<Settled>;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// Calls that nobody can read.
    pub(super) torn: u64,
    /// Calls given up because too many waited.
    pub(super) given_up: u64,
    /// Where to go on once the entries are committed.
    end: u64,
    /// There was more than was looked at.
    more: bool,
}

impl Found {
    pub(super) fn has_more(&self) -> bool {
        self.more
    }
}

impl Spool {
    /// Opens a spool where its first entry is that was not released.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let taken = match lseek(&file, 0, Whence::SeekData) {
            Ok(at) => u64::try_from(at).unwrap_or(0),
            // Nothing but released ranges.
            Err(Errno::ENXIO) => file.metadata()?.len(),
            Err(_) => 0,
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            taken,
            released: taken,
            ends: VecDeque::new(),
            complete: None,
        })
    }

    /// Its router has been gone for so long. To be asked about complete ones only.
    pub(super) fn has_rested(&mut self, long: Duration) -> bool {
        self.complete.get_or_insert_with(Instant::now).elapsed() >= long
    }

    /// All that was not given back, but no more than a spool may hold.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let len = self.file.metadata()?.len();
        let begin = self.released.max(len.saturating_sub(MOST));
        let mut bytes = vec![0; usize::try_from(len - begin).unwrap_or(0)];
        let filled = self.fill(&mut bytes, begin)?.len();
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Up to `most` entries that were not taken yet.
    pub(super) fn read(&self, most: usize) -> io::Result<Found> {
        let mut found = Found { end: self.taken, ..Found::default() };
        let len = self.file.metadata()?.len();
        let mut bytes = vec![0; CHUNK];
        while len.saturating_sub(found.end) > MOST {
            let piece = self.fill(&mut bytes, found.end)?;
            let (used, entries) = skip(piece, usize::try_from(len - found.end - MOST).unwrap_or(usize::MAX));
            found.given_up += entries;
            // A chunk without an end is longer than any entry: garbage.
            found.end += if used == 0 { piece.len() } else { used } as u64;
        }
        let piece = self.fill(&mut bytes, found.end)?;
        let mut taken = take(piece, most);
        found.more = taken.used > 0 && (taken.entries.len() == most || piece.len() == CHUNK);
        if taken.used == 0 && piece.len() > 2 * MAX_ENTRY {
            // Released ranges have no end of their own; anything else of that length is no entry.
            match piece.iter().take_while(|byte| **byte == 0).count() {
                0 => (taken.used, taken.torn) = (piece.len(), 1),
                zeros => taken.used = zeros,
            }
            found.more = true;
        }
        found.end += taken.used as u64;
        (found.entries, found.torn) = (taken.entries, taken.torn);
        Ok(found)
    }

    fn fill<'b>(&self, bytes: &'b mut [u8], at: u64) -> io::Result<&'b [u8]> {
        let mut have = 0;
        while have < bytes.len() {
            match self.file.read_at(&mut bytes[have..], at + have as u64) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&bytes[..have])
    }

    /// What was found is committed: it is not found again.
    pub(super) fn taken(&mut self, found: &Found) {
        self.taken = found.end;
        self.ends.push_back(found.end);
        // Where an entry ends: the next look begins with a whole one.
        let mut end = self.released;
        while let Some(next) = self.ends.front().copied().filter(|next| next + KEEP <= self.taken) {
            end = next;
            if next - self.released < RELEASE {
                self.ends.pop_front();
            } else {
                break;
            }
        }
        if end - self.released >= RELEASE {
            self.release(end);
        }
    }

    fn release(&mut self, end: u64) {
        // From the beginning of a block: one that two ranges share would be kept.
        let begin = self.released - self.released % BLOCK;
        let range = (begin as i64, (end - begin) as i64);
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match fallocate(&self.file, flags, range.0, range.1) {
            Ok(()) => {}
            Err(error) => tracing::debug!("blocks of {} are not released: {error}", self.path.display()),
        }
        self.released = end;
    }

    /// Whether nobody will ever write to it again. To be asked before the last look.
    pub(super) fn is_complete(&self) -> bool {
        match self.file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }

    /// Removes it. A rest without an end is one entry that was never finished: its call's client has not seen the
    /// end either. Returns the number of such entries.
    pub(super) fn remove(self) -> io::Result<u64> {
        let rest = self.file.metadata()?.len() > self.taken;
        std::fs::remove_file(&self.path)?;
        Ok(u64::from(rest))
    }
}
