//! The one task that touches machines. It feeds them what children, timers and operators say, has the
//! [`Shell`] do what comes out, and keeps the router's picture of the workers up to date.
//!
//! It runs on the main thread's current-thread runtime (children are started there) and never waits for a
//! child: everything it sends is queued, everything it hears is an event.

use super::alarm::{Alarms, Due};
use super::child::{ChildEvent, ChildId};
use super::handover::FleetImage;
use super::happening::Happening;
use super::machine::{Effect, Input};
use super::member::{Member, MemberId, ROUTER, Work};
use super::progress::Progress;
use super::questions::Questions;
use super::rank::Ranks;
use super::routing::Routing;
use super::shell::{Shell, chance};
use super::spec::{FleetSpec, Grounds, Upward};
use super::stop::Stage;
use super::tree::{Slot, Tree};
use super::{Announcement, Fleet, Order, Outcome};
use protocol::ipc::control::{FromChild, Role};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;

/// Events handled in one turn before the router is told what they changed.
const BATCH: usize = 64;

/// After the last process: for the tasks that watched it.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// See the module. Its verbs for operators and configurations are in `change`, for the end in `stop`.
pub(crate) struct Owner {
    pub(super) tree: Tree,
    pub(super) shell: Shell,
    pub(super) routing: Routing,
    /// The routing may differ from the tree.
    pub(super) dirty: bool,
    /// What calls in flight get when something is drained.
    pub(super) drain: Duration,
    pub(super) stage: Stage,
    pub(super) outcome: Outcome,
    /// Handed over; nothing is done until this resolves.
    pub(super) frozen: Option<oneshot::Receiver<()>>,
    pub(super) questions: Questions,
    pub(super) ranks: Ranks,
    events: mpsc::Receiver<(ChildId, ChildEvent)>,
    orders: mpsc::Receiver<Order>,
    announce: watch::Sender<Announcement>,
    pub(super) progress: watch::Sender<Progress>,
    /// A configuration that is in no routing revision yet.
    pub(super) unmarked: Option<u64>,
    /// The newest configuration and the routing revision that has it.
    pub(super) mark: (u64, u64),
}

impl Owner {
    /// A fleet that has not started anything yet, and the way to give it orders. `inherited`: what the former
    /// program of this process left running.
    pub(crate) fn new(grounds: Grounds, spec: FleetSpec, inherited: Option<FleetImage>) -> (Self, Fleet) {
        let (events, heard) = mpsc::channel(256);
        let (orders, ordered) = mpsc::channel(64);
        let (announce, announced) = watch::channel(Announcement::Starting);
        let (progress, progressed) = watch::channel(Progress::default());
        let mut shell = Shell {
            grounds,
            alarms: Alarms::default(),
            tasks: TaskTracker::new(),
            events,
            epoch: spec.epoch,
            members: 0,
            children: 0,
            program: None,
        };
        let router = Member::new(shell.next_member(), Work::Router(spec.router.clone()), Instant::now());
        let tree = Tree { router: Slot::new(ROUTER.to_owned(), router), providers: BTreeMap::new() };
        let mut owner = Self {
            tree,
            shell,
            routing: Routing::new(spec.routing.clone()),
            dirty: true,
            drain: spec.drain,
            stage: Stage::Running,
            outcome: Outcome::Stopped,
            frozen: None,
            questions: Questions::default(),
            ranks: Ranks::new(),
            events: heard,
            orders: ordered,
            announce,
            progress,
            unmarked: None,
            mark: (0, 0),
        };
        if let Some(image) = inherited {
            owner.inherit(image, &spec);
            owner.watch_all();
        }
        owner.adopt(spec);
        (owner, Fleet { orders, announced, progressed })
    }

    /// Runs the fleet until it has stopped and every process is reaped. On the main thread only.
    pub(crate) async fn run(mut self) -> Outcome {
        self.routing.rebuild(&self.tree);
        self.put(self.tree.router.active.id, Input::Up);
        loop {
            self.turn();
            if self.is_over() {
                break;
            }
            self.hear().await;
        }
        // Everybody is reaped; what is left are readers of pipes that a stranger may hold open.
        self.shell.tasks.close();
        let _ = tokio::time::timeout(LAST_TASKS, self.shell.tasks.wait()).await;
        self.outcome
    }

