//! The lateness of the event loop, measured by a timer of its own; what a worker tells with it of how it is doing.

use protocol::ipc::control::Pulse;
use protocol::transport::pulse;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const BEAT: Duration = Duration::from_millis(500);

/// Measures the event loop it runs on.
pub(crate) struct Heart {
    next: Instant,
    lag: Duration,
}

impl Heart {
    pub(crate) fn start() -> Self {
        Self { next: Instant::now() + BEAT, lag: Duration::ZERO }
    }

    /// Waits for the next beat and notes how late it came. Cancel safe.
    pub(crate) async fn beat(&mut self) {
        sleep_until(self.next).await;
        let now = Instant::now();
        self.lag = now.saturating_duration_since(self.next);
        self.next = now + BEAT;
    }

    /// The answer to a ping; the caller adds what it counts itself. A loop that is late right now shows in
    /// the beat that has not come yet.
    pub(crate) fn pulse(&self, seq: u64) -> Pulse {
        let overdue = Instant::now().saturating_duration_since(self.next);
        Pulse { loop_lag_us: self.lag.max(overdue).as_micros() as u64, ..pulse::read(seq) }
    }
}
