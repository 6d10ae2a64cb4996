//! How long what is kept, and the removal of the rest in small steps, so that no call waits long behind it.

use crate::store::rollups::Span;
use crate::store::usage::Prune;
use crate::store::{StoreError, UnixMs, UsageStore};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Rows removed in one transaction: some tens of milliseconds.
const STEP: u32 = 2000;

/// Days to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) calls: u32,
    pub(crate) traces: u32,
    pub(crate) minutes: u32,
    pub(crate) hours: u32,
    pub(crate) days: u32,
}

/// Rows removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    pub(crate) calls: usize,
    pub(crate) traces: usize,
    pub(crate) rollups: usize,
}

#[cfg(test)]
impl Default for Retention {
    fn default() -> Self {
        Retention { calls: 30, traces: 7, minutes: 2, hours: 90, days: 1100 }
    }
}

/// Removes everything whose time is over. Other work on the database gets its turn between the steps.
pub(crate) async fn prune(store: &UsageStore, keep: Retention, now: UnixMs) -> Result<Pruned, StoreError> {
    let before = |days: u32| now.plus_ms(-i64::from(days) * DAY_MS);
    let mut pruned = Pruned {
        traces: all_steps(store, Prune::Traces, before(keep.traces)).await?,
        calls: all_steps(store, Prune::Calls, before(keep.calls)).await?,
        rollups: 0,
    };
    for (span, days) in [(Span::Minute, keep.minutes), (Span::Hour, keep.hours), (Span::Day, keep.days)] {
        pruned.rollups += all_steps(store, Prune::Rollups(span), before(days)).await?;
    }
    Ok(pruned)
}

async fn all_steps(store: &UsageStore, what: Prune, before: UnixMs) -> Result<usize, StoreError> {
    let mut removed = 0;
    loop {
        let step = store.prune(what, before, STEP).await?;
        removed += step;
        if step < STEP as usize {
            return Ok(removed);
        }
    }
}
