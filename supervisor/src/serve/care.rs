//! The hourly care of both databases: what was kept long enough is removed, in steps that delay nobody, and the
//! files are kept in shape.

use crate::control::now;
use crate::ledger::retention::{Retention, prune};
use crate::store::config::Reserve;
use crate::store::sweep::{Keep, Swept};
use crate::store::{ConfigStore, StoreError, UsageStore};
use std::time::Duration;

/// Not during the rush of a start.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs until it is cut off.
pub(super) async fn run(config: ConfigStore, usage: UsageStore) {
    tokio::time::sleep(FIRST).await;
    loop {
        if let Err(error) = once(&config, &usage).await {
            tracing::warn!("old rows are not removed: {error}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn once(config: &ConfigStore, usage: &UsageStore) -> Result<(), StoreError> {
    let at = now();
    let pruned = prune(usage, Retention::default(), at).await?;
    while config.note(Reserve::Keep, move |note| note.sweep(Keep::default(), at)).await? == Swept::More {}
    usage.maintain().await?;
    config.maintain().await?;
    tracing::debug!(
        calls = pruned.calls,
        traces = pruned.traces,
        rollups = pruned.rollups,
        "old rows removed"
    );
    Ok(())
}
