//! When a child gives the memory of a busy time back: once, when two looks in a row found nothing under way. Pure but
//! for the giving itself.
//!
//! The system's allocator keeps what was freed in the middle of its heap (malloc_trim(3)); a worker that once carried a
//! thousand streams would stay as large as it was then.

use super::inherit::give_back_memory;

/// What was seen at the last look.
#[derive(Debug, Default)]
pub struct Slack {
    /// Calls taken since the start.
    seen: u64,
    /// The same when memory was given back.
    given: u64,
}

impl Slack {
    /// A look at what the process does, about every second; gives memory back when that is due.
    pub fn look(&mut self, in_flight: u32, calls: u64) {
        if self.is_due(in_flight, calls) {
            give_back_memory();
        }
    }

    fn is_due(&mut self, in_flight: u32, calls: u64) -> bool {
        let quiet = in_flight == 0 && calls == self.seen;
        self.seen = calls;
        let due = quiet && calls != self.given;
        if due {
            self.given = calls;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_after_each_busy_time() {
        let mut slack = Slack::default();
        let looks = [(0, 0), (3, 5), (0, 5), (0, 5), (0, 5), (1, 6), (1, 6), (0, 7), (0, 7)];
        let due: Vec<bool> =
            looks.iter().map(|(in_flight, calls)| slack.is_due(*in_flight, *calls)).collect();
        assert_eq!(due, [false, false, true, false, false, false, false, false, true]);
    }

    #[test]
    fn giving_is_harmless() {
        let kept: Vec<Vec<u8>> = (0..1000).map(|n| vec![1; 1000 + n]).collect();
        give_back_memory();
        assert!(kept.iter().enumerate().all(|(n, block)| block.len() == 1000 + n && block[n] == 1));
    }
}
