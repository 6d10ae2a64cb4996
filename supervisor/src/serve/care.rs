//! The hourly care of both databases: what was kept long enough is removed, in steps that delay nobody, and the
//! files are kept in shape.

use crate::control::{Force, now};
use crate::ledger::retention::{Retention, prune};
use crate::settings::Retention as Days;
use crate::store::config::Reserve;
use crate::store::sweep::{Keep, Swept};
use crate::store::{ConfigStore, StoreError, UsageStore};
use std::time::Duration;

/// Not during the rush of a start.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs until it is cut off. How long what is kept is looked up each time.
pub(super) async fn run(config: ConfigStore, usage: UsageStore, force: Force) {
    tokio::time::sleep(FIRST).await;
    loop {
        if let Err(error) = once(&config, &usage, force.now().settings.retention).await {
            tracing::warn!("old rows are not removed: {error}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn once(config: &ConfigStore, usage: &UsageStore, days: Days) -> Result<(), StoreError> {
    let at = now();
    let Days { calls, traces, minutes, hours, days: by_day, audit, events, alerts, sessions } = days;
    let retention = Retention { calls, traces, minutes, hours, days: by_day };
    let keep = Keep { audit, events, alerts, sessions };
    let pruned = prune(usage, retention, at).await?;
    while config.note(Reserve::Keep, move |note| note.sweep(keep, at)).await? == Swept::More {}
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
