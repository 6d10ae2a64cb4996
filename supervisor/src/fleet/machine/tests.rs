use super::*;
use crate::fleet::exit::Exit;
use proptest::prelude::*;
use protocol::ipc::PROTOCOL_MAX;
use protocol::ipc::control::{Pulse, Role, SandboxLevel, SandboxReport};
use std::collections::BTreeMap;

fn report(level: SandboxLevel) -> SandboxReport {
    SandboxReport {
        level,
        no_new_privs: true,
        not_dumpable: true,
        rlimits: true,
        landlock_files: true,
        landlock_net: true,
        landlock_scope: true,
        seccomp: true,
        missing: vec!["seccomp: not permitted".into()],
    }
}

/// A machine, virtual time, and the timers it armed.
struct World {
    machine: Machine,
    now: Instant,
    timers: BTreeMap<(Instant, u64), Timer>,
    generation: u64,
    /// What came out since last asked, timers and publications aside.
    log: Vec<Effect>,
    starts: Vec<Instant>,
    processes: u32,
}

impl World {
    fn new(traits: Traits, policy: Policy) -> Self {
        let now = Instant::now();
        let machine = Machine::new(traits, policy, now);
        let (timers, log, starts) = Default::default();
        Self { machine, now, timers, generation: 0, log, starts, processes: 0 }
    }

    fn worker() -> Self {
        let (needs_key, full_sandbox, memory_limit) = (true, false, None);
        Self::new(Traits { role: Role::Worker, needs_key, full_sandbox, memory_limit }, Policy::worker())
    }

    fn router() -> Self {
        let (needs_key, full_sandbox, memory_limit) = (false, false, None);
        Self::new(Traits { role: Role::Router, needs_key, full_sandbox, memory_limit }, Policy::router())
    }

    fn put(&mut self, input: Input) {
        if matches!(input, Input::Exited(_)) {
            self.processes -= 1;
        }
        for effect in self.machine.step(input, self.now, 0.5) {
            match effect {
                Effect::Arm { timer, number, after } => {
                    self.timers.insert((self.now + after, number), timer);
                }
                Effect::Publish => {}
                Effect::Spawn => {
                    self.processes += 1;
                    self.generation += 1;
                    self.starts.push(self.now);
                    self.log.push(Effect::Spawn);
                    let generation = self.generation;
                    self.put(Input::Spawned { generation });
                }
                other => self.log.push(other),
            }
        }
    }

    /// Lets time pass; every timer fires, current or not.
    fn pass(&mut self, after: Duration) {
        let end = self.now + after;
        while let Some(first) = self.timers.first_entry().filter(|first| first.key().0 <= end) {
            let ((at, number), timer) = first.remove_entry();
            self.now = self.now.max(at);
            self.put(Input::Timeout { timer, number });
        }
        self.now = end;
    }

    fn hello(&mut self) {
        let role = self.machine.traits.role;
        let generation = self.generation;
        self.put(Input::Hello { role, protocol_min: 1, protocol_max: PROTOCOL_MAX, generation });
    }

    fn serve(&mut self) {
        self.hello();
        if self.machine.traits.role == Role::Worker {
            self.put(Input::Sandboxed(report(SandboxLevel::Full)));
        }
        self.put(Input::Ready);
        assert_eq!(self.machine.state(), WorkerState::Ready);
        self.log.clear();
    }