    /// Waits for the next thing to happen and takes it, with whatever else has happened by then.
    async fn hear(&mut self) {
        if let Some(thaw) = self.frozen.take() {
            // Handed over: this program is about to be another one. Whoever fails at that lets us go on.
            let _ = thaw.await;
            self.go_on();
        }
        let alarm = self.shell.alarms.next();
        let alarm = async {
            match alarm {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some((child, event)) = self.events.recv() => self.event(child, event),
            Some(order) = self.orders.recv() => self.order(order),
            () = alarm => self.ring(),
            () = self.ranks.spent() => self.look_around(),
        }
        self.catch_up();
    }

    /// Takes what children have said by now.
    pub(super) fn catch_up(&mut self) {
        for _ in 0..BATCH {
            let Ok((child, event)) = self.events.try_recv() else { break };
            self.event(child, event);
        }
    }

    fn ring(&mut self) {
        while let Some(due) = self.shell.alarms.take(Instant::now()) {
            match due {
                Due::Timer { member, timer, number } => self.put(member, Input::Timeout { timer, number }),
                Due::Leave { member } => self.leave_now(member),
                Due::Rest { member } => self.look_at(member),
            }
        }
    }

    fn event(&mut self, child: ChildId, event: ChildEvent) {
        let Some(id) = self.tree.owner_of(child) else { return };
        let Some(member) = self.tree.member(id) else { return };
        let is_ready = matches!(event, ChildEvent::Said(FromChild::Ready { .. }, _));
        let router_ready = is_ready && member.work.role() == Role::Router;
        let input = match event {
            ChildEvent::Said(FromChild::Ask { seq }, body) => return self.passed_on(child, seq, body),
            ChildEvent::Said(FromChild::Answer { seq }, body) => return self.answered(child, seq, &body),
            ChildEvent::Said(FromChild::Notices, body) => return self.told(child, Upward::Notices { body }),
            ChildEvent::Said(FromChild::Key(news), _) => return self.key_news(child, news),
            ChildEvent::Said(FromChild::Memory, body) => return self.remember(child, body),
            ChildEvent::Said(FromChild::Pong(pulse), body) => {
                self.weigh(id, pulse.calls, &body);
                let Some(member) = self.tree.member(id) else { return };
                said(member, FromChild::Pong(pulse))
            }
            ChildEvent::Said(message, _) => {
                if is_ready {
                    (self.shell.grounds.tell)(Happening::ready(member));
                }
                said(member, message)
            }
            ChildEvent::Eof => Some(Input::Eof),
            ChildEvent::Garbled(what) => Some(Input::Garbled(what)),
            ChildEvent::Exited(exit) => {
                member.last_words =
                    member.live.take().map(|live| live.child.tail.lines()).unwrap_or_default();
                tracing::debug!(name = %member.name(), generation = member.generation, "ended: {exit}");
                self.questions.forget(child);
                self.unwatch(child);
                self.remind();
                Some(Input::Exited(exit))
            }
        };
        if let Some(input) = input {
            self.put(id, input);
        }
        if router_ready {
            self.router_ready();
        } else if is_ready {
            self.watch(id);
        }
    }

    /// Some child ended. If it was a router beside the one in service, that one hears what it did last.
    fn remind(&mut self) {
        let slot = &self.tree.router;
        let lives = slot.lives();
        if lives > 0 && lives < slot.members().count() {
            self.shell.remind(&slot.active, lives == 1);
            self.shell.tell_beside(slot, None);
        }
    }

    /// Gives a machine an input, and everything that follows from it.
    pub(super) fn put(&mut self, id: MemberId, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(member) = self.tree.member(id) else { return };
            let before = member.machine.state();
            let effects = member.machine.step(input, Instant::now(), chance());
            let changed = Happening::changed(member, before);
            for effect in effects {
                inputs.extend(self.perform(id, effect));
            }
            // After the death that it may come of.
            changed.into_iter().for_each(&self.shell.grounds.tell);
        }
    }

