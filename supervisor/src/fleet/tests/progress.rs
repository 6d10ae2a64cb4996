//! How far a configuration is in force, and that one change does not disturb another under way.

use super::rig::{Rig, provider};
use crate::fleet::ProviderSpec;
use protocol::ipc::configure::WorkerState;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn version(name: &str, fingerprint: &str) -> ProviderSpec {
    ProviderSpec { fingerprint: fingerprint.to_owned(), ..provider(name) }
}

#[tokio::test]
async fn a_change_is_settled_when_everybody_concerned_has_it() {
    let mut rig = Rig::start(&["a"]).await;
    rig.until_state("a", WorkerState::Ready).await;
    rig.adopt(vec![version("a", "2"), provider("b")]).await;
    assert_eq!(rig.fleet.settled(2, PATIENCE).await, []);
    let (a, b) = (rig.provider("a").await, rig.provider("b").await);
    assert_eq!((a.generation, a.state, b.state), (2, WorkerState::Ready, WorkerState::Ready));
    let routed = rig.routing().await.unwrap();
    assert_eq!(routed.providers.len(), 2, "the router has acknowledged it");
}

#[tokio::test]
async fn a_replacement_is_settled_when_the_router_knows_it() {
    let mut rig = Rig::start_with(&["a"], "router-late").await;
    rig.until_routed("a", |p| p.state == WorkerState::Ready).await;
    rig.adopt(vec![version("a", "2")]).await;
    assert_eq!(rig.fleet.settled(2, PATIENCE).await, []);
    let routed = rig.routing().await.unwrap();
    assert_eq!(routed.providers[0].lane.as_ref().map(|lane| lane.generation), Some(2));
}

#[tokio::test]
async fn who_will_not_come_is_named_and_keeps_nobody_waiting() {
    let mut rig = Rig::start(&["a", "b"]).await;
    let old = rig.until_state("a", WorkerState::Ready).await;
    rig.until_state("b", WorkerState::Ready).await;
    rig.manner("a", "exit78");
    rig.adopt(vec![version("a", "2"), provider("b")]).await;
    let pending = rig.fleet.settled(2, PATIENCE).await;
    assert_eq!((pending.len(), pending[0].process.as_str()), (1, "a"));
    assert!(pending[0].reason.contains("generation 1 stays"), "{}", pending[0].reason);
    // Another change has nothing to do with it, and does not try it again.
    rig.adopt(vec![version("a", "2"), version("b", "2")]).await;
    assert_eq!(rig.fleet.settled(3, PATIENCE).await, []);
    let a = rig.provider("a").await;
    assert_eq!((a.pid, a.generation, a.successor), (old.pid, 1, None));
    assert_eq!(rig.provider("b").await.generation, 2);
    // An operator who restarts it means what is wanted now.
    rig.manner("a", "good");
    rig.fleet.ask(crate::fleet::Ask::Restart { target: "a".to_owned() }).await.unwrap();
    let a = rig.until("a", |p| p.generation == 3 && p.change.is_none()).await;
    assert_eq!(a.state, WorkerState::Ready);
    rig.adopt(vec![version("a", "2"), version("b", "2")]).await;
    assert_eq!(rig.fleet.settled(4, PATIENCE).await, []);
    assert_eq!(rig.provider("a").await.generation, 3, "it is what is wanted already");
}

#[tokio::test]
async fn a_storm_of_other_changes_does_not_keep_a_generation_from_coming() {
    let mut rig = Rig::start(&["a"]).await;
    rig.until_state("a", WorkerState::Ready).await;
    for _ in 0..200 {
        rig.adopt(vec![version("a", "2")]).await;
    }
    assert_eq!(rig.fleet.settled(2, PATIENCE).await, []);
    let a = rig.provider("a").await;
    assert_eq!((a.generation, a.successor), (2, None), "one start was enough");
}
