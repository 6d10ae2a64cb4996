//! When a second candidate is asked because the first one is late.

use super::trial::Trial;
use protocol::ipc::configure::Hedge;
use std::time::Duration;

/// However fast a provider is: less is not worth a second call.
const LEAST: Duration = Duration::from_millis(50);

/// How long the first candidate has until then; `None` = for ever: it is not wanted, or nothing is known of how long
/// this candidate takes.
pub(super) fn patience(hedge: &Hedge, trial: &Trial) -> Option<Duration> {
    if !hedge.enabled {
        return None;
    }
    let told = hedge.after_ms.map(Duration::from_millis);
    told.or_else(|| trial.p95().map(|p95| p95.max(LEAST)))
}
