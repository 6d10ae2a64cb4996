//! Who stands behind at the processors.

use super::rig::{Rig, eventually};
use crate::fleet::{Ask, StopMode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::control::ProviderStatus;
use protocol::ipc::configure::WorkerState;
use protocol::ipc::question::Question;
use protocol::transport::precedence::{Precedence, precedence, set_precedence};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Where its threads stand; empty when it has ended.
fn places(pid: u32) -> Vec<Precedence> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let threads = threads.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse().ok());
    threads.filter_map(|thread| precedence(Pid::from_raw(thread)).ok()).collect()
}

fn all_usual(pid: u32) -> bool {
    let places = places(pid);
    !places.is_empty() && places.iter().all(|place| *place == Precedence::Usual)
}

fn none_usual(pid: u32) -> bool {
    let places = places(pid);
    !places.is_empty() && places.iter().all(|place| *place != Precedence::Usual)
}

/// Before Linux 6.12 there is no other place for those who may not come back from the last one.
fn is_possible() -> bool {
    let oneself = Pid::from_raw(0);
    let stand = move |place| set_precedence(oneself, place);
    let attempt = move || {
        let later = stand(Precedence::Later).and_then(|()| precedence(oneself));
        let back = stand(Precedence::Last).and_then(|()| stand(Precedence::Usual));
        later == Ok(Precedence::Later) || back.is_ok()
    };
    std::thread::Builder::new().spawn(attempt).unwrap().join().unwrap()
}

/// The process of a provider that is ready.
async fn ready(rig: &Rig, name: &str) -> u32 {
    rig.until_state(name, WorkerState::Ready).await.pid.unwrap()
}

async fn cease(rig: &Rig, name: &str) {
    let asked = Question::Probe { model: None };
    rig.fleet.question(name, asked, Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_spins_stands_behind_until_it_takes_little() {
    if !is_possible() {
        return;
    }
    let rig = Rig::start(&["a-spin", "b"]).await;
    let (greedy, modest) = (ready(&rig, "a-spin").await, ready(&rig, "b").await);
    eventually("behind", async || none_usual(greedy).then_some(())).await;
    eventually("modest", async || all_usual(modest).then_some(())).await;
    assert!(all_usual(std::process::id()));
    cease(&rig, "a-spin").await;
    eventually("as usual", async || all_usual(greedy).then_some(())).await;
    rig.stop(StopMode::Fast).await;
}

#[tokio::test]
async fn another_program_goes_on_looking() {
    if !is_possible() {
        return;
    }
    let rig = Rig::start(&["a-spin"]).await;
    let pid = ready(&rig, "a-spin").await;
    eventually("behind", async || none_usual(pid).then_some(())).await;
    let rig = rig.hand_over(vec![super::rig::provider("a-spin")]).await;
    assert_eq!(ready(&rig, "a-spin").await, pid);
    eventually("behind again", async || none_usual(pid).then_some(())).await;
    cease(&rig, "a-spin").await;
    eventually("as usual", async || all_usual(pid).then_some(())).await;
    rig.stop(StopMode::Fast).await;
}

#[tokio::test]
async fn one_that_crashed_is_not_trusted_and_its_neighbour_is() {
    if !is_possible() {
        return;
    }
    let rig = Rig::start(&["a", "b"]).await;
    let (first, neighbour) = (ready(&rig, "a").await, ready(&rig, "b").await);
    eventually("trusted", async || (all_usual(first) && all_usual(neighbour)).then_some(())).await;
    kill(Pid::from_raw(first.cast_signed()), Signal::SIGKILL).unwrap();
    let next =
        rig.until("a", |p| p.pid.is_some_and(|pid| pid != first) && p.state == WorkerState::Ready).await;
    let pid = next.pid.unwrap();
    // Longer than one is new.
    let judged = Instant::now() + Duration::from_millis(500);
    while Instant::now() < judged {
        assert!(none_usual(pid) && all_usual(neighbour));
        sleep(Duration::from_millis(10)).await;
    }
    // Nor is the one that replaces it.
    rig.fleet.ask(Ask::Restart { target: "a".to_owned() }).await.unwrap();
    let next = rig.until("a", |p| p.pid.is_some_and(|now| now != pid) && p.retiring.is_empty()).await;
    assert!(none_usual(next.pid.unwrap()));
    rig.stop(StopMode::Fast).await;
}

/// The letter of its state (proc(5)): `T` is stopped.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
}

fn says_so(provider: &ProviderStatus) -> bool {
    provider.reason.starts_with("held back")
}

/// A worker that spins while the router has calls, and is held.
async fn held() -> (Rig, u32) {
    let rig = Rig::start_with(&["a-spin"], "router-busy").await;
    let held = rig.until("a-spin", says_so).await;
    let pid = held.pid.unwrap();
    assert_eq!(held.state, WorkerState::Ready);
    eventually("stopped", async || is_stopped(pid).then_some(())).await;
    eventually("running", async || (!is_stopped(pid)).then_some(())).await;
    eventually("stopped again", async || is_stopped(pid).then_some(())).await;
    (rig, pid)
}

#[tokio::test]
async fn a_worker_that_spins_for_nothing_runs_in_turns_until_it_ceases() {
    let (rig, pid) = held().await;
    // It answers in its turns.
    cease(&rig, "a-spin").await;
    rig.until("a-spin", |p| p.reason == "serving").await;
    eventually("as usual", async || all_usual(pid).then_some(())).await;
    assert!(!is_stopped(pid));
    rig.stop(StopMode::Fast).await;
}

#[tokio::test]
async fn one_that_is_held_can_be_drained_and_replaced_and_handed_over() {
    let (rig, pid) = held().await;
    let rig = rig.hand_over(vec![super::rig::provider("a-spin")]).await;
    eventually("running", async || (!is_stopped(pid)).then_some(())).await;
    let held = rig.until("a-spin", says_so).await;
    assert_eq!(held.pid, Some(pid));
    rig.fleet.ask(Ask::Restart { target: "a-spin".to_owned() }).await.unwrap();
    rig.until("a-spin", |p| p.generation == 2 && p.retiring.is_empty()).await;
    rig.until("a-spin", says_so).await;
    rig.fleet.ask(Ask::Drain { provider: "a-spin".to_owned(), within: None }).await.unwrap();
    rig.until_state("a-spin", WorkerState::Stopped).await;
    rig.stop(StopMode::Fast).await;
}
