//! How this process is doing: read from `/proc/self` (proc(5)) when asked, and the lateness of the event
//! loop, measured by a timer of its own.

use nix::sys::resource::{UsageWho, getrusage};
use protocol::ipc::control::Pulse;
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
        Pulse {
            seq,
            loop_lag_us: self.lag.max(overdue).as_micros() as u64,
            rss_bytes: rss_bytes(),
            open_files: open_files(),
            cpu_us: cpu_us(),
            ..Pulse::default()
        }
    }
}

/// Resident bytes; 0 when `/proc` is out of reach.
fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    pages * page as u64
}

fn open_files() -> u32 {
    // The directory being read is one of them.
    std::fs::read_dir("/proc/self/fd").map(|dir| dir.count().saturating_sub(1) as u32).unwrap_or(0)
}

fn cpu_us() -> u64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    let us = |t: nix::sys::time::TimeVal| (t.tv_sec() * 1_000_000 + t.tv_usec()) as u64;
    us(usage.user_time()) + us(usage.system_time())
}
