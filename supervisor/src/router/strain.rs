//! How far behind a worker is: how long it takes until it answers a question that is put as a call would be, behind those
//! that wait to be sent. What follows from it is in `shed`. Pure: who asks, and when it is answered, is told.

use super::shed::{Shedder, Spell, Turn};
use std::time::{Duration, Instant};

/// The lateness of a worker that is aimed at under too much load.
const TARGET: Duration = Duration::from_millis(100);
/// With fewer calls than this at a worker its lateness is not theirs: others keep the machine busy, and turning calls
/// away would not help.
pub(super) const FEW: u32 = 32;

/// See the module. Of one provider's workers, one after the other.
#[derive(Debug)]
pub(super) struct Strain {
    shedder: Shedder,
    spell: Spell,
    /// When the question was put that is not answered yet.
    asked: Option<Instant>,
    /// How long the last answer took; the next one longer, if it has taken longer already.
    late: Duration,
}

/// What a look finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Calls at the worker.
    pub(super) in_flight: u32,
    /// A question is not answered yet.
    pub(super) waits: bool,
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The worker is to be asked now.
    pub(super) ask: bool,
    /// To be told of.
    pub(super) turn: Option<Turn>,
}

impl Default for Strain {
    fn default() -> Self {
        Self { shedder: Shedder::new(TARGET), spell: Spell::default(), asked: None, late: Duration::ZERO }
    }
}

impl Strain {
    /// After a look that came `elapsed` after the last one.
    pub(super) fn look(&mut self, seen: Seen, now: Instant, elapsed: Duration) -> Verdict {
        if let Some(at) = self.asked {
            let since = now.saturating_duration_since(at);
            if seen.waits {
                self.late = self.late.max(since);
            } else {
                // Answered somewhere between this look and the last one.
                self.late = since.saturating_sub(elapsed / 2);
                self.asked = None;
            }
        }
        let enough = seen.in_flight >= FEW;
        if !enough {
            self.late = Duration::ZERO;
        }
        let share = self.shedder.look(self.late, elapsed);
        let ask = enough && self.asked.is_none();
        if ask {
            self.asked = Some(now);
        }
        Verdict { ask, turn: self.spell.look(share, elapsed) }
    }

    /// Of the worker's calls, to turn away as of the last look.
    pub(super) fn share(&self) -> f64 {
        self.shedder.share()
    }

    pub(super) fn late(&self) -> Duration {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(25);

    /// Looks for `seconds` at a worker that has `in_flight` calls and answers after `takes`; the share at the end.
    fn share(strain: &mut Strain, in_flight: u32, takes: Duration, seconds: u32) -> f64 {
        let start = Instant::now();
        let mut put = start;
        for n in 0..seconds * 40 {
            let now = start + LOOK * n;
            let waits = now.saturating_duration_since(put) < takes;
            let verdict = strain.look(Seen { in_flight, waits }, now, LOOK);
            if verdict.ask {
                put = now;
            }
        }
        strain.asked = None;
        strain.share()
    }

    #[test]
    fn who_is_late_with_many_calls_has_fewer_sent() {
        let mut strain = Strain::default();
        assert_eq!(share(&mut strain, 500, TARGET / 2, 10), 0.0);
        assert_eq!(share(&mut strain, 500, TARGET * 4, 1), 0.0, "a burst");
        assert!(share(&mut strain, 500, TARGET * 4, 5) > 0.5);
        assert_eq!(share(&mut strain, 500, TARGET / 4, 5), 0.0, "it has caught up");
    }

    #[test]
    fn a_worker_that_never_answers_is_late_before_it_does() {
        let mut strain = Strain::default();
        assert!(share(&mut strain, 500, Duration::from_secs(60), 5) > 0.5);
    }

    #[test]
    fn a_few_calls_are_never_turned_away_however_busy_the_machine_is() {
        let mut strain = Strain::default();
        assert_eq!(share(&mut strain, FEW - 1, TARGET * 20, 60), 0.0);
        assert!(share(&mut strain, FEW, TARGET * 20, 5) > 0.0);
        let emptied = share(&mut strain, FEW - 1, TARGET * 20, 5);
        assert_eq!(emptied, 0.0, "the queue is gone");
    }
}
