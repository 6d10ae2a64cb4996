//! The wall clock of the control plane.

use crate::store::UnixMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The present.
pub(crate) fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
