//! Everything at once, in an order that chance decides: whatever happens, the fleet ends up as it is wanted.

use super::rig::{Rig, eventually, provider};
use crate::fleet::{Ask, Outcome, ProviderSpec, StopMode, Switch};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::ipc::configure::WorkerState;
use std::time::Duration;

const NAMES: [&str; 4] = ["a", "b-key", "c", "d"];
const STEPS: usize = 150;

/// Numbers that look random and come back the same (a linear congruential generator, Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides
    }
}

/// The versions of all providers; a few are missing or switched off.
fn specs(dice: &mut Dice) -> Vec<ProviderSpec> {
    let mut specs = Vec::new();
    for name in NAMES {
        let mut spec = provider(name);
        spec.fingerprint = dice.roll(3).to_string();
        spec.switch = if dice.roll(5) == 0 { Switch::Off } else { Switch::On };
        if dice.roll(6) != 0 {
            specs.push(spec);
        }
    }
    specs
}

async fn step(rig: &mut Rig, dice: &mut Dice) {
    let name = NAMES[dice.roll(NAMES.len())].to_owned();
    match dice.roll(8) {
        0 | 1 => rig.adopt(specs(dice)).await,
        2 => {
            drop(rig.fleet.ask(Ask::Drain { provider: name, within: Some(Duration::from_millis(50)) }).await)
        }
        3 => drop(rig.fleet.ask(Ask::Resume { provider: name }).await),
        4 => drop(rig.fleet.ask(Ask::Restart { target: name }).await),
        5 => drop(rig.fleet.ask(Ask::Restart { target: "router".to_owned() }).await),
        6 => {
            let status = rig.status().await;
            let pids = status.providers.iter().filter_map(|p| p.pid).chain(status.router.pid);
            let pids: Vec<u32> = pids.collect();
            if let Some(pid) = pids.get(dice.roll(pids.len().max(1))) {
                // It may have gone since.
                let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGKILL);
            }
        }
        _ => tokio::time::sleep(Duration::from_millis(dice.roll(40) as u64)).await,
    }
}

/// Children of this process, dead ones included.
fn children() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .map(|line| line.split_whitespace().count())
        .sum()
}

async fn weather(seed: u64) {
    let mut dice = Dice(seed);
    let mut rig = Rig::start(&NAMES).await;
    for _ in 0..STEPS {
        step(&mut rig, &mut dice).await;
    }
    rig.adopt(NAMES.map(|name| ProviderSpec { fingerprint: "last".to_owned(), ..provider(name) }).into())
        .await;
    for name in NAMES {
        let _ = rig.fleet.ask(Ask::Resume { provider: name.to_owned() }).await;
    }
    eventually("calm", async || {
        let status = rig.status().await;
        for failed in status.providers.iter().filter(|p| p.state == WorkerState::Failed) {
            let _ = rig.fleet.ask(Ask::Resume { provider: failed.name.clone() }).await;
        }
        let calm = status
            .providers
            .iter()
            .all(|p| p.state == WorkerState::Ready && p.successor.is_none() && p.retiring.is_empty());
        (calm && status.providers.len() == NAMES.len() && status.router.state == WorkerState::Ready)
            .then_some(())
    })
    .await;
    for name in NAMES {
        let generation = rig.provider(name).await.generation;
        rig.until_routed(name, |p| p.lane.as_ref().is_some_and(|lane| lane.generation == generation)).await;
    }
    let expected = NAMES.len() + 1;
    eventually("no process too many", async || (children() == expected).then_some(())).await;
    assert_eq!(rig.sockets().len(), NAMES.len(), "{:?}", rig.sockets());
    assert_eq!(rig.stop(StopMode::Drain).await, Outcome::Stopped);
    assert_eq!(children(), 0);
}

#[tokio::test]
async fn the_fleet_ends_up_as_wanted() {
    for seed in 1..=4 {
        weather(seed).await;
    }
}
