//! The fleet under another owner: the same processes, and everything that can happen to them.

use super::rig::{Rig, eventually, exists, hit, provider};
use crate::fleet::{Ask, Outcome, StopMode};
use nix::sys::signal::Signal;
use protocol::ipc::configure::WorkerState;

#[tokio::test]
async fn everyone_goes_on_under_another_owner() {
    let rig = Rig::start(&["a", "b-key"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let b = rig.until_state("b-key", WorkerState::Ready).await;
    let router = rig.status().await.router.pid;
    let rig = rig.hand_over(vec![provider("a"), provider("b-key")]).await;
    let pinged = |p: &protocol::control::ProviderStatus| {
        p.current.as_ref().and_then(|c| c.pulse).is_some_and(|pulse| pulse.seq > 1)
    };
    let after = rig.until("a", pinged).await;
    assert_eq!((after.pid, after.generation, after.restarts), (a.pid, 1, 0));
    assert_eq!(rig.until_state("b-key", WorkerState::Ready).await.pid, b.pid);
    assert_eq!(rig.status().await.router.pid, router);
    rig.until_routed("a", |p| p.lane.as_ref().is_some_and(|lane| lane.generation == 1)).await;
    let sockets = rig.sockets();
    assert_eq!(sockets, ["w-a-g1.sock", "w-b-key-g1.sock"]);
    assert_eq!(rig.stop(StopMode::Drain).await, Outcome::Stopped);
    assert!(!exists(a.pid.unwrap()) && !exists(router.unwrap()), "reaped by their new owner");
}

#[tokio::test]
async fn a_death_afterwards_is_seen_and_mended() {
    let rig = Rig::start(&["a"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let rig = rig.hand_over(vec![provider("a")]).await;
    hit(a.pid.unwrap(), Signal::SIGKILL);
    let next = rig.until("a", |p| p.generation == 2 && p.state == WorkerState::Ready).await;
    assert_eq!(next.last_exit.unwrap().cause, "killed by SIGKILL");
    assert!(!exists(a.pid.unwrap()));
}

#[tokio::test]
async fn a_configuration_that_differs_replaces_what_was_taken_over() {
    let rig = Rig::start(&["a", "gone"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let gone = rig.until_state("gone", WorkerState::Ready).await;
    let mut changed = provider("a");
    changed.fingerprint = "2".to_owned();
    let rig = rig.hand_over(vec![changed, provider("new")]).await;
    rig.until("a", |p| p.generation == 2 && p.retiring.is_empty()).await;
    rig.until_state("new", WorkerState::Ready).await;
    for old in [a, gone] {
        eventually("the old one is gone", async || (!exists(old.pid.unwrap())).then_some(())).await;
    }
}

#[tokio::test]
async fn what_was_drained_stays_drained_and_what_finishes_finishes() {
    let mut rig = Rig::start(&["a", "b-slow"]).await;
    rig.until_state("a", WorkerState::Ready).await;
    let old = rig.until_state("b-slow", WorkerState::Ready).await;
    rig.fleet.ask(Ask::Drain { provider: "a".into(), within: None }).await.unwrap();
    rig.until_state("a", WorkerState::Stopped).await;
    let mut changed = provider("b-slow");
    changed.fingerprint = "2".to_owned();
    rig.adopt(vec![provider("a"), changed.clone()]).await;
    rig.until("b-slow", |p| p.generation == 2 && p.retiring.len() == 1).await;
    rig.until("b-slow", |p| p.retiring.iter().any(|r| r.reason == "finishing its calls")).await;
    let rig = rig.hand_over(vec![provider("a"), changed]).await;
    let b = rig.until_state("b-slow", WorkerState::Ready).await;
    assert_eq!((b.generation, b.retiring.len()), (2, 1));
    assert_eq!(b.retiring[0].pid, old.pid);
    assert!(rig.fleet.ask(Ask::Resume { provider: "a".into() }).await.is_ok());
    rig.until_state("a", WorkerState::Ready).await;
}

#[tokio::test]
async fn a_handover_that_comes_to_nothing_changes_nothing() {
    let rig = Rig::start(&["a"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let (handover, thaw) = eventually("handed over", async || rig.fleet.hand_over().await.ok()).await;
    drop((handover, thaw));
    let seq = |p: &protocol::control::ProviderStatus| p.current.as_ref().and_then(|c| c.pulse).map(|p| p.seq);
    let before = seq(&rig.provider("a").await);
    rig.until("a", |p| seq(p) > before).await;
    assert_eq!(rig.provider("a").await.pid, a.pid);
}
