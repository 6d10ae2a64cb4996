//! The machine-wide monotonic clock, which two processes read alike.

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Nanoseconds since some moment before this machine's processes began.
pub(crate) fn now() -> Result<u64> {
    let t = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    Ok(u64::try_from(t.as_nanos())?)
}

/// Sleeps, then spins the last stretch: wakes within a few microseconds of `at`.
pub(crate) fn sleep_until(at: u64) -> Result<()> {
    const SPIN: u64 = 60_000;
    let left = at.saturating_sub(now()?);
    if left > SPIN {
        std::thread::sleep(Duration::from_nanos(left - SPIN));
    }
    while now()? < at {
        std::hint::spin_loop();
    }
    Ok(())
}
