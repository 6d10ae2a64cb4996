//! How busy the process of one provider is, as its calls show it: how long each was on its way between router and
//! worker. A process that comes late to what it has is sent less, so that what it takes is answered in time; calls
//! with another candidate go there.

use crate::router::shed::Shedder;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest way within this time counts: one that was late by chance says nothing.
const LOOK: Duration = Duration::from_millis(25);
/// Of so many calls at least.
const CALLS: u32 = 8;
/// What was seen longer ago belongs to another time.
const FORGET: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// In 2^-32.
    share: AtomicU32,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    shedder: Shedder,
    began: Option<Instant>,
    shortest: Option<Duration>,
    calls: u32,
}

impl Load {
    /// A call is over that was on its way for so long.
    pub(crate) fn took(&self, way: Duration, now: Instant) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let shortest = window.shortest.map_or(way, |known| known.min(way));
        window.calls += 1;
        let began = *window.began.get_or_insert(now);
        let elapsed = now.saturating_duration_since(began);
        let few = window.calls < CALLS;
        if elapsed < LOOK || few && elapsed < FORGET {
            window.shortest = Some(shortest);
            return;
        }
        let calls = std::mem::take(&mut window.calls);
        (window.began, window.shortest) = (Some(now), None);
        // Few calls in a second have no queue that stands: each was late for a reason of its own.
        let way = if calls < CALLS { Duration::ZERO } else { shortest };
        let share = window.shedder.look(way, elapsed);
        self.share.store((share * f64::from(u32::MAX)) as u32, Ordering::Relaxed);
    }

    /// Whether a call should not go there now; `random` is in 0..1. Both are asked for if need be.
    pub(crate) fn sheds(&self, now: impl FnOnce() -> Instant, random: impl FnOnce() -> f64) -> bool {
        let share = self.share.load(Ordering::Relaxed);
        if share == 0 {
            return false;
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.is_none_or(|began| now().saturating_duration_since(began) > FORGET * 2) {
            // Nothing went there for a while: nothing is queued there either.
            *window = Window::default();
            self.share.store(0, Ordering::Relaxed);
            return false;
        }
        drop(window);
        random() < f64::from(share) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn only_a_way_that_is_long_for_all_counts() {
        let (load, start) = (Load::default(), Instant::now());
        let shed = |at: u64, random: f64| load.sheds(|| start + ms(at), || random);
        for at in 0..2000 {
            // Every second call was late; the others were not.
            let way = if at % 2 == 0 { ms(500) } else { ms(1) };
            load.took(way, start + ms(at));
        }
        assert!(!shed(2000, 0.0));
        (2000..4000).for_each(|at| load.took(ms(500), start + ms(at)));
        assert!(shed(4000, 0.0) && !shed(4000, 1.0));
        (4000..8000).for_each(|at| load.took(ms(1), start + ms(at)));
        assert!(!shed(8000, 0.0), "it is over");
        (8000..10_000).for_each(|at| load.took(ms(500), start + ms(at)));
        assert!(shed(10_000, 0.0));
        assert!(!shed(13_000, 0.0), "nobody went there for seconds");
    }

    #[test]
    fn few_calls_have_no_queue_however_late_each_is() {
        let (load, start) = (Load::default(), Instant::now());
        (0..60).for_each(|at| load.took(Duration::from_secs(2), start + ms(at * 300)));
        assert!(!load.sheds(|| start + Duration::from_secs(18), || 0.0));
    }
}
