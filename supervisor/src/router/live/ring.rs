//! The frames of the live stream, numbered and kept for a while, so that whoever comes back goes on where it was.
//! Nobody who reads slowly holds anything up: its frames go from here and it is told of the gap.

use super::now_ms;
use super::sees::{Frame, Sees};
use protocol::control::live::LiveFrame;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Frames kept: some minutes of a quiet system, some seconds of a busy one.
const FRAMES: usize = 2048;

/// See the module.
pub(super) struct Ring {
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
}

struct Kept {
    frames: VecDeque<Frame>,
    last: u64,
    /// The last event that was told.
    event: Option<i64>,
}

impl Ring {
    /// Numbers begin after `base`.
    pub(super) fn new(base: u64) -> Ring {
        let kept = Kept { frames: VecDeque::new(), last: base, event: None };
        Ring { kept: Mutex::new(kept), newest: watch::Sender::new(base) }
    }

    /// Somebody watches: without, no frame need be made.
    pub(super) fn is_watched(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// Adds the frame that is made of the next number and the time.
    pub(super) fn push(&self, make: impl FnOnce(u64, i64) -> LiveFrame) {
        let mut kept = self.lock();
        let seq = kept.last + 1;
        let Some(frame) = Frame::new(seq, make(seq, now_ms())) else { return };
        kept.last = seq;
        if kept.frames.len() == FRAMES {
            kept.frames.pop_front();
        }
        kept.frames.push_back(frame);
        drop(kept);
        self.newest.send_replace(seq);
    }

    /// The last number given.
    pub(super) fn last(&self) -> u64 {
        self.lock().last
    }

    /// Sees every new number.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What may be seen of up to `most` frames after a number, and the number of the last of them; first a gap if
    /// some are gone.
    pub(super) fn after(&self, seen: u64, most: usize, sees: Sees) -> (Vec<Arc<str>>, u64) {
        let kept = self.lock();
        let oldest = kept.frames.front().map_or(kept.last + 1, |frame| frame.seq);
        let mut frames = Vec::new();
        let mut at = seen;
        if seen > kept.last || seen + 1 < oldest {
            at = oldest - 1;
            let gap = serde_json::to_string(&LiveFrame::Gap { seq: at, at: now_ms() });
            frames.extend(gap.ok().map(Arc::from));
        }
        let first = kept.frames.partition_point(|frame| frame.seq <= at);
        for frame in kept.frames.range(first..).take(most) {
            frames.extend(frame.shown(sees));
            at = frame.seq;
        }
        (frames, at)
    }

    /// The last event told, if one was.
    pub(super) fn last_event(&self) -> Option<i64> {
        self.lock().event
    }

    /// The last event told is that one.
    pub(super) fn told_event(&self, id: i64) {
        self.lock().event = Some(id);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Sees = Sees { providers: true, metrics: true };

    fn ring(frames: u64) -> Ring {
        let ring = Ring::new(1000);
        for _ in 0..frames {
            ring.push(|seq, at| LiveFrame::Gap { seq, at });
        }
        ring
    }

    fn numbers(frames: &[Arc<str>]) -> Vec<u64> {
        let seq = |text: &Arc<str>| serde_json::from_str::<serde_json::Value>(text).unwrap()["seq"].as_u64();
        frames.iter().filter_map(seq).collect()
    }

    #[test]
    fn whoever_comes_back_goes_on_where_it_was() {
        let ring = ring(5);
        let (frames, at) = ring.after(1002, 2, ALL);
        assert_eq!((numbers(&frames), at), (vec![1003, 1004], 1004));
        assert_eq!(ring.after(1005, 10, ALL).0.len(), 0);
        assert_eq!(numbers(&ring.after(1000, 10, ALL).0), [1001, 1002, 1003, 1004, 1005]);
    }

    #[test]
    fn what_is_gone_is_a_gap() {
        let ring = ring(FRAMES as u64 + 10);
        let (frames, at) = ring.after(1003, 1, ALL);
        assert_eq!((numbers(&frames), at), (vec![1010, 1011], 1011));
        // Numbers of another router: older than all of ours, or (its clock was ahead) newer.
        for foreign in [7, 999_999] {
            assert_eq!(numbers(&ring.after(foreign, 1, ALL).0), [1010, 1011], "{foreign}");
        }
        let fresh = Ring::new(1000);
        assert_eq!(numbers(&fresh.after(7, 1, ALL).0), [1000]);
    }

    #[test]
    fn it_knows_whether_somebody_watches() {
        let ring = ring(1);
        assert!(!ring.is_watched());
        let watching = ring.watch();
        assert!(ring.is_watched());
        drop(watching);
        assert!(!ring.is_watched());
    }
}
