//! The last log lines of all processes, numbered. Bounded in lines and bytes: the oldest go first, and whoever
//! follows too slowly sees a gap in the numbers.

use protocol::control::record::{LogFilter, LogLine};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Lines and bytes kept.
const LINES: usize = 10_000;
const BYTES: usize = 4 * 1024 * 1024;
/// Bytes a line costs besides its text.
const OVERHEAD: usize = 150;
/// Most severe first.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct LogRing {
    kept: Arc<Mutex<Kept>>,
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Number of the last line.
    last: u64,
}

/// Which lines somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    process: Option<String>,
    /// Index of the least severe level.
    level: usize,
    /// In lower case.
    text: Option<String>,
}

impl Wanted {
    /// None when the level is none.
    pub(crate) fn new(filter: &LogFilter) -> Option<Wanted> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let level = match given(&filter.level) {
            None => LEVELS.len() - 1,
            Some(level) => LEVELS.iter().position(|known| *known == level.to_lowercase())?,
        };
        Some(Wanted {
            process: given(&filter.process),
            level,
            text: given(&filter.text).map(|t| t.to_lowercase()),
        })
    }

    fn matches(&self, line: &LogLine) -> bool {
        self.process.as_ref().is_none_or(|process| *process == line.process)
            && LEVELS.iter().position(|level| *level == line.level).is_none_or(|at| at <= self.level)
            && self.text.as_ref().is_none_or(|text| line.text.to_lowercase().contains(text))
    }
}

impl LogRing {
    pub(crate) fn new() -> LogRing {
        LogRing { kept: Arc::default(), changes: Arc::new(watch::Sender::new(0)) }
    }

    /// Keeps a line; its number is given here.
    pub(crate) fn push(&self, mut line: LogLine) {
        let mut kept = self.lock();
        kept.last += 1;
        line.seq = kept.last;
        kept.bytes += line.text.len() + OVERHEAD;
        kept.lines.push_back(line);
        while kept.lines.len() > LINES || kept.bytes > BYTES {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.text.len() + OVERHEAD;
        }
        drop(kept);
        self.changes.send_modify(|n| *n += 1);
    }

    /// The newest lines, or those before a number, the newest first.
    pub(crate) fn before(&self, before: Option<u64>, limit: usize, wanted: &Wanted) -> Vec<LogLine> {
        let kept = self.lock();
        let older = kept.lines.iter().rev().filter(|line| before.is_none_or(|before| line.seq < before));
        older.filter(|line| wanted.matches(line)).take(limit).cloned().collect()
    }

    /// The lines after a number, the oldest first. A number that is not reached yet is one of an earlier
    /// supervisor: everything is new then.
    pub(crate) fn after(&self, after: u64, limit: usize, wanted: &Wanted) -> Vec<LogLine> {
        let kept = self.lock();
        let after = if after > kept.last { 0 } else { after };
        let first = kept.lines.partition_point(|line| line.seq <= after);
        kept.lines.range(first..).filter(|line| wanted.matches(line)).take(limit).cloned().collect()
    }

    /// Counts the lines.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(process: &str, level: &str, text: &str) -> LogLine {
        let (process, level, text) = (process.to_owned(), level.to_owned(), text.to_owned());
        LogLine { seq: 0, at: 0, process, generation: None, level, text, call: None }
    }

    fn numbers(lines: &[LogLine]) -> Vec<u64> {
        lines.iter().map(|line| line.seq).collect()
    }

    fn all() -> Wanted {
        Wanted::new(&LogFilter::default()).unwrap()
    }

    #[test]
    fn lines_are_read_in_both_directions_and_filtered() {
        let ring = LogRing::new();
        for n in 0..10 {
            let level = if n % 2 == 0 { "info" } else { "warn" };
            ring.push(line(if n < 5 { "a" } else { "router" }, level, &format!("Line {n}")));
        }
        assert_eq!(numbers(&ring.before(None, 2, &all())), [10, 9]);
        assert_eq!(numbers(&ring.before(Some(9), 2, &all())), [8, 7]);
        assert_eq!(numbers(&ring.after(8, 5, &all())), [9, 10]);
        assert!(ring.after(10, 5, &all()).is_empty());
        assert_eq!(ring.after(999, 50, &all()).len(), 10, "a number of another supervisor");
        let filter = LogFilter {
            process: Some("router".into()),
            level: Some("warn".into()),
            text: Some("line 7".into()),
        };
        assert_eq!(numbers(&ring.before(None, 50, &Wanted::new(&filter).unwrap())), [8]);
        assert!(Wanted::new(&LogFilter { level: Some("loud".into()), ..LogFilter::default() }).is_none());
    }

    #[test]
    fn the_ring_is_bounded_in_lines_and_bytes() {
        let ring = LogRing::new();
        (0..LINES + 5).for_each(|_| ring.push(line("a", "info", "x")));
        assert_eq!(ring.lock().lines.len(), LINES);
        let long = "x".repeat(8 * 1024);
        (0..2000).for_each(|_| ring.push(line("a", "info", &long)));
        assert!(ring.lock().bytes <= BYTES);
        assert_eq!(ring.lock().last, (LINES + 2005) as u64);
    }
}
