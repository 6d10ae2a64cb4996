//! Opens what is durable, in order: the two databases with their migrations, then the vault. What cannot be
//! opened as it is ends the start; nothing is made in its place.

use crate::cli::EXIT_CONFIGURATION;
use crate::control::now;
use crate::people::Actor;
use crate::settings::{Host, MasterKeyAt, Mistakes, Secrets, Settings, master_key};
use crate::store::config::Reserve;
use crate::store::{ConfigStore, StateDir, StoreError, UsageStore};
use crate::vault::Vault;
use crate::vault::error::VaultError;
use crate::vault::master::MasterKey;
use crate::vault::unlock::{MasterSource, Unlocked};
use anyhow::Context;
use zeroize::Zeroizing;

/// What is durable, open.
pub(super) struct Opened {
    pub(super) config: ConfigStore,
    pub(super) usage: UsageStore,
    pub(super) vault: Vault,
}

/// Opens everything in the state directory.
pub(super) async fn open(settings: &Settings) -> anyhow::Result<Opened> {
    let dir = StateDir::prepare(&settings.server.directories.state)?;
    let at = now();
    let (config, found) = ConfigStore::open(&dir, at).await?;
    if let Some(copy) = &found.migrated.copy {
        let (from, to) = (found.migrated.from, found.migrated.to);
        tracing::info!("the store went from schema {from} to {to}; a copy is at {}", copy.display());
    }
    // A disk without room for this has more urgent needs.
    let abandoned = config.note(Reserve::Keep, |note| note.abandon_all_once()).await;
    tracing::debug!(?abandoned, "questions that were cut off may be asked again");
    let (usage, found) = UsageStore::open(&dir, at).await?;
    if let Some(aside) = &found.set_aside {
        tracing::error!("the usage database was damaged; it is at {} now", aside.display());
    }
    let by = Actor::system().stamp(at);
    let (vault, unlocked) =
        Vault::unlock(&config, &dir, master_source()?, by).await.context("the secrets cannot be unlocked")?;
    match unlocked {
        Unlocked::Adopted => tracing::info!("a master key was made or found; the store has adopted it"),
        Unlocked::AsBefore => {}
        Unlocked::Finished => tracing::info!("a rotation of the master key that was cut off is finished"),
        Unlocked::Rewrapped(secrets) => tracing::info!("{secrets} secrets are under another master key now"),
    }
    Ok(Opened { config, usage, vault })
}

/// The service manager's credential if there is one, else what the settings say. A credential's mode is the service
/// manager's business: an access list for the service's account looks like a group's permission.
fn master_source() -> anyhow::Result<MasterSource> {
    let key = |name: &str| -> anyhow::Result<Option<MasterKey>> {
        let Some(path) = Host.credential(name) else { return Ok(None) };
        let content = Host.file(&path).with_context(|| format!("the credential {name} cannot be read"))?;
        Ok(Some(MasterKey::parse(&Zeroizing::new(content), name)?))
    };
    let previous = key("llm-link.master-key.previous")?;
    Ok(match key("llm-link.master-key")? {
        Some(current) => MasterSource::Given { current, previous },
        None => master(master_key(&Host))?,
    })
}

fn master(at: MasterKeyAt) -> Result<MasterSource, VaultError> {
    Ok(match at {
        MasterKeyAt::StateDir => MasterSource::StateDir,
        MasterKeyAt::File { current, previous } => MasterSource::File { current, previous },
        MasterKeyAt::Variable { name, text } => {
            MasterSource::Given { current: MasterKey::parse(text.as_bytes(), name)?, previous: None }
        }
    })
}

/// The exit code of a start that failed: one for what no restart mends, one for the rest.
pub(super) fn exit_code(error: &anyhow::Error) -> u8 {
    let store = |error: &StoreError| {
        matches!(
            error,
            StoreError::Newer { .. }
                | StoreError::Foreign { .. }
                | StoreError::Damaged { .. }
                | StoreError::ChangedMigration { .. }
        )
    };
    let vault = |error: &VaultError| match error {
        VaultError::WrongMaster { .. }
        | VaultError::MissingMaster { .. }
        | VaultError::MalformedMaster { .. }
        | VaultError::ExposedMaster { .. }
        | VaultError::Broken { .. } => true,
        VaultError::Store(error) => store(error),
        _other => false,
    };
    let mistakes = error.downcast_ref::<Mistakes>().is_some();
    let for_good =
        mistakes || error.downcast_ref().is_some_and(store) || error.downcast_ref().is_some_and(vault);
    if for_good { EXIT_CONFIGURATION } else { 1 }
}
