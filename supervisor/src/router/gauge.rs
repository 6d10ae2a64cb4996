//! Looks how late this runtime comes to what is ready for it, by its own timer. Often while there are calls, else
//! hardly ever. What follows from it is in `shed`.

use super::shard::Shard;
use super::shed::Shedder;
use std::time::{Duration, Instant};

/// The period of looks while there are calls.
const LOOK: Duration = Duration::from_millis(25);
/// And while there are none.
const IDLE: Duration = Duration::from_millis(250);

/// See the module. Of one shard, until everything is cut.
pub(super) async fn watch(shard: &Shard) {
    let mut shedder = Shedder::default();
    let (mut calls, mut busy) = (0, false);
    loop {
        let period = if busy { LOOK } else { IDLE };
        let due = Instant::now() + period;
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = shard.shared.cut.cancelled() => return,
        }
        let late = due.elapsed();
        shard.shared.pressure.looked(late);
        let share = shedder.look(late, period + late);
        if shard.shed(share) != (share > 0.0) {
            tracing::warn!(late_ms = late.as_millis() as u64, turned_away = share > 0.0, "overload");
        }
        let (running, begun) = shard.shared.counts();
        busy = share > 0.0 || running > 0 || begun.wrapping_sub(calls) > 1;
        calls = begun;
    }
}
