//! How a fleet ends: in order, in time, and with nobody left.

use super::rig::{Rig, eventually, exists};
use crate::fleet::{Outcome, StopMode};
use protocol::ipc::configure::WorkerState;
use std::time::{Duration, Instant};

/// Every process of the rig, once all are ready.
async fn pids(rig: &Rig, names: &[&str]) -> Vec<u32> {
    let mut pids = vec![eventually("router", async || rig.status().await.router.pid).await];
    for name in names {
        pids.push(rig.until_state(name, WorkerState::Ready).await.pid.unwrap());
    }
    pids
}

#[tokio::test]
async fn a_polite_end_is_complete() {
    let rig = Rig::start(&["a", "b"]).await;
    let pids = pids(&rig, &["a", "b"]).await;
    let dir = rig.dir.path().to_owned();
    let address = rig.address;
    let before = Instant::now();
    assert_eq!(rig.stop(StopMode::Drain).await, Outcome::Stopped);
    assert!(before.elapsed() < Duration::from_secs(3), "nobody had anything to finish");
    assert!(pids.iter().all(|pid| !exists(*pid)), "processes are left");
    assert!(!dir.join("w-a-g1.sock").exists());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn workers_serve_until_the_router_is_gone() {
    let rig = Rig::start_unready(&["a"], "slow").await;
    let pids = pids(&rig, &["a"]).await;
    rig.fleet.stop(StopMode::Drain).await;
    eventually("router drains", async || {
        (rig.status().await.router.state == WorkerState::Draining).then_some(())
    })
    .await;
    assert_eq!(rig.provider("a").await.state, WorkerState::Ready);
    assert!(rig.fleet.ask(crate::fleet::Ask::Restart { target: "a".into() }).await.is_err());
    let before = Instant::now();
    assert_eq!(rig.stop(StopMode::Fast).await, Outcome::Stopped);
    assert!(before.elapsed() < Duration::from_secs(5), "a second word makes it faster");
    assert!(pids.iter().all(|pid| !exists(*pid)));
}

#[tokio::test]
async fn the_stubborn_are_killed() {
    let rig = Rig::start(&["a-stubborn", "b"]).await;
    let pids = pids(&rig, &["a-stubborn", "b"]).await;
    assert_eq!(rig.stop(StopMode::Cut).await, Outcome::Stopped);
    assert!(pids.iter().all(|pid| !exists(*pid)));

    let rig = Rig::start(&["a-stubborn"]).await;
    let before = Instant::now();
    rig.until_state("a-stubborn", WorkerState::Ready).await;
    assert_eq!(rig.stop(StopMode::Fast).await, Outcome::Stopped);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_router_that_cannot_live_ends_everything_with_a_reason() {
    let mut rig = Rig::start_unready(&["a"], "exit1").await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let Outcome::Escalated(reason) = rig.ended().await else { panic!("it just stopped") };
    assert_eq!(reason, "exit code 1; 10 crashes in 60 s");
    assert!(!exists(a.pid.unwrap()));
}
