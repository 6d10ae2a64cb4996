//! Keeps the configuration in force: reads the file's side again when it changes, puts what is stored beside it,
//! and tells the fleet. One task; whoever wants a change asks it through [`crate::control::Force`].

use super::reload::Reload;
use crate::control::{ForceOrder, Keyring, Picture, now, refused, rows};
use crate::fleet::Fleet;
use crate::lifecycle::notify;
use crate::people::Actor;
use crate::record::journal::{Happened, Journal};
use crate::settings::Stored;
use crate::store::config::Reserve;
use crate::store::provider_keys::KeyOutcome;
use crate::store::snapshot::Snapshot;
use crate::store::{ConfigStore, StoreError, UnixMs};
use crate::vault::Vault;
use protocol::control::{Refusal, RefusalKind};
use protocol::ipc::control::KeyNews;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Orders that may wait; those that ask for the same are done together.
pub(super) const ORDERS: usize = 256;
/// Longest sleep until something that expires is looked for again.
const LONGEST: i64 = 3_600_000;
/// A key rests for so long when the provider does not say.
const REST: i64 = 60_000;

/// See the module.
pub(super) struct Keeper {
    pub(super) reload: Reload,
    pub(super) shelf: Shelf,
    pub(super) fleet: Fleet,
    pub(super) orders: mpsc::Receiver<ForceOrder>,
    pub(super) picture: watch::Sender<Arc<Picture>>,
    pub(super) journal: Journal,
}

/// The store's side: where it is read from, and which keys are in use.
pub(super) struct Shelf {
    pub(super) store: ConfigStore,
    pub(super) vault: Vault,
    pub(super) keyring: Keyring,
}

impl Shelf {
    /// What is stored now, with the keys that are to be used.
    pub(super) async fn read(&mut self) -> Result<(Snapshot, Stored), StoreError> {
        let at = now();
        let snapshot = self.store.read(move |view| view.snapshot(at)).await?;
        self.keyring.choose(&snapshot, at);
        let opened = self.keyring.open(&snapshot, &self.store, &self.vault).await;
        let stored = rows::stored(&snapshot, |provider| opened.given(provider));
        Ok((snapshot, stored))
    }
}

