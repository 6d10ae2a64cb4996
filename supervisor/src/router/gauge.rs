//! Looks how late this runtime comes to what is ready for it, by its own timer, and how late every worker does, by its
//! answers. Often while there are calls, else hardly ever. What follows from it is in `shed`.

use super::notices::{Notices, Severity};
use super::shard::Shard;
use super::shed::{Shedder, Spell, Turn};
use super::strain::{FEW, Seen, Strain};
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The lateness of this process that is aimed at under too much load.
const TARGET: Duration = Duration::from_millis(250);
/// The period of looks while there are calls.
const LOOK: Duration = Duration::from_millis(25);
/// And while there are none.
const IDLE: Duration = Duration::from_millis(250);
/// Whose events those of this process are.
const ROUTER: &str = "router";

/// See the module. Of one shard, until everything is cut.
pub(super) async fn watch(shard: &Shard) {
    let (mut shedder, mut spell) = (Shedder::new(TARGET), Spell::default());
    let mut workers = HashMap::new();
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
        // So few clients are no queue: others keep the machine busy.
        let own = if shard.shared.connections.taken() < FEW { Duration::ZERO } else { late };
        let share = shedder.look(own, period + late);
        shard.shed.set(share);
        if let Some(turn) = spell.look(share, period + late) {
            tell(&shard.shared.notices, turn, ROUTER, late);
        }
        let of_workers = look_at_workers(shard, &mut workers, period + late);
        let (running, begun) = shard.shared.counts();
        busy = of_workers || share > 0.0 || running > 0 || begun.wrapping_sub(calls) > 1;
        calls = begun;
    }
}

/// Whether calls are turned away at any.
fn look_at_workers(shard: &Shard, workers: &mut HashMap<String, Strain>, elapsed: Duration) -> bool {
    let (now, mut connected, mut turned_away) = (Instant::now(), 0, false);
    shard.lanes.each(|provider, worker, shed| {
        connected += 1;
        let strain = match workers.get_mut(provider) {
            Some(strain) => strain,
            None => workers.entry(provider.to_owned()).or_default(),
        };
        let seen = Seen { in_flight: worker.in_flight(), waits: worker.is_probed() };
        let verdict = strain.look(seen, now, elapsed);
        if verdict.ask {
            worker.probe();
        }
        shed.set(verdict.share);
        if let Some(turn) = verdict.turn {
            tell(&shard.shared.notices, turn, provider, strain.late());
        }
        turned_away |= verdict.share > 0.0;
    });
    if workers.len() > connected {
        // Few ever leave; those that stay begin anew.
        workers.clear();
    }
    turned_away
}

fn tell(notices: &Notices, turn: Turn, whose: &str, late: Duration) {
    let late_ms = late.as_millis() as u64;
    let detail = json!({ "late_ms": late_ms });
    match turn {
        Turn::Began => {
            let message = format!(
                "{whose} has more to do than it can and is {late_ms} ms late: some calls are turned away"
            );
            notices.tell(Severity::Warning, "overload.began", whose, message, detail);
        }
        Turn::Ended => {
            let message = format!("{whose} keeps up again: no call was turned away for 10 s");
            notices.tell(Severity::Info, "overload.ended", whose, message, detail);
        }
    }
}
