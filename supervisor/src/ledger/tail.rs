//! What is still on the spools of what calls counted against limits: for the next router, whose predecessor may have
//! counted more than it said. Blocks on the disk for a few megabytes at most; decides nothing.

use super::spool::Spool;
use super::spools::Spools;
use memchr::memmem;
use protocol::ipc::spool::{self, COUNTED, Counted};
use serde::Deserialize;

/// Of all spools together; a message to a router has a bound.
const MOST: usize = 40_000;

/// What is read of a call.
#[derive(Deserialize)]
struct Call {
    counted: Option<Counted>,
}

/// Everything that was counted, as far back as the spools go. A spool that cannot be read has nothing to say.
pub(crate) fn counted(spools: &Spools) -> Vec<Counted> {
    let mut all = Vec::new();
    for path in spools.list() {
        let text = Spool::open(&path).and_then(|spool| spool.text()).unwrap_or_default();
        all.extend(text.split_inclusive(|byte| *byte == b'\n').filter_map(read));
    }
    // The newest are those that nobody knows.
    let surplus = all.len().saturating_sub(MOST);
    all.drain(..surplus);
    all
}

fn read(line: &[u8]) -> Option<Counted> {
    memmem::find(line, COUNTED)?;
    let entries = spool::take::<Call>(line, 1).entries;
    entries.into_iter().find_map(|entry| match entry {
        spool::Entry::Call(call) => call.counted,
        spool::Entry::Lost { .. } => None,
    })
}
