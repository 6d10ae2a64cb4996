//! Questions that cross the control conversations: an operator's, which a router passes on to whoever answers
//! for the supervisor, and ours to a child. Carries them; understands neither.

use super::Question;
use super::child::ChildId;
use super::owner::Owner;
use super::spec::Upward;
use super::tree::Slot;
use protocol::control::{ControlReply, RefusalKind};
use protocol::ipc::control::{KeyNews, Role, ToChild};
use protocol::ipc::question::{self, Reply};
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Questions of ours without an answer; more are refused.
const MAX_OPEN: usize = 256;

/// Questions of ours under way.
#[derive(Default)]
pub(super) struct Questions {
    asked: u64,
    open: BTreeMap<u64, (ChildId, oneshot::Sender<Result<Reply, String>>)>,
}

impl Questions {
    /// How many were asked so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Goes on counting from there.
    pub(super) fn resume(&mut self, asked: u64) {
        self.asked = asked;
    }

    /// The child is gone, and so are its answers.
    pub(super) fn forget(&mut self, child: ChildId) {
        // Dropping the sender tells whoever waits.
        self.open.retain(|_, (of, reply)| *of != child && !reply.is_closed());
    }
}

impl Owner {
    /// A router passes on what an operator asks.
    pub(super) fn passed_on(&mut self, child: ChildId, seq: u64, body: Zeroizing<Vec<u8>>) {
        if !self.is_router(child) {
            return tracing::warn!("a worker asked what only operators ask; ignored");
        }
        let asked = Upward::Ask { child, seq, body };
        if self.shell.grounds.upward.try_send(asked).is_err() {
            let busy = ControlReply::refused(RefusalKind::Unavailable, "too many questions wait already");
            self.answer(child, seq, serde_json::to_vec(&busy).unwrap_or_default());
        }
    }

    /// A router tells what is not the fleet's business. While nobody reads it is lost: it is for people.
    pub(super) fn told(&mut self, child: ChildId, upward: Upward) {
        if self.is_router(child) && self.shell.grounds.upward.try_send(upward).is_err() {
            tracing::warn!("what a router told was dropped: too much waits already");
        }
    }

    /// A router says what the next one must know. Only the one in service does: what one that leaves knows is older
    /// than what its successor has seen since, and what one that is not ready knows is its predecessor's.
    pub(super) fn remember(&mut self, child: ChildId, body: Zeroizing<Vec<u8>>) {
        let serves = self.tree.router.active.is_child(child);
        self.places_told(child, &body);
        if serves {
            self.shell.grounds.memory = body.to_vec();
            self.told(child, Upward::Memory { body });
        }
    }

    /// A worker in service tells what its provider thinks of its key; what one that leaves says is about a key that
    /// is no longer in use.
    pub(super) fn key_news(&mut self, child: ChildId, news: KeyNews) {
        let is_it = |slot: &&Slot| slot.active.is_child(child);
        let Some(provider) = self.tree.providers.values().find(is_it).map(|slot| slot.name.clone()) else {
            return;
        };
        if self.shell.grounds.upward.try_send(Upward::Key { provider, news }).is_err() {
            tracing::warn!("what a worker told of its key was dropped: too much waits already");
        }
    }

    fn is_router(&mut self, child: ChildId) -> bool {
        let member = self.tree.owner_of(child).and_then(|id| self.tree.member(id));
        member.is_some_and(|member| member.work.role() == Role::Router)
    }

    /// The answer to what a router passed on. An answer for a router that is gone, or that does not read, is lost.
    pub(super) fn answer(&mut self, child: ChildId, seq: u64, body: Vec<u8>) {
        let member = self.tree.owner_of(child).and_then(|id| self.tree.member(id));
        let Some(live) = member.and_then(|member| member.live.as_ref()) else { return };
        if let Err(why) = live.child.send(ToChild::Answer { seq }, Zeroizing::new(body)) {
            tracing::warn!("an answer to the router was dropped: {why}");
        }
    }

    /// Asks the process in service of a provider, or the router.
    pub(super) fn question(&mut self, question: Question) {
        let Question { target, question, reply } = question;
        if let Err(why) = self.pose(&target, &question) {
            // Whoever asked may be gone by now.
            let _ = reply.send(Err(why));
            return;
        }
        let Some(child) = self.tree.find(&target).and_then(|slot| slot.active.live.as_ref()) else { return };
        self.questions.open.insert(self.questions.asked, (child.child.id, reply));
    }

    fn pose(&mut self, target: &str, question: &question::Question) -> Result<(), String> {
        let unknown = self.unknown(target);
        self.questions.open.retain(|_, (_, reply)| !reply.is_closed());
        if self.questions.open.len() >= MAX_OPEN {
            return Err("too many questions are under way".to_owned());
        }
        let slot = self.tree.find(target).ok_or(unknown)?;
        if !slot.active.machine.is_serving() {
            return Err(format!("{target} does not answer: {}", slot.active.machine.explain()));
        }
        let live = slot.active.live.as_ref().ok_or_else(|| format!("{target} is not running"))?;
        let body = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        self.questions.asked += 1;
        let seq = self.questions.asked;
        live.child.send(ToChild::Ask { seq }, Zeroizing::new(body)).map_err(str::to_owned)
    }

    /// A child answers.
    pub(super) fn answered(&mut self, child: ChildId, seq: u64, body: &[u8]) {
        let asked = self.questions.open.get(&seq).is_some_and(|(of, _)| *of == child);
        let Some((_, reply)) = asked.then(|| self.questions.open.remove(&seq)).flatten() else { return };
        let read =
            serde_json::from_slice(body).map_err(|error| format!("the answer cannot be read: {error}"));
        let _ = reply.send(read);
    }
}
