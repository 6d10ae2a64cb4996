//! Replacement without a gap: a changed child is started beside the running one, takes over when it is
//! ready, and the old one finishes its calls once the router knows. If the new one never becomes ready, the
//! old one stays and the status says why.

use super::alarm::Due;
use super::machine::Input;
use super::member::{Leaving, Member, MemberId, Work};
use super::owner::Owner;
use super::spec::{FleetSpec, ProviderSpec, RouterSpec, Switch};
use super::tree::{Hold, Slot};
use protocol::ipc::configure::WorkerState;
use protocol::ipc::control::Role;
use std::time::{Duration, Instant};

/// The router has this long to acknowledge that a worker is leaving.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

impl Owner {
    /// Puts a configuration in force: starts what is new, replaces what differs, drains what is gone.
    pub(super) fn adopt(&mut self, spec: FleetSpec) {
        self.shell.epoch = spec.epoch;
        self.unmarked = Some(spec.epoch);
        self.drain = spec.drain;
        self.routing.replace(spec.routing);
        self.dirty = true;
        self.adopt_router(spec.router);
        let names: Vec<String> = spec.providers.iter().map(|p| p.name.clone()).collect();
        for provider in spec.providers {
            match self.tree.providers.contains_key(&provider.name) {
                true => self.adopt_known(provider),
                false => self.adopt_new(provider),
            }
        }
        let gone: Vec<String> =
            self.tree.providers.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            self.hold(&name, Hold::Removed, self.drain);
        }
    }

    fn adopt_new(&mut self, spec: ProviderSpec) {
        let (name, switch) = (spec.name.clone(), spec.switch);
        let member = Member::new(self.shell.next_member(), Work::Worker(Box::new(spec)), Instant::now());
        let id = member.id;
        let mut slot = Slot::new(name.clone(), member);
        slot.awaits = Some(self.shell.epoch);
        if switch == Switch::Off {
            slot.hold = Hold::Disabled;
        }
        self.tree.providers.insert(name, slot);
        if switch == Switch::On {
            self.put(id, Input::Up);
        }
    }

    fn adopt_known(&mut self, spec: ProviderSpec) {
        let name = spec.name.clone();
        if spec.switch == Switch::Off {
            self.hold(&name, Hold::Disabled, self.drain);
        }
        let epoch = self.shell.epoch;
        let Some(slot) = self.tree.providers.get_mut(&name) else { return };
        let (before, same) = match &slot.active.work {
            Work::Worker(old) => (Some(old.config.clone()), old.fingerprint == spec.fingerprint),
            Work::Router(_) => (None, false),
        };
        let told_new = before.as_ref() != Some(&spec.config);
        let (switch, work) = (spec.switch, Work::Worker(Box::new(spec)));
        if switch == Switch::On && matches!(slot.hold, Hold::Disabled | Hold::Removed) {
            slot.hold = Hold::Free;
        }
        if !same {
            slot.wanted = Some(work.clone());
            return match &mut slot.successor {
                // It is on its way already.
                Some(next) if next.fingerprint() == work.fingerprint() => next.retool(work),
                // It has failed already, which whoever wanted it was told.
                _ if slot.spurned.as_deref() == work.fingerprint() => {}
                _ => {
                    slot.awaits = Some(epoch);
                    self.replace(&name, work);
                }
            };
        }
        slot.active.retool(work);
        (slot.change, slot.wanted, slot.spurned) = (None, None, None);
        if told_new {
            slot.awaits = Some(epoch);
        }
        let (id, hold, serving) = (slot.active.id, slot.hold, slot.active.machine.is_serving());
        self.discard_successor(&name);
        if hold == Hold::Free {
            self.come_back(id);
        }
        if told_new && serving {
            self.reconfigure(id);
        }
    }

    fn adopt_router(&mut self, spec: RouterSpec) {
        let router = &mut self.tree.router;
        let same = match &router.active.work {
            Work::Router(old) => old.is_same(&spec),
            Work::Worker(_) => false,
        };
        let (name, work) = (router.name.clone(), Work::Router(spec));
        if same {
            router.active.retool(work);
            self.discard_successor(&name);
        } else {
            self.replace(&name, work);
        }
    }

    /// Gives a slot other work: beside the running process if one takes calls, else in its place.
    pub(super) fn replace(&mut self, name: &str, work: Work) {
        self.discard_successor(name);
        let Some(slot) = self.tree.find(name) else { return };
        (slot.change, slot.spurned) = (None, None);
        let id = slot.active.id;
        if slot.hold != Hold::Free {
            slot.wanted = None;
            return slot.active.retool(work);
        }
        if !slot.active.machine.is_serving() {
            slot.wanted = None;
            slot.active.retool(work);
            slot.active.leaving = None;
            return self.put(id, Input::Restart);
        }
        let successor = Member::new(self.shell.next_member(), work, Instant::now());
        let next = successor.id;
        slot.change = Some("a new generation is starting; it takes over when it is ready".to_owned());
        slot.successor = Some(successor);
        self.put(next, Input::Up);
    }

    pub(super) fn discard_successor(&mut self, name: &str) {
        let Some(slot) = self.tree.find(name) else { return };
        let Some(successor) = slot.successor.take() else { return };
        let id = successor.id;
        slot.retiring.push(successor);
        self.put(id, Input::Stop);
    }

    /// Takes a slot out of service: out of routing first, then its calls get `within`.
    pub(super) fn hold(&mut self, name: &str, hold: Hold, within: Duration) {
        self.discard_successor(name);
        let Some(slot) = self.tree.find(name) else { return };
        if std::mem::replace(&mut slot.hold, hold) == hold {
            return;
        }
        let id = slot.active.id;
        if slot.active.machine.is_serving() {
            slot.active.leaving = Some(Leaving { revision: None, within });
            self.shell.alarms.set(Instant::now() + ACK_TIMEOUT, Due::Leave { member: id });
            self.dirty = true;
        } else {
            self.put(id, Input::Down(within));
        }
    }

    /// Undoes [`Self::hold`].
    pub(super) fn come_back(&mut self, id: MemberId) {
        let Some(member) = self.tree.member(id) else { return };
        self.dirty |= member.leaving.take().is_some();
        self.put(id, Input::Up);
    }

    /// Swaps in what became ready, drops what failed or is gone. True if anything changed.
    pub(super) fn review(&mut self) -> bool {
        let mut out = Vec::new();
        let router = self.tree.router.active.id;
        for slot in self.tree.slots_mut() {
            match judge(slot) {
                Some(Verdict::TakeOver) => out.extend(take_over(slot, self.drain)),
                Some(Verdict::Failed(why)) => out.extend(fail(slot, &why)),
                None => {}
            }
            // Its restarts still count for the slot.
            let gone = slot.retiring.extract_if(.., |m| m.machine.is_stopped() && m.live.is_none());
            slot.former_restarts += gone.map(|m| m.machine.restarts()).sum::<u64>();
        }
        if self.tree.router.active.id != router {
            // What the former one did while this one started.
            self.shell.remind(&self.tree.router.active, false);
        }
        self.tree.providers.retain(|_, slot| slot.hold != Hold::Removed || !slot.is_stopped());
        let changed = !out.is_empty();
        for (id, input) in out {
            match input {
                Some(input) => self.put(id, input),
                None => self.shell.alarms.set(Instant::now() + ACK_TIMEOUT, Due::Leave { member: id }),
            }
        }
        self.dirty |= changed;
        changed
    }

    /// Lets go the leaving workers that the router no longer counts on. True if there were any.
    pub(super) fn release(&mut self) -> bool {
        let router = &self.tree.router.active;
        let (serving, acked) = (router.machine.is_serving(), router.acked);
        let knows = |revision: Option<u64>| revision.is_some_and(|r| !serving || acked >= r);
        let free: Vec<MemberId> = self
            .tree
            .slots()
            .flat_map(Slot::members)
            .filter(|m| m.leaving.is_some_and(|leaving| knows(leaving.revision)))
            .map(|m| m.id)
            .collect();
        free.iter().for_each(|id| self.leave_now(*id));
        !free.is_empty()
    }

    pub(super) fn leave_now(&mut self, id: MemberId) {
        let Some(member) = self.tree.member(id) else { return };
        if let Some(leaving) = member.leaving.take() {
            self.put(id, Input::Down(leaving.within));
        }
    }
}