    fn said(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.log)
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_worker_gets_its_key_only_after_its_report() {
    let mut world = World::worker();
    world.put(Input::Up);
    assert_eq!(world.said(), [Effect::Spawn]);
    world.hello();
    assert_eq!(world.said(), [Effect::Send(Message::Configure)]);
    world.put(Input::Sandboxed(report(SandboxLevel::Partial)));
    assert_eq!(world.said(), [Effect::Send(Message::Secret)]);
    world.put(Input::Ready);
    assert_eq!((world.machine.state(), world.machine.explain().as_str()), (WorkerState::Ready, "serving"));
}

#[test]
fn an_incomplete_sandbox_is_final_where_the_full_one_is_required() {
    let mut world = World::worker();
    world.machine.traits.full_sandbox = true;
    world.put(Input::Up);
    world.hello();
    world.said();
    world.put(Input::Sandboxed(report(SandboxLevel::Partial)));
    assert_eq!(world.said(), [Effect::Signal(Blow::Kill)], "and no key");
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!(world.machine.state(), WorkerState::Failed);
    world.pass(secs(3600));
    assert_eq!(world.starts.len(), 1);
    assert!(world.machine.explain().contains("seccomp: not permitted"), "{}", world.machine.explain());
}

#[test]
fn exit_78_and_other_protocols_are_final_until_asked() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.put(Input::Exited(Exit::Code(78)));
    world.pass(secs(3600));
    assert_eq!((world.machine.state(), world.starts.len()), (WorkerState::Failed, 1));
    world.put(Input::Restart);
    let generation = world.generation;
    let (protocol_min, protocol_max) = (PROTOCOL_MAX + 1, PROTOCOL_MAX + 2);
    world.put(Input::Hello { role: Role::Worker, protocol_min, protocol_max, generation });
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!((world.machine.state(), world.starts.len()), (WorkerState::Failed, 2));
    assert!(world.machine.explain().contains("speaks protocol 2 to 3"), "{}", world.machine.explain());
}

#[test]
fn a_crash_loop_ends_after_five_starts_and_is_tried_again_after_five_minutes() {
    let mut world = World::worker();
    world.put(Input::Up);
    for _ in 0..5 {
        world.put(Input::Exited(Exit::Code(1)));
        world.pass(secs(3));
    }
    assert_eq!((world.machine.state(), world.starts.len()), (WorkerState::Failed, 5));
    world.pass(secs(290));
    assert_eq!(world.starts.len(), 5);
    world.pass(secs(8));
    assert_eq!((world.machine.state(), world.starts.len()), (WorkerState::Starting, 6));
    world.put(Input::Exited(Exit::Code(1)));
    assert_eq!(world.machine.state(), WorkerState::Failed, "one try is enough");
}

#[test]
fn silence_degrades_after_three_seconds_and_kills_after_seven() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.serve();
    world.pass(Duration::from_millis(2990));
    assert_eq!(world.machine.state(), WorkerState::Ready);
    world.pass(Duration::from_millis(10));
    assert_eq!(world.machine.state(), WorkerState::Degraded);
    world.said();
    world.pass(secs(2));
    assert_eq!(world.said().last(), Some(&Effect::Signal(Blow::Abort)));
    assert_eq!(world.machine.state(), WorkerState::Backoff);
    world.pass(secs(2));
    assert_eq!(world.said(), [Effect::Signal(Blow::Kill)]);
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!(world.said(), [Effect::Crashed(Cause::Watchdog), Effect::Spawn], "it had settled: at once");
}

#[test]
fn a_late_answer_is_still_an_answer() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.serve();
    world.pass(secs(3));
    assert_eq!(world.machine.state(), WorkerState::Degraded);
    for seq in 1..20 {
        world.put(Input::Pong(Pulse { seq, ..Pulse::default() }));
        assert_eq!(world.machine.state(), WorkerState::Ready);
        world.pass(secs(1));
    }
}

#[test]
fn a_supervisor_that_slept_does_not_shoot_everyone() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.serve();
    world.pass(secs(1));
    world.put(Input::Pong(Pulse { seq: 1, ..Pulse::default() }));
    let ((_, number), timer) = world.timers.pop_last().unwrap();
    world.now += secs(600);
    world.put(Input::Timeout { timer, number });
    assert_eq!(world.machine.state(), WorkerState::Ready);
}

