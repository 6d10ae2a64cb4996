//! How far a configuration is in force: who has not taken it over yet, and whether that is still to be expected.

use super::member::{ROUTER, Work};
use super::owner::Owner;
use super::tree::{Hold, Slot};
use protocol::control::Pending;
use protocol::ipc::configure::WorkerState;

/// What the fleet lets everyone know of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The newest configuration it was given.
    pub(crate) epoch: u64,
    pub(super) behind: Vec<Behind>,
}

/// Somebody who is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    /// The configuration it has to take over.
    epoch: u64,
    pending: Pending,
    /// It may come by itself soon; else it stays as it is until somebody does something.
    moving: bool,
}

impl Progress {
    /// Nobody is on the way to that configuration any more: they are there, or will not come.
    pub(super) fn is_settled(&self, epoch: u64) -> bool {
        self.epoch >= epoch && !self.behind.iter().any(|behind| behind.epoch >= epoch && behind.moving)
    }

    /// Who has not taken over that configuration.
    pub(super) fn pending(&self, epoch: u64) -> Vec<Pending> {
        let late = self.behind.iter().filter(|behind| behind.epoch >= epoch);
        late.map(|behind| behind.pending.clone()).collect()
    }
}

impl Owner {
    /// Lets everyone know who is behind now.
    pub(super) fn report(&mut self) {
        let mut behind = Vec::new();
        behind.extend(self.router_behind());
        for slot in self.tree.providers.values_mut() {
            match worker_behind(slot) {
                Some(found) => behind.push(found),
                None => slot.awaits = None,
            }
        }
        let progress = Progress { epoch: self.shell.epoch, behind };
        self.progress.send_if_modified(|now| {
            let changed = *now != progress;
            *now = progress;
            changed
        });
    }

    fn router_behind(&self) -> Option<Behind> {
        let slot = &self.tree.router;
        let (epoch, revision) = self.mark;
        let behind = |reason: String, moving| {
            let pending = Pending { process: ROUTER.to_owned(), reason };
            Some(Behind { epoch, pending, moving })
        };
        if slot.successor.is_some() {
            return behind("a new generation is starting".to_owned(), true);
        }
        if let Some(change) = &slot.change {
            return behind(change.clone(), false);
        }
        if let Some(reason) = &slot.active.refused {
            return behind(format!("it refused the configuration: {reason}"), false);
        }
        match slot.active.machine.state() {
            WorkerState::Ready | WorkerState::Degraded if slot.active.acked < revision => {
                behind("it has not acknowledged the configuration".to_owned(), true)
            }
            WorkerState::Starting => behind(slot.active.machine.explain(), true),
            // What is not alive takes the newest configuration when it comes.
            _ => None,
        }
    }
}

fn worker_behind(slot: &Slot) -> Option<Behind> {
    let epoch = slot.awaits?;
    let behind = |reason: String, moving| {
        Some(Behind { epoch, pending: Pending { process: slot.name.clone(), reason }, moving })
    };
    match slot.hold {
        Hold::Free => {}
        Hold::Operator | Hold::Disabled | Hold::Removed => return None,
    }
    if slot.successor.is_some() {
        return behind("a new generation is starting".to_owned(), true);
    }
    if let Some(change) = &slot.change {
        return behind(change.clone(), false);
    }
    if slot.retiring.iter().any(|replaced| replaced.leaving.is_some()) {
        return behind("calls still go to the former generation".to_owned(), true);
    }
    match slot.active.machine.state() {
        WorkerState::Ready | WorkerState::Degraded if slot.active.acked >= slot.active.sent => None,
        WorkerState::Ready | WorkerState::Degraded => {
            behind("it has not acknowledged the configuration".to_owned(), true)
        }
        WorkerState::Starting | WorkerState::Draining => behind(slot.active.machine.explain(), true),
        WorkerState::Backoff | WorkerState::Failed => behind(slot.active.machine.explain(), false),
        WorkerState::Stopped => None,
    }
}

impl Slot {
    /// What it is to be started with next, by the newest configuration.
    pub(super) fn newest(&self) -> Work {
        self.wanted.as_ref().unwrap_or(&self.active.work).clone()
    }
}
