//! The router's end of the spool: every call that is over is on it before its client sees the last byte.
//!
//! One write(2) to a file that was opened to be appended to: it is whole or it is torn, never mixed with another's,
//! and once it is done no death of a process undoes it. A full disk costs the entry, not the call: what could not be
//! written is counted, and the count is written as soon as something can be.

use protocol::ipc::spool::{Entry, encode};
use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The supervisor gives up what it has not read beyond half of this; more means that it does not read at all.
const MOST: u64 = 128 * 1024 * 1024;
/// Bytes between two looks at the size.
const LOOK: u64 = 1024 * 1024;
const BLOCK: u64 = 512;

/// See the module. Shared by all threads of the router.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    file: Option<File>,
    most: u64,
    /// Bytes written since the last look.
    unseen: AtomicU64,
    /// Calls that could not be written, and were not reported yet.
    unsaid: AtomicU64,
    /// The same since the start.
    lost: AtomicU64,
}

thread_local! {
    /// Reused: an entry is a kilobyte or so.
    static BUFFER: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

impl Spool {
    /// Without a file every call is counted as lost.
    pub(crate) fn new(file: Option<File>) -> Self {
        Self { file, most: MOST, unseen: AtomicU64::new(LOOK), ..Self::default() }
    }

    /// Writes a call. Never fails: see the module.
    pub(crate) fn append(&self, call: &mut Entry) {
        let written = BUFFER.with_borrow_mut(|(one, all)| {
            if !encode(call, one) {
                without_trace(call);
                if !encode(call, one) {
                    return false;
                }
            }
            self.write(one, all)
        });
        if !written {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Calls that could not be written since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn write(&self, entry: &[u8], all: &mut Vec<u8>) -> bool {
        let Some(file) = &self.file else { return false };
        if !self.has_room(file, entry.len() as u64) {
            return false;
        }
        let unsaid = self.unsaid.swap(0, Ordering::Relaxed);
        if unsaid == 0 {
            return put(file, entry);
        }
        encode(&Entry::Lost { calls: unsaid }, all);
        all.extend_from_slice(entry);
        let written = put(file, all);
        if !written {
            self.unsaid.fetch_add(unsaid, Ordering::Relaxed);
        }
        written
    }

    fn has_room(&self, file: &File, more: u64) -> bool {
        if self.unseen.fetch_add(more, Ordering::Relaxed) < LOOK {
            return true;
        }
        // What the supervisor has read takes no blocks any more.
        let fits = file.metadata().is_ok_and(|found| found.blocks() * BLOCK < self.most);
        if fits {
            self.unseen.store(0, Ordering::Relaxed);
        }
        fits
    }
}

fn without_trace(call: &mut Entry) {
    if let Entry::Call(detail) = call {
        detail.trace = None;
    }
}

/// All of it, with one system call.
fn put(mut file: &File, bytes: &[u8]) -> bool {
    loop {
        match file.write(bytes) {
            Ok(n) => return n == bytes.len(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::settled::tests::detail;
    use protocol::ipc::spool::take;
    use std::fs::OpenOptions;
    use std::time::{Duration, Instant};

    fn appendable() -> (tempfile::TempDir, File) {
        let dir = tempfile::tempdir().unwrap();
        let file = OpenOptions::new().create(true).append(true).open(dir.path().join("s")).unwrap();
        (dir, file)
    }

    fn call() -> Entry {
        Entry::Call(Box::new(detail().into()))
    }

    fn written(dir: &tempfile::TempDir) -> Vec<Entry> {
        take(&std::fs::read(dir.path().join("s")).unwrap(), 100).entries
    }

    #[test]
    fn what_was_lost_is_said_with_the_next_call_that_is_not() {
        let (dir, file) = appendable();
        let spool = Spool { most: 0, ..Spool::new(Some(file)) };
        spool.append(&mut call());
        spool.append(&mut call());
        assert_eq!((written(&dir), spool.lost()), (vec![], 2));
        let spool = Spool { most: MOST, ..spool };
        spool.append(&mut call());
        spool.append(&mut call());
        assert_eq!(written(&dir), [Entry::Lost { calls: 2 }, call(), call()]);
        assert_eq!(spool.lost(), 2);
    }

    #[test]
    fn without_a_file_every_call_is_counted() {
        let spool = Spool::new(None);
        spool.append(&mut call());
        assert_eq!(spool.lost(), 1);
    }

    #[test]
    fn a_call_that_is_too_long_goes_without_its_trace() {
        let (dir, file) = appendable();
        let mut long = detail();
        long.trace.as_mut().unwrap().notes = vec!["x".repeat(20_000)];
        let summary = long.call.clone();
        Spool::new(Some(file)).append(&mut Entry::Call(Box::new(long.into())));
        let [Entry::Call(read)] = &written(&dir)[..] else { panic!("one call") };
        assert_eq!((&read.call, &read.trace), (&summary, &None));
    }

    /// The time is shown, not judged: builds and machines differ too much.
    #[test]
    #[ignore = "a measurement"]
    fn an_entry_takes_microseconds() {
        let (_dir, file) = appendable();
        let spool = Spool::new(Some(file));
        let rounds: u32 = 50_000;
        let began = Instant::now();
        for _ in 0..rounds {
            spool.append(&mut call());
        }
        let each = began.elapsed() / rounds;
        assert_eq!(spool.lost(), 0);
        assert!(each < Duration::from_millis(1));
        println!("{each:?} for each entry");
    }
}