impl Keeper {
    /// Runs until nobody can order anything any more.
    pub(super) async fn run(mut self) {
        let mut look = tokio::time::interval(Duration::from_secs(1));
        loop {
            let expiry = self.next_expiry(now());
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(ForceOrder::Reload(reply)) => {
                        let reloaded = self.reload().await;
                        // Whoever ordered may be gone by now.
                        let _ = reply.send(reloaded);
                    }
                    Some(ForceOrder::Refresh(reply)) => self.refresh_for(reply).await,
                    Some(ForceOrder::Key { provider, news }) => self.key_news(&provider, news).await,
                    Some(ForceOrder::Sockets(reply)) => {
                        let _ = reply.send(self.reload.ground.sockets.asked());
                    }
                    None => return,
                },
                _ = look.tick() => if self.reload.changed() {
                    // It has said in the log what came of it.
                    let _ = self.reload().await;
                },
                () = tokio::time::sleep(expiry) => if let Err(refusal) = self.refresh().await {
                    tracing::warn!("an expired key could not be taken away: {refusal}");
                },
            }
        }
    }

    /// Refreshes once for everyone who has asked for it by now.
    async fn refresh_for(&mut self, reply: oneshot::Sender<Result<u64, Refusal>>) {
        let mut replies = vec![reply];
        let (mut reload, mut keys) = (None, Vec::new());
        while let Ok(order) = self.orders.try_recv() {
            match order {
                ForceOrder::Refresh(reply) => replies.push(reply),
                ForceOrder::Key { provider, news } => keys.push((provider, news)),
                ForceOrder::Sockets(reply) => {
                    let _ = reply.send(self.reload.ground.sockets.asked());
                }
                ForceOrder::Reload(reply) => {
                    reload = Some(reply);
                    break;
                }
            }
        }
        let refreshed = self.refresh().await;
        for reply in replies {
            let _ = reply.send(refreshed.clone());
        }
        for (provider, news) in keys {
            self.key_news(&provider, news).await;
        }
        if let Some(reply) = reload {
            let _ = reply.send(self.reload().await);
        }
    }

    /// Notes what a provider thinks of a key. When another one is fitter now, the worker's next generation has it;
    /// the present one serves until that is ready.
    async fn key_news(&mut self, provider: &str, news: KeyNews) {
        let row = self.reload.snapshot().providers.iter().find(|row| row.spec.name == provider);
        let Some(key) = row.and_then(|row| self.shelf.keyring.given(row.id)) else { return };
        let at = now();
        let outcome = match news {
            KeyNews::Worked => KeyOutcome::Worked,
            KeyNews::Refused => KeyOutcome::Refused,
            KeyNews::Exhausted { retry_after_ms } => {
                let rest = retry_after_ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(REST);
                KeyOutcome::Rest(at.plus_ms(rest.clamp(1_000, LONGEST)))
            }
        };
        let noted = self.shelf.store.note(Reserve::Keep, move |note| note.note_key(key, outcome, at)).await;
        if let Err(error) = noted {
            return tracing::warn!("what {provider} thinks of its key was not noted: {error}");
        }
        if outcome == KeyOutcome::Worked {
            return;
        }
        tracing::warn!("{provider} does not take its key now ({news:?})");
        if let Err(refusal) = self.refresh().await {
            tracing::warn!("{provider} keeps its key: {refusal}");
        }
    }

    /// Puts in force what is stored now.
    async fn refresh(&mut self) -> Result<u64, Refusal> {
        let (snapshot, stored) = self.shelf.read().await.map_err(refused)?;
        self.reload
            .refresh(snapshot, &stored)
            .map_err(|why| Refusal::new(RefusalKind::Invalid, format!("the configuration file: {why}")))?;
        self.tell().await
    }

    /// The whole new configuration, or none of it.
    async fn reload(&mut self) -> Result<u64, Refusal> {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
        let reloaded = self.read_file().await;
        self.reload.error = reloaded.as_ref().err().map(|refusal| refusal.message.clone());
        match &reloaded {
            Ok(epoch) => {
                tracing::info!("configuration {epoch} is in force");
                let sentence = format!("the file was read again; configuration {epoch} is in force");
                self.journal.tell(Happened::info("config.changed", "config", sentence).with("epoch", *epoch));
            }
            Err(refusal) => {
                let why = &refusal.message;
                tracing::error!("the configuration was rejected, the old one stays:\n{why}");
                let sentence = format!("the file was rejected, the configuration stays as it was: {why}");
                self.journal.tell(Happened::warning("config.rejected", "config", sentence));
            }
        }
        self.picture.send_replace(Arc::new(self.reload.picture()));
        notify(&[NotifyState::Ready]);
        reloaded
    }

    async fn read_file(&mut self) -> Result<u64, Refusal> {
        let (_, stored) = self.shelf.read().await.map_err(refused)?;
        let invalid = |why| Refusal::new(RefusalKind::Invalid, why);
        let read = self.reload.read(&stored).map_err(invalid)?;
        let origin = self.reload.picture().origin;
        let by = Actor::file(&origin).stamp(now());
        self.shelf.store.change(by, move |edit| edit.file_was_read(&origin)).await.map_err(refused)?;
        let (snapshot, _) = self.shelf.read().await.map_err(refused)?;
        self.reload.take(read, snapshot);
        self.tell().await
    }

    async fn tell(&mut self) -> Result<u64, Refusal> {
        let adopted = self.fleet.adopt(self.reload.spec()).await;
        self.picture.send_replace(Arc::new(self.reload.picture()));
        adopted.map_err(|why| Refusal::new(RefusalKind::Unavailable, why))?;
        Ok(self.reload.epoch())
    }

    /// Until the next key of an app expires.
    fn next_expiry(&self, at: UnixMs) -> Duration {
        let expiries = self.reload.snapshot().app_keys.iter().filter_map(|key| key.expires_at);
        let next = expiries.map(|expiry| expiry.0.saturating_sub(at.0)).min().unwrap_or(LONGEST);
        Duration::from_millis(next.clamp(1, LONGEST).unsigned_abs())
    }
}