#[test]
fn too_much_memory_degrades_and_less_heals() {
    let mut world = World::worker();
    world.machine.traits.memory_limit = Some(1000);
    world.put(Input::Up);
    world.serve();
    for (rss_bytes, state) in [
        (790, WorkerState::Ready),
        (810, WorkerState::Degraded),
        (710, WorkerState::Degraded),
        (690, WorkerState::Ready),
    ] {
        world.put(Input::Pong(Pulse { rss_bytes, ..Pulse::default() }));
        assert_eq!(world.machine.state(), state, "at {rss_bytes}");
    }
}

#[test]
fn a_drain_ends_politely_and_otherwise_by_force() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.serve();
    world.put(Input::Down(secs(10)));
    assert_eq!(world.said(), [Effect::Send(Message::Drain(secs(10)))]);
    world.put(Input::Drained);
    assert_eq!(world.said(), [Effect::Send(Message::Shutdown)]);
    world.put(Input::Exited(Exit::Code(0)));
    assert_eq!(world.machine.state(), WorkerState::Stopped);

    world.put(Input::Up);
    world.serve();
    world.put(Input::Down(secs(10)));
    for seq in 1..120 {
        world.pass(Duration::from_millis(150));
        world.put(Input::Pong(Pulse { seq: seq / 7, ..Pulse::default() }));
    }
    let said = world.said();
    let force =
        [Effect::Send(Message::Shutdown), Effect::Signal(Blow::Terminate), Effect::Signal(Blow::Kill)];
    assert!(force.iter().all(|effect| said.contains(effect)), "{said:?}");
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!((world.machine.state(), world.starts.len()), (WorkerState::Stopped, 2));
}

#[test]
fn a_drain_can_be_undone() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.serve();
    world.put(Input::Down(secs(10)));
    world.said();
    world.put(Input::Up);
    assert_eq!(world.said(), [Effect::Send(Message::Resume)]);
    assert_eq!(world.machine.state(), WorkerState::Ready);
    world.put(Input::Stop);
    world.put(Input::Up);
    world.put(Input::Exited(Exit::Code(0)));
    assert_eq!((world.machine.state(), world.starts.len()), (WorkerState::Starting, 2));
}

#[test]
fn a_closed_control_socket_waits_for_the_exit_status_but_not_for_long() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.serve();
    world.put(Input::Eof);
    assert_eq!((world.machine.state(), world.said().len()), (WorkerState::Backoff, 0));
    world.put(Input::Exited(Exit::Signal(11)));
    assert!(world.said().contains(&Effect::Crashed(Cause::Exit(Exit::Signal(11)))));
    world.pass(secs(1));
    world.hello();
    world.said();
    world.put(Input::Eof);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.said(), [Effect::Signal(Blow::Kill)]);
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!(world.said(), [Effect::Crashed(Cause::ControlLost)]);
}

#[test]
fn a_start_that_takes_too_long_is_cut() {
    let mut world = World::worker();
    world.put(Input::Up);
    world.hello();
    world.said();
    world.pass(secs(10));
    assert_eq!(world.said(), [Effect::Signal(Blow::Kill)]);
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!(world.said(), [Effect::Crashed(Cause::StartTimeout)]);
}

#[test]
fn the_router_comes_back_whatever_happens() {
    let mut world = World::router();
    world.put(Input::Up);
    for _ in 0..30 {
        world.put(Input::Exited(Exit::Code(78)));
        world.pass(secs(1));
        assert_eq!(world.machine.state(), WorkerState::Starting);
    }
    assert!(world.said().iter().any(|effect| matches!(effect, Effect::Escalate(_))));
    world.serve();
    world.pass(Duration::from_millis(100));
    world.put(Input::Exited(Exit::Signal(9)));
    assert_eq!(world.said().last(), Some(&Effect::Spawn), "at once");
}

