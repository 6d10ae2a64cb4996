//! How long to wait before connecting again: short at first, because the supervisor restarts a worker within
//! milliseconds; bounded, because a worker that stays away is its business.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(500);

/// Doubles from 5 ms to 500 ms.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The wait before the next try.
    pub(super) fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LONGEST);
        now
    }

    /// A connection was made.
    pub(super) fn reset(&mut self) {
        self.0 = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_starts_over() {
        let mut pause = Pause::new();
        let waits: Vec<u128> = (0..9).map(|_| pause.next().as_millis()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 500, 500]);
        pause.reset();
        assert_eq!(pause.next(), FIRST);
    }
}
