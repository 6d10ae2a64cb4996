//! When to stop waiting for an answer. Pure: the time is a parameter.

use protocol::ipc::configure::Timeouts;
use std::time::{Duration, Instant};

/// What the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One document, sent when it is complete: its first byte is nearly its last.
    Document,
    /// Events as they arise.
    Stream,
}

/// Which limit is the next to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No content-bearing event came.
    FirstToken,
    /// Nothing came since the last bytes.
    Idle,
    /// The whole call took too long, by the provider's limit.
    Total,
    /// The client's own deadline.
    Call,
}

/// The limits of one attempt, from the moment its request was given to the connection.
///
/// * [`Limit::FirstToken`] holds for streams until [`Deadlines::content`]; comments and empty events do not
///   count, or a keep-alive would hold a dead call open.
/// * [`Limit::Idle`] holds from the first bytes on, whatever they are.
/// * [`Limit::Total`] and [`Limit::Call`] hold throughout.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    first_token: Option<Instant>,
    idle: Option<Duration>,
    idle_at: Option<Instant>,
    total: Option<Instant>,
    call: Option<Instant>,
}

impl Deadlines {
    /// `left` is what remains of the call's own deadline.
    pub fn new(timeouts: &Timeouts, shape: Shape, left: Option<Duration>, now: Instant) -> Self {
        let (first_token, total) = match shape {
            Shape::Document => (0, timeouts.total_ms),
            Shape::Stream => (timeouts.first_token_ms, timeouts.total_stream_ms),
        };
        let after = |limit: Option<Duration>| limit.and_then(|d| now.checked_add(d));
        Self {
            first_token: after(millis(first_token)),
            idle: millis(timeouts.idle_ms),
            idle_at: None,
            total: after(millis(total)),
            call: after(left),
        }
    }

    /// Bytes came.
    pub fn bytes(&mut self, now: Instant) {
        self.idle_at = self.idle.and_then(|d| now.checked_add(d));
    }

    /// The first content-bearing event came (with bytes).
    pub fn content(&mut self, now: Instant) {
        self.first_token = None;
        self.bytes(now);
    }

    /// The reader stopped taking bytes: the upstream cannot be blamed for silence until it goes on, which
    /// the next [`Deadlines::bytes`] says.
    pub fn paused(&mut self) {
        self.idle_at = None;
    }

    /// The next limit and when it passes; `None` = wait as long as it takes.
    pub fn next(&self) -> Option<(Instant, Limit)> {
        let limits = [
            (self.call, Limit::Call),
            (self.total, Limit::Total),
            (self.first_token, Limit::FirstToken),
            (self.idle_at, Limit::Idle),
        ];
        limits.into_iter().filter_map(|(at, limit)| Some((at?, limit))).min_by_key(|(at, _)| *at)
    }

    /// The limit that has passed by `now`.
    pub fn passed(&self, now: Instant) -> Option<Limit> {
        self.next().filter(|(at, _)| *at <= now).map(|(_, limit)| limit)
    }
}

fn millis(ms: u64) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timeouts =
        Timeouts { connect_ms: 1, first_token_ms: 200, idle_ms: 50, total_ms: 1000, total_stream_ms: 0 };

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_stream_waits_for_its_first_token_then_for_each_chunk() {
        let start = Instant::now();
        let mut d = Deadlines::new(&T, Shape::Stream, None, start);
        assert_eq!(d.next(), Some((start + ms(200), Limit::FirstToken)));
        d.content(start + ms(180));
        assert_eq!(d.next(), Some((start + ms(230), Limit::Idle)));
        d.bytes(start + ms(220));
        assert_eq!(d.next(), Some((start + ms(270), Limit::Idle)));
        assert_eq!(d.passed(start + ms(269)), None);
        assert_eq!(d.passed(start + ms(270)), Some(Limit::Idle));
    }

    #[test]
    fn heartbeats_do_not_count_as_content_but_silence_between_them_counts() {
        let start = Instant::now();
        let mut d = Deadlines::new(&T, Shape::Stream, None, start);
        for beat in [40, 80, 120, 160, 190] {
            d.bytes(start + ms(beat));
        }
        assert_eq!(d.next(), Some((start + ms(200), Limit::FirstToken)));
        let mut silent = Deadlines::new(&T, Shape::Stream, None, start);
        silent.bytes(start + ms(10));
        assert_eq!(silent.next(), Some((start + ms(60), Limit::Idle)));
    }

    #[test]
    fn a_document_has_only_its_total_until_it_begins() {
        let start = Instant::now();
        let mut d = Deadlines::new(&T, Shape::Document, None, start);
        assert_eq!(d.next(), Some((start + ms(1000), Limit::Total)));
        d.bytes(start + ms(980));
        assert_eq!(d.next(), Some((start + ms(1000), Limit::Total)));
    }

    #[test]
    fn the_calls_own_deadline_wins_when_it_is_sooner() {
        let start = Instant::now();
        let d = Deadlines::new(&T, Shape::Stream, Some(ms(100)), start);
        assert_eq!(d.next(), Some((start + ms(100), Limit::Call)));
        let over = Deadlines::new(&T, Shape::Stream, Some(ms(0)), start);
        assert_eq!(over.passed(start), Some(Limit::Call));
    }

    #[test]
    fn a_paused_reader_is_not_the_upstreams_silence() {
        let start = Instant::now();
        let mut d = Deadlines::new(&T, Shape::Stream, None, start);
        d.content(start + ms(10));
        d.paused();
        assert_eq!(d.next(), None);
        d.bytes(start + ms(5000));
        assert_eq!(d.next(), Some((start + ms(5050), Limit::Idle)));
    }

    #[test]
    fn zero_is_no_limit() {
        let none = Timeouts { connect_ms: 0, first_token_ms: 0, idle_ms: 0, total_ms: 0, total_stream_ms: 0 };
        let mut d = Deadlines::new(&none, Shape::Document, None, Instant::now());
        d.content(Instant::now());
        assert_eq!(d.next(), None);
        let endless = Timeouts { total_stream_ms: u64::MAX, ..none };
        assert_eq!(
            Deadlines::new(&endless, Shape::Stream, None, Instant::now()).passed(Instant::now()),
            None
        );
    }
}
