//! How long a candidate takes to its first token: a peak-sensitive moving average, and the 95th percentile of
//! the last samples. Pure: the time is a parameter.

use std::time::{Duration, Instant};

/// After this long a sample counts for a third.
const DECAY: Duration = Duration::from_secs(10);
/// What a failure counts as.
const PENALTY: Duration = Duration::from_secs(5);
/// Samples looked at for the percentile.
const KEPT: usize = 64;
/// Fewer say nothing of a percentile.
const ENOUGH: usize = 20;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// Seconds; meaningless without `at`.
    average: f64,
    at: Option<Instant>,
    recent: Vec<u32>,
    next: usize,
}

impl Pace {
    /// The first token came after `took`.
    pub(crate) fn sample(&mut self, took: Duration, now: Instant) {
        self.weigh(took.as_secs_f64(), now);
        self.keep(took);
    }

    /// The first token had not come after `took`, and then nobody waited for it any more. That counts only where it
    /// is worse than what is known: without it, who is always let go when it is slow would look fast for ever. Of what
    /// is not known at all it says too little, unless it is as long as a failure counts.
    pub(crate) fn at_least(&mut self, took: Duration, now: Instant) {
        let slowest = || self.recent.iter().max().map(|ms| Duration::from_millis(u64::from(*ms)));
        if self.p95().or_else(slowest).is_some_and(|known| took >= known) {
            self.keep(took);
        }
        let worse = match self.at {
            Some(_) => took.as_secs_f64() >= self.average * self.kept(now),
            None => took >= PENALTY,
        };
        if worse {
            self.weigh(took.as_secs_f64(), now);
        }
    }

    fn keep(&mut self, took: Duration) {
        let ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        match self.recent.get_mut(self.next) {
            Some(slot) => *slot = ms,
            None => self.recent.push(ms),
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// It failed, or did not answer.
    pub(crate) fn penalty(&mut self, now: Instant) {
        self.weigh(PENALTY.as_secs_f64(), now);
    }

    /// Worse counts at once, better bit by bit.
    fn weigh(&mut self, seconds: f64, now: Instant) {
        let kept = self.kept(now);
        self.average = match self.at {
            Some(_) if seconds < self.average => self.average * kept + seconds * (1.0 - kept),
            Some(_) | None => seconds,
        };
        self.at = Some(now);
    }

    /// The share of the past that is left.
    fn kept(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        (-age.as_secs_f64() / DECAY.as_secs_f64()).exp()
    }

    /// How dear one more call is, with `in_flight` there already: lower is better. What has no sample is tried
    /// first, by one call at a time; what had none for long is tried again.
    pub(crate) fn cost(&self, in_flight: u32, now: Instant) -> f64 {
        let waiting = f64::from(in_flight);
        match self.at {
            None if in_flight == 0 => 0.0,
            None => PENALTY.as_secs_f64() * (waiting + 1.0),
            Some(_) => self.average * self.kept(now) * (waiting + 1.0),
        }
    }

    /// 19 of 20 first tokens came within this; `None` = not enough is known.
    pub(crate) fn p95(&self) -> Option<Duration> {
        if self.recent.len() < ENOUGH {
            return None;
        }
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * 95).div_ceil(100).saturating_sub(1);
        sorted.get(at).map(|ms| Duration::from_millis(u64::from(*ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn worse_counts_at_once_and_is_forgotten() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.sample(100 * MS, start);
        pace.sample(900 * MS, start);
        assert!((pace.cost(0, start) - 0.9).abs() < 1e-9);
        pace.sample(100 * MS, start + DECAY);
        let cost = pace.cost(0, start + DECAY);
        assert!(cost > 0.3 && cost < 0.5, "{cost}");
        assert!(pace.cost(3, start + DECAY) > 3.9 * cost, "calls in flight count");
        assert!(pace.cost(0, start + 10 * DECAY) < 0.001, "what was long ago does not");
    }

    #[test]
    fn the_unknown_is_tried_by_one() {
        let now = Instant::now();
        let unknown = Pace::default();
        assert!(unknown.cost(0, now) < 1e-9);
        assert!(unknown.cost(1, now) >= 10.0);
        let mut failed = Pace::default();
        failed.penalty(now);
        assert!((failed.cost(0, now) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn who_was_let_go_took_at_least_so_long() {
        let now = Instant::now();
        let mut pace = Pace::default();
        (0..20).for_each(|_| pace.sample(200 * MS, now));
        pace.at_least(100 * MS, now);
        assert_eq!(pace.p95(), Some(200 * MS), "it may have been as fast as ever");
        assert!((pace.cost(0, now) - 0.2).abs() < 1e-9);
        (0..2).for_each(|_| pace.at_least(900 * MS, now));
        assert_eq!(pace.p95(), Some(900 * MS));
        assert!((pace.cost(0, now) - 0.9).abs() < 1e-9);
        let mut unknown = Pace::default();
        unknown.at_least(700 * MS, now);
        assert!(unknown.cost(0, now) < 1e-9 && unknown.cost(1, now) >= 10.0, "it may be fast or slow");
        unknown.at_least(7000 * MS, now);
        assert!((unknown.cost(0, now) - 7.0).abs() < 1e-9, "no longer unknown");
    }

    #[test]
    fn the_percentile_needs_samples_and_moves_with_them() {
        let now = Instant::now();
        let mut pace = Pace::default();
        (1..20u32).for_each(|ms| pace.sample(ms * MS, now));
        assert_eq!(pace.p95(), None);
        pace.sample(20 * MS, now);
        assert_eq!(pace.p95(), Some(19 * MS));
        (0..64).for_each(|_| pace.sample(500 * MS, now));
        assert_eq!(pace.p95(), Some(500 * MS));
    }
}
