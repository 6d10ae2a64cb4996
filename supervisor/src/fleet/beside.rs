//! What the routers that run beside each other hold, told to each other: a limit of calls at once is one for all of
//! them, while one finishes and its successor serves. Decides nothing.

use super::child::ChildId;
use super::member::MemberId;
use super::owner::Owner;
use super::shell::Shell;
use super::tree::Slot;
use protocol::ipc::configure::WorkerState;
use protocol::ipc::control::ToChild;
use protocol::ipc::notice::{Beside, Memory, SavedPlaces};
use serde::Deserialize;
use zeroize::Zeroizing;

/// What is read of a memory.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    places: Vec<SavedPlaces>,
}

impl Owner {
    /// A router has said what it holds, among other things. One that cannot be understood has said nothing.
    pub(super) fn places_told(&mut self, child: ChildId, body: &[u8]) {
        let slot = &mut self.tree.router;
        if slot.lives() < 2 {
            return;
        }
        let Some(member) = slot.members_mut().find(|m| m.is_child(child)) else { return };
        let Some(places) = read(body).filter(|places| *places != member.places) else { return };
        member.places = places;
        self.shell.tell_beside(&self.tree.router, Some(child));
    }

    /// Another router was started. What the one in service holds was in its memory while it ran alone; the new one
    /// has heard that memory.
    pub(super) fn router_started(&mut self, id: MemberId) {
        let active = &mut self.tree.router.active;
        if active.id != id
            && active.live.is_some()
            && let Some(places) = read(&self.shell.grounds.memory)
        {
            active.places = places;
        }
        self.shell.tell_beside(&self.tree.router, None);
    }

    /// A router is ready, and hears of others beside it.
    pub(super) fn router_ready(&mut self) {
        if self.tree.router.lives() > 1 {
            self.shell.tell_beside(&self.tree.router, None);
        }
    }
}

impl Shell {
    /// Tells every router that has been ready, or all but one, what the others hold.
    pub(super) fn tell_beside(&self, slot: &Slot, but: Option<ChildId>) {
        let ready = slot.members().filter(|m| m.machine.state() != WorkerState::Starting);
        for live in ready.filter_map(|m| m.live.as_ref()).filter(|live| Some(live.child.id) != but) {
            let beside = Some(beside(slot, live.child.id));
            let body = serde_json::to_vec(&Memory { beside, ..Memory::default() }).unwrap_or_default();
            // A child that takes nothing will be found out by others.
            let _ = live.child.send(ToChild::Recall, Zeroizing::new(body));
        }
    }
}

fn read(memory: &[u8]) -> Option<Vec<SavedPlaces>> {
    serde_json::from_slice::<Said>(memory).ok().map(|said| said.places)
}

fn beside(slot: &Slot, child: ChildId) -> Beside {
    let others = slot.members().filter(|m| m.live.is_some() && !m.is_child(child));
    let mut all = Beside::default();
    for member in others {
        all.routers += 1;
        for told in &member.places {
            match all.places.iter_mut().find(|known| known.of == told.of) {
                Some(known) => known.taken = known.taken.saturating_add(told.taken),
                None => all.places.push(told.clone()),
            }
        }
    }
    all
}
