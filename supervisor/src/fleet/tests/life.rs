//! Death, silence and noise of children, and what the others notice of it: nothing.

use super::rig::{KEY, Rig, eventually, exists, hit};
use crate::fleet::{Outcome, StopMode};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;
use protocol::ipc::configure::WorkerState;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn everyone_starts_and_the_router_knows_the_way() {
    let rig = Rig::start(&["a", "b-key"]).await;
    let a = rig.until_routed("a", |p| p.state == WorkerState::Ready).await;
    let lane = a.lane.unwrap();
    assert_eq!((lane.generation, lane.token.len()), (1, 32));
    let mode = std::fs::metadata(&lane.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut data = tokio::net::UnixStream::connect(&lane.socket).await.unwrap();
    let mut said = String::new();
    data.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "1", "the worker serves the inherited socket");
    let b = rig.until_routed("b-key", |p| p.state == WorkerState::Ready).await;
    assert_ne!(b.lane.unwrap().token, lane.token);
    let status = rig.provider("b-key").await;
    let arguments = std::fs::read(format!("/proc/{}/cmdline", status.pid.unwrap())).unwrap();
    assert!(arguments.starts_with(b"llm-link\0"));
    assert_eq!(rig.sockets(), ["w-a-g1.sock", "w-b-key-g1.sock"]);
    assert_eq!(rig.stop(StopMode::Drain).await, Outcome::Stopped);
}

#[tokio::test]
async fn a_killed_worker_comes_back_and_nobody_else_notices() {
    let rig = Rig::start(&["a", "b"]).await;
    let b = rig.until_state("b", WorkerState::Ready).await;
    let router = rig.status().await.router;
    for generation in 1..=4 {
        let a = rig.until("a", |p| p.state == WorkerState::Ready && p.generation == generation).await;
        hit(a.pid.unwrap(), Signal::SIGKILL);
    }
    let a = rig.until("a", |p| p.state == WorkerState::Ready && p.generation == 5).await;
    assert_eq!((a.restarts, a.last_exit.unwrap().cause.as_str()), (4, "killed by SIGKILL"));
    assert_eq!(rig.provider("b").await.pid, b.pid);
    assert_eq!(rig.status().await.router.pid, router.pid);
    rig.until_routed("a", |p| p.lane.as_ref().is_some_and(|lane| lane.generation == 5)).await;
    assert_eq!(rig.sockets(), ["w-a-g5.sock", "w-b-g1.sock"]);
    hit(a.pid.unwrap(), Signal::SIGKILL);
    let failed = rig.until_state("a", WorkerState::Failed).await;
    assert!(failed.reason.contains("5 starts in 30 s"), "{}", failed.reason);
    assert!(!exists(a.pid.unwrap()), "a zombie is left");
}