/// Anything that can come from outside, in any order.
#[derive(Clone, Debug)]
enum Poke {
    Pass(u64),
    Input(Input),
    Hello,
    Exit(i32),
    OldTimer(u64),
}

fn poke() -> impl Strategy<Value = Poke> {
    prop_oneof![
        4 => (0u64..12_000).prop_map(Poke::Pass),
        2 => Just(Poke::Hello),
        1 => Just(Poke::Input(Input::Sandboxed(report(SandboxLevel::Partial)))),
        3 => Just(Poke::Input(Input::Ready)),
        2 => (0u64..9).prop_map(|seq| Poke::Input(Input::Pong(Pulse { seq, ..Pulse::default() }))),
        1 => prop_oneof![
            Just(Input::Up),
            (0u64..20).prop_map(|n| Input::Down(secs(n))),
            Just(Input::Stop),
            Just(Input::Cut),
            Just(Input::Drained),
            Just(Input::Eof),
            Just(Input::Garbled("noise".into())),
            Just(Input::Rejected("no".into())),
        ].prop_map(Poke::Input),
        2 => prop_oneof![Just(0), Just(1), Just(78)].prop_map(Poke::Exit),
        1 => any::<u64>().prop_map(Poke::OldTimer),
    ]
}

fn apply(world: &mut World, poke: Poke) {
    match poke {
        Poke::Pass(ms) => world.pass(Duration::from_millis(ms)),
        Poke::Input(input) => world.put(input),
        Poke::Hello => world.hello(),
        Poke::Exit(_) if world.processes == 0 => {}
        Poke::Exit(code) => world.put(Input::Exited(Exit::Code(code))),
        Poke::OldTimer(number) => {
            let current = [world.machine.phase_timer, world.machine.ping_timer];
            if !current.contains(&Some(number)) {
                let before = format!("{:?}", world.machine);
                for timer in [Timer::Phase, Timer::Ping] {
                    world.put(Input::Timeout { timer, number });
                }
                assert_eq!(before, format!("{:?}", world.machine), "an old timer acted");
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens(pokes in prop::collection::vec(poke(), 1..80)) {
        let mut world = World::worker();
        world.put(Input::Up);
        for poke in pokes {
            apply(&mut world, poke);
            prop_assert!(world.processes <= 1, "two processes at once");
            prop_assert_eq!(world.processes == 1, world.machine.is_alive());
            let key = world.log.iter().position(|e| *e == Effect::Send(Message::Secret));
            let config = world.log.iter().position(|e| *e == Effect::Send(Message::Configure));
            prop_assert!(key.is_none() || config < key, "a key before the configuration");
        }
        // Without the operator's hand no window of 30 s sees more than 5 starts in a row of crashes,
        // and a process told to go is gone: by itself or by SIGKILL in the end.
        world.put(Input::Stop);
        if world.processes == 1 {
            world.said();
            world.pass(secs(60));
            prop_assert!(world.said().contains(&Effect::Signal(Blow::Kill)));
            world.put(Input::Exited(Exit::Signal(9)));
        }
        prop_assert!(world.machine.is_stopped() && world.processes == 0);
        let starts = world.starts.len();
        world.pass(secs(100_000));
        prop_assert_eq!(starts, world.starts.len(), "nobody starts what is not wanted");
    }

    #[test]
    fn restarts_are_bounded(lives in prop::collection::vec((0u64..3_000, 0i32..2), 1..60)) {
        let mut world = World::worker();
        world.put(Input::Up);
        for (ms, ready) in lives {
            if world.processes == 1 {
                if ready == 1 {
                    world.serve();
                }
                world.now += Duration::from_millis(ms);
                world.put(Input::Exited(Exit::Code(1)));
            }
            world.pass(Duration::from_millis(ms));
        }
        for window in world.starts.windows(6) {
            let span = window[5].duration_since(window[0]);
            prop_assert!(span >= secs(30), "6 starts in {span:?}");
        }
    }
}
