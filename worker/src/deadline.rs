//! When an attempt has waited too long. Pure: the caller gives the time and does the waiting.

use protocol::ipc::configure::Timeouts;
use std::time::{Duration, Instant};

/// Which patience ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// Nothing content-bearing came.
    FirstToken,
    /// It stopped coming.
    Idle,
    /// The whole took too long.
    Total,
}

/// Whether the client asked for a stream: streams have a total of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Stream,
    Document,
}

/// The deadlines of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines {
    timeouts: Timeouts,
    started: Instant,
    total: Option<Instant>,
    /// The last bytes, once content has begun.
    heard: Option<Instant>,
}

impl Deadlines {
    /// `left_ms`: what the caller's own deadline leaves, if there is one.
    pub(crate) fn new(timeouts: Timeouts, shape: Shape, left_ms: Option<u64>, now: Instant) -> Self {
        let limit = match shape {
            Shape::Stream => timeouts.total_stream_ms,
            Shape::Document => timeouts.total_ms,
        };
        let limits = [Some(limit).filter(|ms| *ms > 0), left_ms];
        let total = limits.into_iter().flatten().min().map(|ms| now + Duration::from_millis(ms));
        Self { timeouts, started: now, total, heard: None }
    }

    /// Bytes of content came.
    pub(crate) fn content(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// The next deadline and which one it is; `None` = wait for ever.
    pub(crate) fn next(&self) -> Option<(Instant, Deadline)> {
        let (from, ms, which) = match self.heard {
            None => (self.started, self.timeouts.first_token_ms, Deadline::FirstToken),
            Some(at) => (at, self.timeouts.idle_ms, Deadline::Idle),
        };
        let step = (ms > 0).then(|| (from + Duration::from_millis(ms), which));
        let total = self.total.map(|at| (at, Deadline::Total));
        step.into_iter().chain(total).min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timeouts =
        Timeouts { connect_ms: 1, first_token_ms: 100, idle_ms: 50, total_ms: 300, total_stream_ms: 0 };

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn first_token_then_idle_then_total() {
        let now = Instant::now();
        let mut d = Deadlines::new(T, Shape::Document, None, now);
        assert_eq!(d.next(), Some((now + ms(100), Deadline::FirstToken)));
        d.content(now + ms(90));
        assert_eq!(d.next(), Some((now + ms(140), Deadline::Idle)));
        d.content(now + ms(280));
        assert_eq!(d.next(), Some((now + ms(300), Deadline::Total)));
    }

    #[test]
    fn a_stream_has_no_total_unless_the_caller_has_one() {
        let now = Instant::now();
        let none = Timeouts { first_token_ms: 0, idle_ms: 0, ..T };
        assert_eq!(Deadlines::new(none, Shape::Stream, None, now).next(), None);
        let callers = Deadlines::new(none, Shape::Stream, Some(20), now);
        assert_eq!(callers.next(), Some((now + ms(20), Deadline::Total)));
    }
}
