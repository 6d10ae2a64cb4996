//! Looks how late this runtime comes to what is ready for it, by its own timer, and how late every worker does, by its
//! answers. Often while there are calls, else hardly ever. What follows from it is in `shed`.

use super::notices::Severity;
use super::shard::Shard;
use super::shared::Shared;
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
    let (mut workers, mut spells) = (HashMap::new(), Spells::default());
    let (mut calls, mut busy) = (0, false);
    loop {
        let period = if busy { LOOK } else { IDLE };
        let due = Instant::now() + period;
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = shard.shared.cut.cancelled() => return,
        }
        let (late, elapsed) = (due.elapsed(), due.elapsed() + period);
        // So few clients are no queue: others keep the machine busy.
        let own = if shard.shared.connections.taken() < FEW { Duration::ZERO } else { late };
        let share = shedder.look(own, elapsed);
        if let Some(turn) = spell.look(share, elapsed) {
            spells.tell(&shard.shared, turn, ROUTER, late);
        }
        let all = look_at_workers(shard, &mut workers, &mut spells, elapsed);
        let door = share.max(all.share);
        shard.shed.set(door);
        shard.shared.pressure.looked(late.max(all.late));
        let mut strained = false;
        shard.lanes.each(|provider, _, shed| {
            let share = workers.get(provider).map_or(0.0, Strain::share);
            strained |= share > 0.0;
            shed.set(behind(door, share));
        });
        let (running, begun) = shard.shared.counts();
        busy = strained || door > 0.0 || running > 0 || begun.wrapping_sub(calls) > 1;
        calls = begun;
    }
}

/// What every worker has at least: a call that any of them would turn away needs not be read.
struct Least {
    share: f64,
    late: Duration,
}

/// Of the calls that get past the door, the share that a worker's own share leaves to turn away.
fn behind(door: f64, share: f64) -> f64 {
    if share > door { (share - door) / (1.0 - door) } else { 0.0 }
}

fn look_at_workers(
    shard: &Shard,
    workers: &mut HashMap<String, Strain>,
    spells: &mut Spells,
    elapsed: Duration,
) -> Least {
    let now = Instant::now();
    let (mut connected, mut least) = (0, None);
    shard.lanes.each(|provider, worker, _| {
        connected += 1;
        let strain = match workers.get_mut(provider) {
            Some(strain) => strain,
            None => workers.entry(provider.to_owned()).or_default(),
        };
        let verdict =
            strain.look(Seen { in_flight: worker.in_flight(), waits: worker.is_probed() }, now, elapsed);
        if verdict.ask {
            worker.probe();
        }
        if let Some(turn) = verdict.turn {
            spells.tell(&shard.shared, turn, provider, strain.late());
        }
        if least.as_ref().is_none_or(|least: &Least| strain.share() < least.share) {
            least = Some(Least { share: strain.share(), late: strain.late() });
        }
    });
    if workers.len() > connected {
        // Few ever leave; those that stay begin anew.
        workers.clear();
    }
    least.unwrap_or(Least { share: 0.0, late: Duration::ZERO })
}

/// The spells that last, by whose they are: how many calls had been turned away before.
#[derive(Default)]
struct Spells(HashMap<String, u64>);

impl Spells {
    fn tell(&mut self, shared: &Shared, turn: Turn, whose: &str, late: Duration) {
        let (late_ms, turned_away) = (late.as_millis() as u64, shared.pressure.turned_away());
        match turn {
            Turn::Began => {
                self.0.insert(whose.to_owned(), turned_away);
                let message = format!(
                    "{whose} has more to do than it can and is {late_ms} ms late: some calls are turned away"
                );
                let detail = json!({ "late_ms": late_ms });
                shared.notices.tell(Severity::Warning, "overload.began", whose, message, detail);
            }
            Turn::Ended => {
                let before = self.0.remove(whose).unwrap_or(turned_away);
                let calls = turned_away.saturating_sub(before);
                let message = format!(
                    "{whose} keeps up again: no call was turned away for 10 s, {calls} were since it did not"
                );
                let detail = json!({ "late_ms": late_ms, "turned_away": calls });
                shared.notices.tell(Severity::Info, "overload.ended", whose, message, detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn door_and_worker_together_turn_away_what_the_worker_needs() {
        for (door, share) in [(0.0, 0.0), (0.0, 0.5), (0.3, 0.5), (0.9, 0.98), (0.5, 0.5)] {
            let passes: f64 = (1.0 - door) * (1.0 - behind(door, share));
            assert!((passes - (1.0 - share)).abs() < 1e-9, "{door} {share}");
        }
        assert_eq!(behind(0.9, 0.5), 0.0, "the door is stricter than this worker needs");
    }
}
