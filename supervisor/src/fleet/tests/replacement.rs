//! New generations beside old ones, drains, and other configurations.

use super::rig::{Rig, eventually, exists, provider};
use crate::fleet::{Ask, Outcome, StopMode, Switch};
use protocol::ipc::configure::WorkerState;
use std::net::TcpListener;
use std::time::Duration;

#[tokio::test]
async fn a_changed_provider_is_replaced_without_a_gap() {
    let mut rig = Rig::start(&["a", "b"]).await;
    let old = rig.until_state("a", WorkerState::Ready).await;
    let b = rig.until_state("b", WorkerState::Ready).await;
    rig.manner("a", "slow");
    let mut changed = provider("a");
    changed.fingerprint = "2".to_owned();
    rig.adopt(vec![changed, provider("b")]).await;
    let new = rig.until("a", |p| p.generation == 2 && p.retiring.is_empty()).await;
    assert_eq!((new.state, new.restarts, new.change), (WorkerState::Ready, 0, None));
    rig.until_routed("a", |p| p.lane.as_ref().is_some_and(|lane| lane.generation == 2)).await;
    eventually("the old one is gone", async || (!exists(old.pid.unwrap())).then_some(())).await;
    assert_eq!(rig.provider("b").await.pid, b.pid);
    assert_eq!(rig.sockets(), ["w-a-g2.sock", "w-b-g1.sock"]);
}

#[tokio::test]
async fn the_old_generation_finishes_its_calls() {
    let mut rig = Rig::start(&["a-slow"]).await;
    let old = rig.until_state("a-slow", WorkerState::Ready).await;
    let mut changed = provider("a-slow");
    changed.fingerprint = "2".to_owned();
    rig.adopt(vec![changed]).await;
    let new = rig.until("a-slow", |p| p.generation == 2).await;
    let retiring =
        rig.until("a-slow", |p| p.retiring.iter().any(|r| r.reason == "finishing its calls")).await;
    assert_eq!((retiring.retiring[0].generation, retiring.retiring[0].pid), (1, old.pid));
    assert_eq!(new.state, WorkerState::Ready);
    assert!(exists(old.pid.unwrap()));
}

#[tokio::test]
async fn a_successor_that_fails_leaves_everything_as_it_was() {
    let mut rig = Rig::start(&["a"]).await;
    let old = rig.until_state("a", WorkerState::Ready).await;
    for (manner, fingerprint, why) in [("exit78", "2", "exit code 78"), ("exit1", "3", "exit code 1")] {
        rig.manner("a", manner);
        let mut changed = provider("a");
        changed.fingerprint = fingerprint.to_owned();
        rig.adopt(vec![changed]).await;
        let kept = rig.until("a", |p| p.successor.is_none() && p.retiring.is_empty()).await;
        let change = kept.change.unwrap();
        assert!(change.contains(why) && change.ends_with("generation 1 stays"), "{change}");
        assert_eq!((kept.state, kept.pid, kept.generation), (WorkerState::Ready, old.pid, 1));
    }
    rig.manner("a", "good");
    let mut changed = provider("a");
    changed.fingerprint = "4".to_owned();
    rig.adopt(vec![changed]).await;
    rig.until("a", |p| p.generation == 4 && p.change.is_none()).await;
}

#[tokio::test]
async fn a_change_that_needs_no_new_process_is_only_told() {
    let mut rig = Rig::start(&["a"]).await;
    let old = rig.until_state("a", WorkerState::Ready).await;
    let mut changed = provider("a");
    changed.config.timeouts.idle_ms = 77;
    rig.adopt(vec![changed]).await;
    let told = |p: &protocol::control::ProviderStatus| {
        p.current.as_ref().and_then(|c| c.pulse).is_some_and(|pulse| pulse.epoch == 2)
    };
    let same = rig.until("a", told).await;
    assert_eq!((same.pid, same.generation), (old.pid, 1));
}

#[tokio::test]
async fn other_listeners_mean_another_router_and_the_old_one_keeps_its_own() {
    let mut rig = Rig::start_unready(&["a"], "slow").await;
    rig.until_state("a", WorkerState::Ready).await;
    let (first, router) = (rig.address, rig.status().await.router.pid.unwrap());
    rig.manner("router", "slow-hang");
    rig.move_to(TcpListener::bind("127.0.0.1:0").unwrap(), vec![provider("a")]).await;
    let moved = rig.address;
    rig.address = first;
    let mut changed = provider("a");
    changed.preset = "other".to_owned();
    rig.until_routed("a", |p| p.state == WorkerState::Ready).await;
    assert_eq!(rig.routing().await.unwrap().listeners[0].address, first.to_string());
    assert_eq!(rig.status().await.router.pid, Some(router), "the new one is not ready yet");

    rig.manner("router", "slow");
    rig.address = moved;
    rig.move_to(TcpListener::bind("127.0.0.1:0").unwrap(), vec![changed]).await;
    eventually("another router", async || (rig.status().await.router.pid != Some(router)).then_some(()))
        .await;
    assert_eq!(rig.routing().await.unwrap().listeners[0].address, rig.address.to_string());
    assert!(exists(router), "it finishes its clients");
    assert_eq!(rig.stop(StopMode::Cut).await, Outcome::Stopped);
    assert!(!exists(router));
}

