//! The end of the fleet, in order: the router finishes its clients, then the workers go. Or faster.

use super::machine::Input;
use super::member::MemberId;
use super::owner::Owner;
use super::tree::Slot;
use super::{Outcome, StopMode};
use std::time::{Duration, Instant};

/// Without a router nobody sends calls any more; this is for those that still end.
const LAST_CALLS: Duration = Duration::from_millis(500);

/// How far the end has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing ends.
    Running,
    /// The router drains; the workers serve on until then.
    Router { until: Instant },
    /// Everything has been told to go.
    Last,
}

impl Owner {
    /// Begins to end, or ends faster.
    pub(super) fn begin_stop(&mut self, mode: StopMode) {
        match (mode, self.stage) {
            (StopMode::Drain, Stage::Running) => {
                tracing::info!("stopping: draining for up to {} s", self.drain.as_secs());
                let names: Vec<String> = self.tree.slots().map(|slot| slot.name.clone()).collect();
                names.iter().for_each(|name| self.discard_successor(name));
                self.stage = Stage::Router { until: Instant::now() + self.drain };
                self.put(self.tree.router.active.id, Input::Down(self.drain));
            }
            (StopMode::Drain, Stage::Router { .. } | Stage::Last) => {}
            (StopMode::Fast, _) => self.everyone(Input::Stop),
            (StopMode::Cut, _) => self.everyone(Input::Cut),
        }
    }

    /// The tree is not to be trusted any more: everything goes, and the caller is told why.
    pub(super) fn escalate(&mut self, reason: String) {
        tracing::error!("giving up, everything is to be started afresh: {reason}");
        self.outcome = Outcome::Escalated(reason);
        // Not from here, a machine is in the middle of its step: the next turn does it.
        self.stage = match self.stage {
            Stage::Running | Stage::Router { .. } => Stage::Router { until: Instant::now() },
            Stage::Last => Stage::Last,
        };
    }

    /// The router is gone or its time is over: the workers follow. True if they were told just now.
    pub(super) fn advance_stop(&mut self) -> bool {
        let Stage::Router { until } = self.stage else { return false };
        let escalated = matches!(self.outcome, Outcome::Escalated(_));
        if escalated {
            self.everyone(Input::Stop);
        } else if self.tree.router.is_stopped() {
            self.everyone(Input::Down(until.saturating_duration_since(Instant::now()).max(LAST_CALLS)));
        }
        self.stage == Stage::Last
    }

    fn everyone(&mut self, input: Input) {
        self.stage = Stage::Last;
        let members: Vec<MemberId> = self.tree.slots().flat_map(Slot::members).map(|m| m.id).collect();
        for id in members {
            if let Some(member) = self.tree.member(id) {
                member.leaving = None;
            }
            self.put(id, input.clone());
        }
    }

    /// It was to end, and nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.stage != Stage::Running && self.tree.slots().all(Slot::is_stopped)
    }
}
