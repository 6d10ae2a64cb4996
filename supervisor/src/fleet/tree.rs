//! Who exists: the router and one slot a provider, each with its generations. Holds and finds; decides
//! nothing.

use super::child::ChildId;
use super::member::{Member, MemberId, Work};
use protocol::ipc::control::Role;
use std::collections::BTreeMap;
use std::time::Instant;

/// The place of one child: the one in service, the one that will take over, and those that finish.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) active: Member,
    /// Takes over when it is ready.
    pub(crate) successor: Option<Member>,
    /// Finish their calls.
    pub(crate) retiring: Vec<Member>,
    pub(crate) hold: Hold,
    /// The replacement under way, or why the last one failed; for people.
    pub(crate) change: Option<String>,
    /// The configuration it still has to take over.
    pub(crate) awaits: Option<u64>,
    /// What it is to be by the newest configuration, when the one in service is not that.
    pub(crate) wanted: Option<Work>,
    /// The fingerprint of a wanted generation that did not become ready; not tried again by itself.
    pub(crate) spurned: Option<String>,
    /// Generations started so far.
    pub(crate) generations: u64,
    /// Unplanned restarts of members that are gone.
    pub(crate) former_restarts: u64,
    /// When a process of it crashed last.
    pub(super) crashed: Option<Instant>,
}

/// Whether a slot's child is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is to run.
    Free,
    /// The operator drained it.
    Operator,
    /// The configuration disables it.
    Disabled,
    /// The configuration no longer has it; the slot goes with its last process.
    Removed,
}

impl Slot {
    pub(crate) fn new(name: String, active: Member) -> Self {
        Self {
            name,
            active,
            successor: None,
            retiring: Vec::new(),
            hold: Hold::Free,
            change: None,
            awaits: None,
            wanted: None,
            spurned: None,
            generations: 0,
            former_restarts: 0,
            crashed: None,
        }
    }

    pub(crate) fn role(&self) -> Role {
        self.active.work.role()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        std::iter::once(&self.active).chain(&self.successor).chain(&self.retiring)
    }

    pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        std::iter::once(&mut self.active).chain(&mut self.successor).chain(&mut self.retiring)
    }

    /// Processes that are not reaped yet.
    pub(super) fn lives(&self) -> usize {
        self.members().filter(|m| m.live.is_some()).count()
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.former_restarts + self.members().map(|m| m.machine.restarts()).sum::<u64>()
    }

    /// No process is left, and none will come.
    pub(crate) fn is_stopped(&self) -> bool {
        self.members().all(|m| m.machine.is_stopped())
    }
}

/// See the module.
pub(crate) struct Tree {
    pub(crate) router: Slot,
    pub(crate) providers: BTreeMap<String, Slot>,
}

impl Tree {
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        std::iter::once(&self.router).chain(self.providers.values())
    }

    pub(crate) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        std::iter::once(&mut self.router).chain(self.providers.values_mut())
    }

    /// The slot of that provider, or the router's for `router` when no provider is called so.
    pub(crate) fn find(&mut self, target: &str) -> Option<&mut Slot> {
        match self.providers.get_mut(target) {
            Some(slot) => Some(slot),
            None if target == self.router.name => Some(&mut self.router),
            None => None,
        }
    }

    pub(crate) fn member(&mut self, id: MemberId) -> Option<&mut Member> {
        self.slots_mut().flat_map(Slot::members_mut).find(|m| m.id == id)
    }

    pub(crate) fn slot_of(&mut self, id: MemberId) -> Option<&mut Slot> {
        self.slots_mut().find(|slot| slot.members().any(|m| m.id == id))
    }

    /// Whose process that is; none once it has been reaped.
    pub(crate) fn owner_of(&self, child: ChildId) -> Option<MemberId> {
        self.slots().flat_map(Slot::members).find(|m| m.is_child(child)).map(|m| m.id)
    }
}