#[tokio::test]
async fn providers_come_go_and_are_switched() {
    let mut rig = Rig::start(&["a", "b"]).await;
    rig.until_state("a", WorkerState::Ready).await;
    let b = rig.until_state("b", WorkerState::Ready).await;
    let mut off = provider("a");
    off.switch = Switch::Off;
    rig.adopt(vec![off, provider("c")]).await;
    rig.until_state("c", WorkerState::Ready).await;
    let a = rig.until_state("a", WorkerState::Stopped).await;
    assert_eq!(a.reason, "disabled in the configuration");
    eventually("b is gone", async || {
        rig.status().await.providers.iter().all(|p| p.name != "b").then_some(())
    })
    .await;
    assert!(!exists(b.pid.unwrap()));
    rig.adopt(vec![provider("a"), provider("b")]).await;
    rig.until_state("a", WorkerState::Ready).await;
    rig.until_state("b", WorkerState::Ready).await;
}

#[tokio::test]
async fn a_drained_provider_waits_for_the_operator() {
    let rig = Rig::start(&["a"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let drain = || Ask::Drain { provider: "a".into(), within: Some(Duration::from_secs(1)) };
    let said = rig.fleet.ask(drain()).await.unwrap();
    assert!(said.contains("takes no new calls"), "{said}");
    let stopped = rig.until_state("a", WorkerState::Stopped).await;
    assert_eq!((stopped.reason.as_str(), stopped.last_exit), ("drained by the operator", None));
    assert!(!exists(a.pid.unwrap()));
    rig.until_routed("a", |p| p.state == WorkerState::Stopped && p.lane.is_none()).await;
    assert!(rig.fleet.ask(drain()).await.is_err());
    assert!(rig.fleet.ask(Ask::Restart { target: "a".into() }).await.is_err());
    rig.fleet.ask(Ask::Resume { provider: "a".into() }).await.unwrap();
    rig.until("a", |p| p.state == WorkerState::Ready && p.generation == 2).await;
}

#[tokio::test]
async fn a_drain_is_undone_before_it_is_over() {
    let rig = Rig::start(&["a-slow"]).await;
    let a = rig.until_state("a-slow", WorkerState::Ready).await;
    let provider = || "a-slow".to_owned();
    rig.fleet.ask(Ask::Drain { provider: provider(), within: Some(Duration::from_secs(1)) }).await.unwrap();
    rig.until_state("a-slow", WorkerState::Draining).await;
    rig.fleet.ask(Ask::Resume { provider: provider() }).await.unwrap();
    let back = rig.until_state("a-slow", WorkerState::Ready).await;
    assert_eq!((back.pid, back.generation), (a.pid, 1));
}

#[tokio::test]
async fn an_operators_restart_takes_over_without_refusing_anyone() {
    let rig = Rig::start(&["a", "b-exit78"]).await;
    let old = rig.until_state("a", WorkerState::Ready).await;
    let restart = |target: &str| rig.fleet.ask(Ask::Restart { target: target.to_owned() });
    restart("a").await.unwrap();
    let new = rig.until("a", |p| p.generation == 2 && p.retiring.is_empty()).await;
    assert_ne!(new.pid, old.pid);
    assert_eq!((new.restarts, new.last_exit), (0, None), "nobody crashed");

    let router = rig.status().await.router.pid;
    restart("router").await.unwrap();
    eventually("another router", async || {
        rig.until_routed("a", |p| p.state == WorkerState::Ready).await;
        (rig.status().await.router.pid != router).then_some(())
    })
    .await;
    eventually("the old router is gone", async || (!exists(router.unwrap())).then_some(())).await;

    rig.until_state("b-exit78", WorkerState::Failed).await;
    restart("b-exit78").await.unwrap();
    rig.until("b-exit78", |p| p.generation == 2 && p.state == WorkerState::Failed).await;
    let refusal = restart("c").await.unwrap_err();
    assert_eq!(refusal, "there is no \"c\"; there are: a, b-exit78, router");
}
