//! The fleet as a value: what `llm-link status` and the admin API show. Reads; changes nothing.

use super::happening::HELD;
use super::member::Member;
use super::shell::{millis, wall_ms};
use super::tree::{Hold, Slot, Tree};
use protocol::control::{ChildStatus, ProviderStatus};
use protocol::ipc::configure::WorkerState;
use std::time::Instant;

/// The fleet's part of the status.
#[derive(Clone, Debug)]
pub(crate) struct FleetStatus {
    pub(crate) router: ChildStatus,
    /// Why another router is not in service, or that it is being started.
    pub(crate) router_change: Option<String>,
    /// Routers that finish their clients.
    pub(crate) routers_retiring: usize,
    /// By name.
    pub(crate) providers: Vec<ProviderStatus>,
}

pub(crate) fn of(tree: &Tree, now: Instant) -> FleetStatus {
    let clock = Clock { now, wall_ms: wall_ms() };
    let mut router = child(&tree.router.active, clock);
    router.restarts = tree.router.restarts();
    let providers = tree.providers.values().map(|slot| provider(slot, clock)).collect();
    FleetStatus {
        router,
        router_change: tree.router.change.clone(),
        routers_retiring: tree.router.retiring.len(),
        providers,
    }
}

/// One moment by both clocks.
#[derive(Clone, Copy)]
struct Clock {
    now: Instant,
    wall_ms: u64,
}

impl Clock {
    /// Milliseconds since 1970 of an instant in the past.
    fn wall(self, at: Instant) -> u64 {
        self.wall_ms.saturating_sub(millis(self.now.saturating_duration_since(at)))
    }
}

fn provider(slot: &Slot, clock: Clock) -> ProviderStatus {
    let active = child(&slot.active, clock);
    let alive = slot.active.machine.is_alive();
    ProviderStatus {
        name: slot.name.clone(),
        preset: slot.active.work.preset().to_owned(),
        state: slot.active.state(),
        reason: reason(slot),
        since_ms: active.since_ms,
        pid: active.pid,
        generation: active.generation,
        restarts: slot.restarts(),
        sandbox: active.sandbox.as_ref().map(|report| report.level),
        change: slot.change.clone(),
        last_exit: active.last_exit.clone(),
        current: alive.then_some(active),
        successor: slot.successor.as_ref().map(|m| child(m, clock)),
        retiring: slot.retiring.iter().map(|m| child(m, clock)).collect(),
    }
}

fn reason(slot: &Slot) -> String {
    match (slot.hold, slot.active.machine.state()) {
        (Hold::Operator, WorkerState::Stopped) => "drained by the operator".to_owned(),
        (Hold::Disabled, WorkerState::Stopped) => "disabled in the configuration".to_owned(),
        (Hold::Free | Hold::Removed, _) | (Hold::Operator | Hold::Disabled, _) => explain(&slot.active),
    }
}

fn explain(member: &Member) -> String {
    let greed = member.live.as_ref().and_then(|live| live.greed);
    match (member.machine.state(), greed) {
        (WorkerState::Ready, Some(greed)) if greed.standing().is_held() => HELD.to_owned(),
        _ => member.machine.explain(),
    }
}

fn child(member: &Member, clock: Clock) -> ChildStatus {
    ChildStatus {
        state: member.state(),
        reason: explain(member),
        since_ms: clock.wall(member.machine.since()),
        pid: member.live.as_ref().map(|live| live.child.pid),
        generation: member.generation,
        restarts: member.machine.restarts(),
        sandbox: member.report.clone(),
        pulse: member.pulse,
        last_exit: member.last_exit.clone(),
        memory_limit_bytes: member.work.traits().memory_limit.unwrap_or(0),
    }
}