#[tokio::test]
async fn death_is_known_at_once() {
    let rig = Rig::start(&["a"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let before = Instant::now();
    hit(a.pid.unwrap(), Signal::SIGKILL);
    rig.until("a", |p| p.pid != a.pid).await;
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_killed_router_refuses_nobody() {
    let rig = Rig::start(&["a"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    for _ in 0..20 {
        let pid = eventually("router", async || rig.status().await.router.pid).await;
        hit(pid, Signal::SIGKILL);
        // `routing` panics if the connection is refused; an empty answer was lost in flight.
        rig.routing().await;
        rig.until_routed("a", |p| p.state == WorkerState::Ready).await;
        eventually("another router", async || {
            let router = rig.status().await.router;
            (router.pid != Some(pid) && router.state == WorkerState::Ready).then_some(())
        })
        .await;
    }
    assert_eq!(rig.provider("a").await.pid, a.pid);
    assert_eq!(rig.status().await.router.restarts, 20);
}

#[tokio::test]
async fn a_stopped_worker_is_degraded_and_then_replaced() {
    let rig = Rig::start(&["a"]).await;
    let a = rig.until_state("a", WorkerState::Ready).await;
    let before = Instant::now();
    hit(a.pid.unwrap(), Signal::SIGSTOP);
    rig.until_routed("a", |p| p.state == WorkerState::Degraded).await;
    assert!(before.elapsed() < Duration::from_secs(15), "{:?}", before.elapsed());
    let again = rig.until("a", |p| p.generation == 2 && p.state == WorkerState::Ready).await;
    assert!(before.elapsed() < Duration::from_secs(30), "{:?}", before.elapsed());
    assert_eq!(again.last_exit.unwrap().cause, "no answer to pings");
}

#[tokio::test]
async fn a_crash_loop_ends_with_a_reason_and_the_last_words() {
    let rig = Rig::start(&["a-exit1", "b"]).await;
    let a = rig.until_state("a-exit1", WorkerState::Failed).await;
    assert_eq!(a.generation, 5);
    assert!(a.reason.starts_with("exit code 1; 5 starts in 30 s"), "{}", a.reason);
    assert_eq!(a.last_exit.unwrap().stderr, ["about to end"]);
    assert_eq!(rig.provider("b").await.restarts, 0);
}

#[tokio::test]
async fn what_cannot_heal_is_tried_once() {
    let names = ["a-exit78", "b-weak-required-key", "c-future"];
    let rig = Rig::start(&names).await;
    for (name, reason) in names.into_iter().zip(["exit code 78", "seccomp: not here", "speaks protocol 8"]) {
        let failed = rig.until_state(name, WorkerState::Failed).await;
        assert!(failed.reason.contains(reason), "{}", failed.reason);
        assert_eq!((failed.generation, failed.restarts), (1, 0));
        let words = failed.last_exit.unwrap().stderr;
        assert!(words.is_empty(), "it got its key all the same: {words:?}");
    }
}

#[tokio::test]
async fn a_key_reaches_its_worker_and_no_log() {
    let rig = Rig::start(&["a-key-weak"]).await;
    let a = rig.until_state("a-key-weak", WorkerState::Ready).await;
    let proc = |file: &str| std::fs::read(format!("/proc/{}/{file}", a.pid.unwrap())).unwrap();
    for file in ["cmdline", "environ"] {
        assert!(!String::from_utf8_lossy(&proc(file)).contains(KEY));
    }
    hit(a.pid.unwrap(), Signal::SIGKILL);
    let a = rig.until("a-key-weak", |p| p.last_exit.is_some()).await;
    assert_eq!(a.last_exit.unwrap().stderr, ["my key is [key]"]);
}

#[tokio::test]
async fn an_allocation_failure_is_called_by_its_name() {
    let rig = Rig::start(&["a-abort"]).await;
    let a = rig.until("a-abort", |p| p.last_exit.is_some()).await;
    assert_eq!(a.last_exit.unwrap().cause, "out of memory: its memory limit was reached");
}

#[tokio::test]
async fn descriptors_do_not_leak() {
    let rig = Rig::start(&["a"]).await;
    rig.until_state("a", WorkerState::Ready).await;
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..10 {
        let router = eventually("router", async || rig.status().await.router.pid).await;
        hit(router, Signal::SIGKILL);
        eventually("next router", async || {
            let next = rig.status().await.router;
            (next.pid != Some(router) && next.state == WorkerState::Ready).then_some(())
        })
        .await;
    }
    eventually("descriptors closed", async || (open() <= before + 2).then_some(())).await;
}

#[tokio::test]
async fn a_flood_of_words_costs_little_and_delays_no_ping() {
    let rig = Rig::start(&["a", "b"]).await;
    rig.until_state("b", WorkerState::Ready).await;
    rig.manner("a", "flood");
    let a = rig.until_state("a", WorkerState::Ready).await;
    let (cpu, wall) = (cpu_time(), Instant::now());
    hit(a.pid.unwrap(), Signal::SIGKILL);
    rig.until("a", |p| p.generation == 2 && p.state == WorkerState::Ready).await;
    let seq = |p: protocol::control::ProviderStatus| p.current.unwrap().pulse.map_or(0, |pulse| pulse.seq);
    let first = seq(rig.provider("b").await);
    // Two seconds of it, seen only once in a while so that looking costs nothing.
    eventually("two more pings", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (seq(rig.provider("b").await) >= first + 2).then_some(())
    })
    .await;
    let (cpu, wall) = (cpu_time() - cpu, wall.elapsed());
    assert!(wall < Duration::from_secs(4), "pings were late: {wall:?}");
    assert!(cpu.as_secs_f64() < 0.2 * wall.as_secs_f64() + 0.1, "{cpu:?} of {wall:?}");
    assert_eq!(rig.provider("a").await.generation, 2);
}

fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.try_into().unwrap())
}
