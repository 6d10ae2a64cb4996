//! Keeps secrets unreadable at rest: envelope encryption under one master key, and the tokens and passwords
//! that are kept as hashes only.
//!
//! A secret is sealed with a data key of its own, and that key is wrapped by the master key. Both seals are
//! bound to the place of the secret (table, row, column) and its version, so that a ciphertext put elsewhere
//! does not open. Sealed bytes are stored by [`crate::store`]; there is no SQL here, and no clock.
//! No type that holds a plaintext has `Debug`, `Display`, `Clone` or `Serialize`, and each is wiped when dropped.

mod envelope;
pub(crate) mod error;
mod key_file;
pub(crate) mod master;
pub(crate) mod password;
mod random;
pub(crate) mod secret;
pub(crate) mod token;
pub(crate) mod unlock;

use crate::store::{ConfigStore, Edit, Sealed, SecretPlace, Stamp, StateDir, StoreError};
use arc_swap::ArcSwap;
use envelope::Seed;
use error::VaultError;
use master::{MasterKey, Ring};
use secret::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use unlock::{Keeper, MasterSource, Unlocked};

/// The open vault. Clones share its keys.
#[derive(Clone)]
pub(crate) struct Vault {
    ring: Arc<ArcSwap<Ring>>,
    keeper: Keeper,
    rotating: Arc<AtomicBool>,
}

/// The right to rotate, given back when dropped.
struct Turn(Arc<AtomicBool>);

impl Vault {
    /// Finds the master key (makes one at first start), finishes a rotation that was cut off, and adopts another
    /// key where the operator gave one.
    ///
    /// Errors: `WrongMaster` and `MissingMaster` leave everything as it was; a key is never made for a store
    /// that already has one.
    pub(crate) async fn unlock(
        store: &ConfigStore,
        dir: &StateDir,
        source: MasterSource,
        by: Stamp,
    ) -> Result<(Vault, Unlocked), VaultError> {
        unlock::unlock(store, dir, source, by).await
    }

    /// Seals a secret and puts it at its place, within a change. The same place gets the next version.
    pub(crate) fn put(
        &self,
        edit: &mut Edit<'_>,
        place: &SecretPlace,
        secret: &Secret,
    ) -> Result<(), StoreError> {
        let master_id = edit.master_id()?.unwrap_or_default();
        let version = edit.next_secret_version(place)?;
        let sealed = self.seal(&master_id, place, version, secret)?;
        edit.put_sealed(place, &sealed)
    }

    /// The secret at a place, if there is one. Fails closed: what does not open under its place is an error.
    pub(crate) async fn get(
        &self,
        store: &ConfigStore,
        place: SecretPlace,
    ) -> Result<Option<Secret>, VaultError> {
        let asked = place.clone();
        let Some(sealed) = store.read(move |view| view.sealed(&asked)).await? else { return Ok(None) };
        self.open(&place, &sealed).map(Some)
    }

    /// Opens a sealed secret that was read from its place.
    pub(crate) fn open(&self, place: &SecretPlace, sealed: &Sealed) -> Result<Secret, VaultError> {
        let ring = self.ring.load();
        let master = ring.find(&sealed.master_id)?;
        envelope::open(master, &envelope::Place::of(place), sealed)
    }

    /// Puts a new random master key in force: every data key is rewrapped in one transaction while secrets are
    /// read and written as before. Killed at any point, the next [`Vault::unlock`] goes on with the old key or
    /// the new one, whichever the store adopted. Returns how many secrets there were.
    ///
    /// Errors: `KeptOutside` when the master key comes from outside the state directory, `Rotating` while another
    /// rotation is under way.
    pub(crate) async fn rotate(&self, store: &ConfigStore, by: Stamp) -> Result<usize, VaultError> {
        let Keeper::StateDir(files) = &self.keeper else { return Err(VaultError::KeptOutside) };
        let _turn = Turn::take(&self.rotating)?;
        let adopted = store.read(|view| view.master_id()).await?.unwrap_or_default();
        let current = Arc::clone(self.ring.load().find(&adopted)?);
        // A rotation whose caller went away may have been committed without being finished.
        if files.next()?.is_some_and(|next| next.id() == adopted) {
            files.promote_next()?;
        }
        let next = Arc::new(MasterKey::random()?);
        files.write_next(&next)?;
        self.ring.store(Arc::new(Ring::of([current, Arc::clone(&next)])));
        let rewrapped = unlock::rewrap(store, &self.ring.load_full(), &next, by).await?;
        files.promote_next()?;
        self.ring.store(Arc::new(Ring::of([next])));
        Ok(rewrapped)
    }

    fn seal(
        &self,
        master_id: &str,
        place: &SecretPlace,
        version: i64,
        secret: &Secret,
    ) -> Result<Sealed, VaultError> {
        let ring = self.ring.load();
        let seed = Seed::random()?;
        envelope::seal(ring.find(master_id)?, &envelope::Place::of(place), version, secret, &seed)
    }
}

impl Turn {
    fn take(rotating: &Arc<AtomicBool>) -> Result<Turn, VaultError> {
        match rotating.swap(true, Ordering::AcqRel) {
            true => Err(VaultError::Rotating),
            false => Ok(Turn(Arc::clone(rotating))),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
