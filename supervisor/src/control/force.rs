//! The configuration in force as everyone sees it, and the way to put another one there. The composition root
//! keeps it (it owns the file's side, the sockets and the fleet's specification); this is the handle.

use super::Check;
use crate::settings::Settings;
use crate::store::snapshot::Snapshot;
use protocol::control::{ListenerStatus, Refusal, RefusalKind};
use protocol::ipc::control::KeyNews;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What is in force.
#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) epoch: u64,
    /// Where the file's side comes from: a path, or what stands in for one.
    pub(crate) origin: String,
    /// Why the last reading of the file was rejected; its side is older then.
    pub(crate) reload_error: Option<String>,
    pub(crate) listeners: Vec<ListenerStatus>,
    /// Both sides, resolved.
    pub(crate) settings: Arc<Settings>,
    /// What was stored then.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Whether a change of it could be put in force.
    pub(crate) check: Check,
}

/// What the keeper is told. Answered with the epoch now in force.
pub(crate) enum ForceOrder {
    /// Put in force what is stored now.
    Refresh(oneshot::Sender<Result<u64, Refusal>>),
    /// What a provider thinks of the key its worker has.
    Key { provider: String, news: KeyNews },
    /// Read the file again, whole or not at all.
    Reload(oneshot::Sender<Result<u64, Refusal>>),
    /// Which listening sockets are open, and the addresses they were asked for.
    Sockets(oneshot::Sender<Vec<(SocketAddr, Arc<TcpListener>)>>),
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Force {
    orders: mpsc::Sender<ForceOrder>,
    picture: watch::Receiver<Arc<Picture>>,
}

impl Force {
    pub(crate) fn new(orders: mpsc::Sender<ForceOrder>, picture: watch::Receiver<Arc<Picture>>) -> Force {
        Force { orders, picture }
    }

    /// What is in force now.
    pub(crate) fn now(&self) -> Arc<Picture> {
        Arc::clone(&self.picture.borrow())
    }

    /// Puts what is stored in force; answers when the processes have been told.
    pub(crate) async fn refresh(&self) -> Result<u64, Refusal> {
        self.order(ForceOrder::Refresh).await
    }

    /// Reads the configuration file again and puts it in force; on a mistake everything stays as it was.
    pub(crate) async fn reload(&self) -> Result<u64, Refusal> {
        self.order(ForceOrder::Reload).await
    }

    /// A provider has an opinion of the key its worker has. When nobody has time it is lost: the next call says it
    /// again, in another generation at the latest.
    pub(crate) fn key_news(&self, provider: String, news: KeyNews) {
        if self.orders.try_send(ForceOrder::Key { provider, news }).is_err() {
            tracing::warn!("what a provider thinks of its key was not noted: too much waits already");
        }
    }

    /// The listening sockets, each with the address it was asked for.
    pub(crate) async fn sockets(&self) -> Result<Vec<(SocketAddr, Arc<TcpListener>)>, Refusal> {
        let gone = || Refusal::new(RefusalKind::Unavailable, "llm-link is stopping");
        let (reply, answer) = oneshot::channel();
        self.orders.send(ForceOrder::Sockets(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    async fn order(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<u64, Refusal>>) -> ForceOrder,
    ) -> Result<u64, Refusal> {
        let gone = || Refusal::new(RefusalKind::Unavailable, "llm-link is stopping");
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
