//! Removal of what the configuration database need not keep any longer: old audit rows, events and alerts, ended
//! sessions, forgotten idempotency keys. In bounded steps; the caller comes again while there is more.

use super::edit::Note;
use super::error::StoreError;
use super::words::UnixMs;

/// Rows of one kind removed in one transaction.
const STEP: u32 = 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Days to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) audit: u32,
    pub(crate) events: u32,
    pub(crate) alerts: u32,
    /// After their end.
    pub(crate) sessions: u32,
}

/// Whether another step is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    Done,
    More,
}

#[cfg(test)]
impl Default for Keep {
    fn default() -> Self {
        Keep { audit: 730, events: 90, alerts: 365, sessions: 7 }
    }
}

impl Note<'_> {
    /// One step.
    pub(crate) fn sweep(&mut self, keep: Keep, now: UnixMs) -> Result<Swept, StoreError> {
        let before = |days: u32| now.plus_ms(-i64::from(days) * DAY_MS);
        let removed = [
            self.prune_audit(before(keep.audit), STEP)?,
            self.prune_events(before(keep.events), STEP)?,
            self.prune_alerts(before(keep.alerts), STEP)?,
            self.prune_sessions(before(keep.sessions), STEP)?,
            self.prune_once(now, STEP)?,
            self.prune_file_keys(before(keep.audit), STEP)?,
        ];
        let full = removed.iter().any(|n| *n >= STEP as usize);
        Ok(if full { Swept::More } else { Swept::Done })
    }
}
