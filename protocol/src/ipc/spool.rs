//! The spool: the file on which the router leaves every call that is over, and from which the supervisor takes
//! them. Its text is a JSON text sequence (RFC 7464): each entry begins with RS and ends with a line feed, so an
//! entry that was torn by a full disk or a killed process harms no other.
//!
//! Pure: values to bytes and back. An entry is one write(2); who writes and who reads is elsewhere.

use crate::control::record::{CallDetail, CallSummary, CallTrace};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest entry. A call whose trace makes it longer is left without its trace.
pub const MAX_ENTRY: usize = 16 * 1024;

const BEGIN: u8 = 0x1e;
const END: u8 = b'\n';

/// A call that is over, as the router writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub call: CallSummary,
    pub trace: Option<CallTrace>,
    /// What counted against the limits of its app; absent = the app has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

impl From<CallDetail> for Recorded {
    fn from(CallDetail { call, trace }: CallDetail) -> Self {
        Self { call, trace, counted: None }
    }
}

/// What a call counted for. With the number of its ticket, so that it counts once, whoever counts it: a router
/// that remembers it, or the next one, which finds it here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub app: String,
    /// Label of the key, if it has limits of its own.
    pub key: Option<String>,
    /// The router that counted; later ones have larger numbers.
    pub origin: u64,
    /// In the order of that router's calls of this app.
    pub ticket: u64,
    pub tokens: u64,
    /// In billionths of a currency's unit.
    pub cost: Option<(u64, String)>,
    /// The periods it counts in, since 1970.
    pub day: i64,
    pub month: i64,
}

/// The field of an entry that has a [`Counted`]; quotes in texts are escaped, so nothing else looks like it.
pub const COUNTED: &[u8] = b"\"counted\":";

/// One entry. `D` is what its reader wants to know of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry<D = Recorded> {
    /// A call is over; its client sees the last byte after this was written.
    Call(Box<D>),
    /// So many calls could not be written before this.
    Lost { calls: u64 },
}

/// What the beginning of a spool held.
#[derive(Debug, PartialEq)]
pub struct Taken<D = Recorded> {
    pub entries: Vec<Entry<D>>,
    /// Entries that were torn, or are not of this program.
    pub torn: u64,
    /// Bytes that need not be looked at again.
    pub used: usize,
}

/// Writes one entry as bytes, instead of what is in `into`. False = it is longer than an entry may be.
pub fn encode(entry: &Entry, into: &mut Vec<u8>) -> bool {
    into.clear();
    into.push(BEGIN);
    let written = serde_json::to_writer(&mut *into, entry).is_ok();
    into.push(END);
    written && into.len() <= MAX_ENTRY
}

/// Reads up to `most` entries. What follows the last line feed may still be in the making and is left; zeros (what a
/// released range reads as) are passed over.
pub fn take<D: DeserializeOwned>(bytes: &[u8], most: usize) -> Taken<D> {
    let mut taken = Taken { entries: Vec::new(), torn: 0, used: 0 };
    while taken.entries.len() < most {
        let rest = &bytes[taken.used..];
        let Some(end) = memchr::memchr(END, rest) else { break };
        taken.used += end + 1;
        for piece in rest[..end].split(|byte| *byte == BEGIN) {
            let piece = match piece.iter().position(|byte| *byte != 0) {
                Some(at) => &piece[at..],
                None => continue,
            };
            match serde_json::from_slice(piece) {
                Ok(entry) => taken.entries.push(entry),
                Err(_) => taken.torn += 1,
            }
        }
    }
    taken
}

/// Passes over the oldest entries until at least `bytes` are passed: where the next one begins, and how many were
/// passed. Without a whole entry in sight, nothing is.
pub fn skip(spooled: &[u8], bytes: usize) -> (usize, u64) {
    let (mut used, mut entries) = (0, 0);
    while used < bytes {
        let Some(end) = memchr::memchr(END, &spooled[used..]) else { break };
        used += end + 1;
        entries += 1;
    }
    (used, entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: &[u8], most: usize) -> Taken {
        super::take(bytes, most)
    }

    fn lost(calls: u64) -> Entry {
        Entry::Lost { calls }
    }

    fn bytes(entries: &[Entry]) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in entries {
            let mut one = Vec::new();
            assert!(encode(entry, &mut one));
            all.extend(one);
        }
        all
    }

    #[test]
    fn entries_come_back_in_order_and_the_unfinished_one_waits() {
        let whole = bytes(&[lost(1), lost(2), lost(3)]);
        let two = bytes(&[lost(1), lost(2)]).len();
        for cut in two..whole.len() {
            let taken = take(&whole[..cut], 10);
            assert_eq!((taken.entries, taken.torn, taken.used), (vec![lost(1), lost(2)], 0, two), "{cut}");
        }
        assert_eq!(take(&whole, 10).entries.len(), 3);
        assert_eq!(take(&whole, 1).entries, [lost(1)]);
    }

    #[test]
    fn a_torn_entry_harms_no_other() {
        let one = bytes(&[lost(7)]);
        for cut in 1..one.len() - 1 {
            let mut torn = one[..cut].to_vec();
            torn.extend(bytes(&[lost(8)]));
            let taken = take(&torn, 10);
            assert_eq!(taken.entries, [lost(8)], "{cut}");
            assert_eq!((taken.torn, taken.used), (u64::from(cut > 1), torn.len()), "{cut}");
        }
    }

    #[test]
    fn a_released_range_reads_as_nothing() {
        let mut all = vec![0; 5000];
        all.extend(bytes(&[lost(1)]));
        let taken = take(&all, 10);
        assert_eq!((taken.entries, taken.torn), (vec![lost(1)], 0));
    }

    #[test]
    fn the_oldest_are_passed_over_whole() {
        let all = bytes(&[lost(1), lost(2), lost(3)]);
        let one = all.len() / 3;
        assert_eq!(skip(&all, 1), (one, 1));
        assert_eq!(skip(&all, one + 1), (2 * one, 2));
        assert_eq!(skip(&all[..one - 1], 1), (0, 0));
    }
}
