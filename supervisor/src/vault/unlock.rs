//! Finds the master key the store was sealed with and puts it in force. Decides from what is on the disk alone,
//! so that it ends in the same place however often it was cut off before.

use super::Vault;
use super::envelope::{self, Place};
use super::error::VaultError;
use super::key_file::{KeyFiles, read_private};
use super::master::{MasterKey, Ring};
use crate::store::{ConfigStore, Stamp, StateDir};
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the master key comes from.
pub(crate) enum MasterSource {
    /// `master.key` in the state directory, made at first start.
    StateDir,
    /// A file somebody else keeps: a systemd credential, a mounted secret. If the store was sealed with another
    /// key so far, that one is `previous` or still in the state directory.
    File { current: PathBuf, previous: Option<PathBuf> },
    /// A key that was read elsewhere (an environment variable).
    Given { current: MasterKey, previous: Option<MasterKey> },
}

/// What unlocking did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlocked {
    /// First start: the store has its master key now.
    Adopted,
    /// The key was the one in force.
    AsBefore,
    /// A rotation that had been committed was finished.
    Finished,
    /// The operator gave another key: that many secrets were rewrapped.
    Rewrapped(usize),
}

/// Who keeps the key.
#[derive(Clone)]
pub(super) enum Keeper {
    StateDir(KeyFiles),
    Outside,
}

pub(super) async fn unlock(
    store: &ConfigStore,
    dir: &StateDir,
    source: MasterSource,
    by: Stamp,
) -> Result<(Vault, Unlocked), VaultError> {
    let files = KeyFiles::new(dir);
    let adopted = store.read(|view| view.master_id()).await?;
    match source {
        MasterSource::StateDir => from_state_dir(store, files, adopted, by).await,
        MasterSource::File { current, previous } => {
            let current = required(current)?;
            let previous = previous.map(required).transpose()?;
            from_outside(store, &files, adopted, (current, previous), by).await
        }
        MasterSource::Given { current, previous } => {
            from_outside(store, &files, adopted, (current, previous), by).await
        }
    }
}

/// Wraps every data key with `next`, in one transaction.
pub(super) async fn rewrap(
    store: &ConfigStore,
    ring: &Arc<Ring>,
    next: &Arc<MasterKey>,
    by: Stamp,
) -> Result<usize, VaultError> {
    let (ring, next) = (Arc::clone(ring), Arc::clone(next));
    let changed = store
        .change(by, move |edit| {
            edit.rotate_master(next.id(), |row| {
                let from = ring.find(&row.sealed.master_id)?;
                Ok(envelope::rewrap(from, &next, &Place::of_row(row), &row.sealed)?)
            })
        })
        .await?;
    Ok(changed.value)
}

async fn from_state_dir(
    store: &ConfigStore,
    files: KeyFiles,
    adopted: Option<String>,
    by: Stamp,
) -> Result<(Vault, Unlocked), VaultError> {
    let (current, next) = (files.current()?, files.next()?);
    let Some(adopted) = adopted else {
        let key = match current {
            Some(key) => key,
            None => {
                let key = MasterKey::random()?;
                files.write_current(&key)?;
                key
            }
        };
        let key = adopt(store, key, by).await?;
        return Ok((vault(key, Keeper::StateDir(files)), Unlocked::Adopted));
    };
    let is_adopted = |key: &MasterKey| key.id() == adopted;
    match (current, next) {
        (_, Some(next)) if is_adopted(&next) => {
            files.promote_next()?;
            Ok((vault(Arc::new(next), Keeper::StateDir(files)), Unlocked::Finished))
        }
        (Some(current), next) if is_adopted(&current) => {
            // A next key that was not adopted sealed nothing.
            if next.is_some() {
                files.remove_next()?;
            }
            Ok((vault(Arc::new(current), Keeper::StateDir(files)), Unlocked::AsBefore))
        }
        (Some(current), _) => {
            let (key, done) = replace(store, [files.retired(&adopted)?], &adopted, current, by).await?;
            Ok((vault(key, Keeper::StateDir(files)), done))
        }
        (None, Some(other)) => Err(VaultError::WrongMaster { adopted, found: other.id().to_owned() }),
        (None, None) => Err(VaultError::MissingMaster { adopted }),
    }
}

async fn from_outside(
    store: &ConfigStore,
    files: &KeyFiles,
    adopted: Option<String>,
    (current, previous): (MasterKey, Option<MasterKey>),
    by: Stamp,
) -> Result<(Vault, Unlocked), VaultError> {
    let Some(adopted) = adopted else {
        let key = adopt(store, current, by).await?;
        return Ok((vault(key, Keeper::Outside), Unlocked::Adopted));
    };
    if current.id() == adopted {
        return Ok((vault(Arc::new(current), Keeper::Outside), Unlocked::AsBefore));
    }
    let known = [previous, files.current()?, files.next()?, files.retired(&adopted)?];
    let (key, done) = replace(store, known, &adopted, current, by).await?;
    Ok((vault(key, Keeper::Outside), done))
}

/// Rewraps everything with `current`, given the key in force among those known. A restored backup that was made
/// under an older key comes here too.
async fn replace<const N: usize>(
    store: &ConfigStore,
    known: [Option<MasterKey>; N],
    adopted: &str,
    current: MasterKey,
    by: Stamp,
) -> Result<(Arc<MasterKey>, Unlocked), VaultError> {
    let Some(old) = known.into_iter().flatten().find(|key| key.id() == adopted) else {
        return Err(VaultError::WrongMaster { adopted: adopted.to_owned(), found: current.id().to_owned() });
    };
    let current = Arc::new(current);
    let ring = Arc::new(Ring::of([Arc::new(old), Arc::clone(&current)]));
    let rewrapped = rewrap(store, &ring, &current, by).await?;
    Ok((current, Unlocked::Rewrapped(rewrapped)))
}

async fn adopt(store: &ConfigStore, key: MasterKey, by: Stamp) -> Result<Arc<MasterKey>, VaultError> {
    let key = Arc::new(key);
    let adopted = Arc::clone(&key);
    store.change(by, move |edit| edit.adopt_master(adopted.id())).await?;
    Ok(key)
}

fn required(path: PathBuf) -> Result<MasterKey, VaultError> {
    let missing = || VaultError::File {
        action: "read",
        path: path.display().to_string(),
        source: std::io::ErrorKind::NotFound.into(),
    };
    read_private(&path)?.ok_or_else(missing)
}

fn vault(key: Arc<MasterKey>, keeper: Keeper) -> Vault {
    let ring = Arc::new(ArcSwap::from_pointee(Ring::of([key])));
    Vault { ring, keeper, rotating: Arc::default() }
}
