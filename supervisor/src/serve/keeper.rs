//! Keeps the configuration in force: reads the file's side again when it changes, puts what is stored beside it,
//! and tells the fleet. One task; whoever wants a change asks it through [`crate::control::Force`].

use super::reload::Reload;
use crate::control::{ForceOrder, Picture};
use crate::fleet::Fleet;
use crate::lifecycle::notify;
use protocol::control::{Refusal, RefusalKind};
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Orders that may wait; those that ask for the same are done together.
pub(super) const ORDERS: usize = 256;

/// See the module.
pub(super) struct Keeper {
    pub(super) reload: Reload,
    pub(super) fleet: Fleet,
    pub(super) orders: mpsc::Receiver<ForceOrder>,
    pub(super) picture: watch::Sender<Arc<Picture>>,
}

impl Keeper {
    /// Runs until nobody can order anything any more.
    pub(super) async fn run(mut self) {
        let mut look = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(ForceOrder::Reload(reply)) => {
                        let reloaded = self.reload().await;
                        // Whoever ordered may be gone by now.
                        let _ = reply.send(reloaded);
                    }
                    Some(ForceOrder::Refresh(reply)) => {
                        let _ = reply.send(Ok(self.reload.epoch));
                    }
                    Some(ForceOrder::Sockets(reply)) => {
                        let _ = reply.send(self.reload.ground.sockets.asked());
                    }
                    None => return,
                },
                _ = look.tick() => if self.reload.changed() {
                    // It has said in the log what came of it.
                    let _ = self.reload().await;
                },
            }
        }
    }

    /// The whole new configuration, or none of it.
    async fn reload(&mut self) -> Result<u64, Refusal> {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
        let reloaded = match self.reload.read() {
            Ok(spec) => match self.fleet.adopt(spec).await {
                Ok(()) => {
                    tracing::info!("configuration {} is in force", self.reload.epoch);
                    Ok(self.reload.epoch)
                }
                Err(why) => {
                    tracing::warn!("the configuration was not taken over: {why}");
                    Err(Refusal::new(RefusalKind::Unavailable, why))
                }
            },
            Err(why) => {
                tracing::error!("the configuration was rejected, the old one stays:\n{why}");
                Err(Refusal::new(RefusalKind::Invalid, why))
            }
        };
        self.picture.send_replace(Arc::new(self.reload.picture()));
        notify(&[NotifyState::Ready]);
        reloaded
    }
}
