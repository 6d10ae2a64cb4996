//! The process tree: which children run, and what happens when they don't.
//!
//! * [`machine`]: the life of one child, pure; [`policy`]: when to restart; [`exit`]: how a child ended.
//! * [`tree`], [`member`]: who exists. [`routing`], [`status`]: that as the router and as people see it;
//!   [`progress`]: who has taken over a configuration.
//! * [`owner`]: the one task that decides, with [`change`] (replacement), [`orders`] (operators),
//!   [`questions`] (what crosses) and [`stop`]; [`shell`] and [`alarm`]: its hands and its clock.
//! * [`greed`]: who takes too much of the processors, pure; [`rank`]: lets it stand behind.
//! * [`child`]: the one place that starts processes; [`output`]: what they write.
//! * [`spec`]: what is wanted. [`happening`]: what is worth keeping of what happens.
//!
//! It never sees a client's byte, never opens the store, and knows neither HTTP nor the settings.

mod alarm;
mod beside;
mod change;
mod child;
mod exit;
mod greed;
mod handover;
mod happening;
mod machine;
mod member;
mod orders;
mod output;
mod owner;
mod pause;
mod policy;
mod process;
mod progress;
mod questions;
mod rank;
mod routing;
mod shell;
mod spec;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use child::{ChildId, become_program};
pub(crate) use handover::{FleetHandover, FleetImage};
pub(crate) use happening::{Happening, Weight};
pub(crate) use owner::Owner;
pub(crate) use spec::{
    Bound, FleetSpec, Grounds, Identity, Invocation, Key, ProviderSpec, RouterSpec, Switch, Upward,
};
pub(crate) use status::FleetStatus;

use futures_util::future::BoxFuture;
use progress::Progress;
use protocol::control::Pending;
use protocol::ipc::question;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopMode {
    /// Finish what is in flight within the drain timeout: router first, then workers.
    Drain,
    /// Tell every process to end now; kill what is left a moment later.
    Fast,
    /// Kill everything.
    Cut,
}

/// How the fleet ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was told to.
    Stopped,
    /// The router cannot be kept alive: start everything afresh.
    Escalated(String),
}

/// What the fleet lets everyone know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    Starting,
    /// A router has been ready.
    Serving,
}

/// Something an operator asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A provider's name, or `router`.
    Restart {
        target: String,
    },
    Drain {
        provider: String,
        /// The configured drain timeout when absent.
        within: Option<Duration>,
    },
    Resume {
        provider: String,
    },
}

/// What the owner is told.
pub(crate) enum Order {
    Adopt(Box<FleetSpec>, oneshot::Sender<Result<(), String>>),
    Ask(Ask, oneshot::Sender<Result<String, String>>),
    Status(oneshot::Sender<FleetStatus>),
    /// Children are started from that executable from now on; none = our own.
    Program(Option<PathBuf>),
    /// Come to rest: the reply resolves when everyone has.
    Rest(oneshot::Sender<BoxFuture<'static, ()>>),
    /// Describe everyone and do nothing until the receiver resolves; on an error go on at once.
    HandOver(oneshot::Receiver<()>, oneshot::Sender<Result<FleetHandover, String>>),
    Question(Question),
    Answer {
        child: ChildId,
        seq: u64,
        body: Vec<u8>,
    },
    Stop(StopMode),
}

/// A question to a child, and where its reply goes.
pub(crate) struct Question {
    /// A provider's name, or `router`.
    pub(crate) target: String,
    pub(crate) question: question::Question,
    pub(crate) reply: oneshot::Sender<Result<question::Reply, String>>,
}

/// The fleet from outside.
#[derive(Clone)]
pub(crate) struct Fleet {
    orders: mpsc::Sender<Order>,
    announced: watch::Receiver<Announcement>,
    progressed: watch::Receiver<Progress>,
}

/// The refusal of a fleet that has ended.
fn gone() -> String {
    "llm-link has stopped".to_owned()
}

impl Fleet {
    /// Puts a configuration in force. Answers when the changes have begun.
    ///
    /// # Errors
    /// A text for people: the fleet is stopping.
    pub(crate) async fn adopt(&self, spec: FleetSpec) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Adopt(Box::new(spec), reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Waits until everybody concerned has taken over that configuration, at most so long; says who has not.
    pub(crate) async fn settled(&self, epoch: u64, within: Duration) -> Vec<Pending> {
        let mut progressed = self.progressed.clone();
        let settled = progressed.wait_for(|progress| progress.is_settled(epoch));
        if let Ok(Ok(progress)) = tokio::time::timeout(within, settled).await {
            return progress.pending(epoch);
        }
        self.progressed.borrow().pending(epoch)
    }

    /// Asks for something; the answer and the refusal are for people.
    ///
    /// # Errors
    /// Why it is not done.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<String, String> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Ask(ask, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// How everyone is doing; none when the fleet has ended.
    pub(crate) async fn status(&self) -> Option<FleetStatus> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Status(reply)).await.ok()?;
        answer.await.ok()
    }

    /// From which executable children are started from now on; none = our own.
    pub(crate) async fn use_program(&self, program: Option<PathBuf>) {
        let _ = self.orders.send(Order::Program(program)).await;
    }

    /// Brings everyone to rest and describes them. The fleet does nothing more until the sender that comes with the
    /// description is used or dropped.
    ///
    /// # Errors
    /// A text for people: something is just starting or ending. Everything goes on.
    pub(crate) async fn hand_over(&self) -> Result<(FleetHandover, oneshot::Sender<()>), String> {
        let (reply, resting) = oneshot::channel();
        self.orders.send(Order::Rest(reply)).await.map_err(|_| gone())?;
        resting.await.map_err(|_| gone())?.await;
        let (thaw, thawed) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::HandOver(thawed, reply)).await.map_err(|_| gone())?;
        Ok((answer.await.map_err(|_| gone())??, thaw))
    }

    /// Asks the process in service of a provider, or `router`; waits for it as long as is said.
    ///
    /// # Errors
    /// A text for people: why there is no answer.
    pub(crate) async fn question(
        &self,
        target: &str,
        question: question::Question,
        within: Duration,
    ) -> Result<question::Reply, String> {
        let (reply, answer) = oneshot::channel();
        let order = Question { target: target.to_owned(), question, reply };
        self.orders.send(Order::Question(order)).await.map_err(|_| gone())?;
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(format!("{target} ended before it answered")),
            Err(_) => Err(format!("{target} did not answer within {} s", within.as_secs())),
        }
    }

    /// Answers what a router passed on.
    pub(crate) async fn answer(&self, child: ChildId, seq: u64, body: Vec<u8>) {
        // A fleet that has ended has no router that waits.
        let _ = self.orders.send(Order::Answer { child, seq, body }).await;
    }

    /// Begins to end; [`Owner::run`] returns when it has.
    pub(crate) async fn stop(&self, mode: StopMode) {
        // A fleet that has ended needs no telling.
        let _ = self.orders.send(Order::Stop(mode)).await;
    }

    /// Resolves when a router has become ready for the first time; pending for ever if the fleet ends before.
    pub(crate) async fn serving(&mut self) {
        if self.announced.wait_for(|now| *now == Announcement::Serving).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