    fn perform(&mut self, id: MemberId, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Spawn => {
                let slot = self.tree.slot_of(id)?;
                slot.generations += 1;
                let generation = slot.generations;
                let alone = slot.members().all(|m| m.live.is_none());
                let member = slot.members_mut().find(|m| m.id == id)?;
                let spawned = self.shell.spawn(member, generation, alone);
                if !alone && member.work.role() == Role::Router {
                    self.router_started(id);
                }
                self.starts(id);
                Some(spawned)
            }
            Effect::Publish => {
                self.dirty = true;
                None
            }
            Effect::Escalate(reason) => {
                self.escalate(reason);
                None
            }
            effect @ (Effect::Send(_) | Effect::Signal(_) | Effect::Arm { .. } | Effect::Crashed(_)) => {
                if let Effect::Crashed(_) = effect {
                    self.tree.slot_of(id)?.crashed = Some(Instant::now());
                }
                let member = self.tree.member(id)?;
                self.shell.perform(member, effect, &self.routing)
            }
        }
    }

    /// After every event: what it means for replacements, for the router, for the end.
    fn turn(&mut self) {
        loop {
            let changed = self.review() | self.release() | self.advance_stop();
            self.publish();
            if !changed {
                break;
            }
        }
        self.report();
        if self.tree.router.active.machine.is_serving() {
            self.announce.send_if_modified(|now| {
                std::mem::replace(now, Announcement::Serving) == Announcement::Starting
            });
        }
    }

    /// Brings the routers up to date, one push at a time: what happens until the acknowledgement goes into
    /// the next one.
    fn publish(&mut self) {
        if std::mem::take(&mut self.dirty) {
            self.routing.rebuild(&self.tree);
            let revision = self.routing.revision();
            if let Some(epoch) = self.unmarked.take() {
                self.mark = (epoch, revision);
            }
            for leaving in
                self.tree.slots_mut().flat_map(Slot::members_mut).filter_map(|m| m.leaving.as_mut())
            {
                leaving.revision.get_or_insert(revision);
            }
        }
        let newest = self.routing.revision();
        let router = &mut self.tree.router;
        let behind: Vec<MemberId> = std::iter::once(&router.active)
            .chain(&router.successor)
            .filter(|m| m.machine.is_serving() && m.sent < newest && m.acked >= m.sent)
            .map(|m| m.id)
            .collect();
        for id in behind {
            self.reconfigure(id);
        }
    }

    /// Sends a running member its configuration again.
    pub(super) fn reconfigure(&mut self, id: MemberId) {
        let Some(member) = self.tree.member(id) else { return };
        let configure = Effect::Send(super::machine::Message::Configure);
        if let Some(input) = self.shell.perform(member, configure, &self.routing) {
            self.put(id, input);
        }
    }
}

/// Takes a child's word: notes what is to be noted, and gives the machine its part.
fn said(member: &mut Member, message: FromChild) -> Option<Input> {
    match message {
        FromChild::Hello { role, protocol_min, protocol_max, build: _, generation } => {
            Some(Input::Hello { role, protocol_min, protocol_max, generation })
        }
        FromChild::Sandboxed(report) => {
            member.report = Some(report.clone());
            Some(Input::Sandboxed(report))
        }
        FromChild::Ready { epoch: _ } => {
            (member.acked, member.refused) = (member.sent, None);
            tracing::info!(name = %member.name(), generation = member.generation, "ready");
            Some(Input::Ready)
        }
        FromChild::Acked { epoch } => {
            (member.acked, member.refused) = (member.acked.max(epoch), None);
            None
        }
        FromChild::Rejected { epoch, reason } => {
            let (name, generation) = (member.name(), member.generation);
            tracing::error!(%name, generation, epoch, "configuration refused: {reason}");
            (member.acked, member.refused) = (member.acked.max(epoch), Some(reason.clone()));
            Some(Input::Rejected(reason))
        }
        FromChild::Pong(pulse) => {
            member.pulse = Some(pulse);
            Some(Input::Pong(pulse))
        }
        FromChild::Drained => Some(Input::Drained),
        // Taken before.
        FromChild::Ask { .. }
        | FromChild::Answer { .. }
        | FromChild::Notices
        | FromChild::Memory
        | FromChild::Key(_) => None,
    }
}