/// What is to become of a successor.
enum Verdict {
    TakeOver,
    Failed(String),
}

fn judge(slot: &Slot) -> Option<Verdict> {
    let next = slot.successor.as_ref()?;
    match next.machine.state() {
        WorkerState::Ready | WorkerState::Degraded => Some(Verdict::TakeOver),
        // Its end is not complete: the exit status will tell why.
        WorkerState::Backoff | WorkerState::Failed | WorkerState::Stopped if next.machine.is_alive() => None,
        WorkerState::Backoff | WorkerState::Failed | WorkerState::Stopped => {
            let cause = next.last_exit.as_ref().map(|exit| exit.cause.clone());
            Some(Verdict::Failed(cause.unwrap_or_else(|| next.machine.explain())))
        }
        WorkerState::Starting | WorkerState::Draining => None,
    }
}

/// The successor serves from now on. A router leaves at once, as its successor has the same sockets; a
/// worker leaves when the router knows.
fn take_over(slot: &mut Slot, drain: Duration) -> Option<(MemberId, Option<Input>)> {
    let mut old = std::mem::replace(&mut slot.active, slot.successor.take()?);
    (slot.change, slot.wanted, slot.spurned) = (None, None, None);
    slot.active.last_exit = slot.active.last_exit.take().or_else(|| old.last_exit.clone());
    let (from, to) = (old.generation, slot.active.generation);
    tracing::info!(name = %slot.name, "generation {to} takes over from {from}");
    let id = old.id;
    let input = match slot.role() {
        Role::Router => Some(Input::Down(drain)),
        Role::Worker => {
            old.leaving = Some(Leaving { revision: None, within: drain });
            None
        }
    };
    slot.retiring.push(old);
    Some((id, input))
}

/// The successor is given up; everything stays as it was.
fn fail(slot: &mut Slot, why: &str) -> Option<(MemberId, Option<Input>)> {
    let next = slot.successor.take()?;
    let (id, failed, stays) = (next.id, next.generation, slot.active.generation);
    let change = format!("generation {failed} did not become ready ({why}); generation {stays} stays");
    tracing::error!(name = %slot.name, "{change}");
    slot.active.last_exit = next.last_exit.clone().or_else(|| slot.active.last_exit.take());
    slot.change = Some(change);
    slot.spurned = next.fingerprint().map(str::to_owned);
    slot.retiring.push(next);
    Some((id, Some(Input::Stop)))
}
