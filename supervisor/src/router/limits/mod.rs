//! How much an app, one of its keys and a provider may do: rates, calls at once, budgets.
//!
//! This is the seam behind which a shared engine can stand when several instances serve one set of apps: whoever
//! calls knows [`Meters::admit`], [`Admission::settle`] and the levels, never where the counts are. Here they are in
//! memory, exact, and handed to the next router ([`Meters::save`], [`Meters::recall`]).

mod book;
mod bucket;
mod calendar;
mod meter;
mod rates;

pub(crate) use book::Use;
pub(crate) use bucket::Level;
pub(crate) use meter::{Admission, AppMeter};
pub(crate) use rates::{PER_MINUTE, PER_SECOND, RateSet, TOKENS};

use crate::router::front::Gate;
use meter::Scope;
use protocol::control::app::LimitLevel;
use protocol::ipc::configure::RouterConfig;
use protocol::ipc::notice::{Memory, SavedRate};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The meters of every app. Made anew with each configuration; the counts of the one before go on.
pub(crate) struct Meters {
    start: Instant,
    apps: HashMap<String, Arc<AppMeter>>,
}

impl Meters {
    pub(crate) fn new(config: &RouterConfig, before: Option<&Meters>) -> Self {
        let start = before.map_or_else(Instant::now, |b| b.start);
        let now = nanos(start.elapsed());
        let meter = |app: &protocol::ipc::configure::App| {
            let old = before.and_then(|b| b.apps.get(&app.name));
            (
                app.name.clone(),
                Arc::new(AppMeter::new(app, config.utc_offset_min, old.map(|o| &**o), (start, now))),
            )
        };
        Self { start, apps: config.apps.iter().map(meter).collect() }
    }

    /// Of an app; `None` = nothing is limited.
    pub(crate) fn app(&self, name: &str) -> Option<&Arc<AppMeter>> {
        self.apps.get(name).filter(|meter| meter.counts())
    }

    /// How full the limits of an app are.
    pub(crate) fn levels(&self, app: &str, now_ms: u64) -> Vec<LimitLevel> {
        self.apps.get(app).map(|meter| meter.limit_levels(now_ms)).unwrap_or_default()
    }

    /// Adds what the next router must know.
    pub(crate) fn save(&self, memory: &mut Memory) {
        for meter in self.apps.values() {
            memory.spent.extend(meter.spent());
            for (of, limit, resets_in) in meter.used_rates() {
                memory.rates.push(SavedRate {
                    of,
                    limit: limit.to_owned(),
                    empty_ms: memory.at_ms + millis(resets_in),
                });
            }
        }
    }

    /// Goes on where another router was.
    pub(crate) fn recall(&self, memory: &Memory, now_ms: u64) {
        for spent in &memory.spent {
            if let Some(meter) = self.apps.get(&spent.app) {
                meter.recall_spent(spent);
            }
        }
        for rate in &memory.rates {
            let resets_in = Duration::from_millis(rate.empty_ms.saturating_sub(now_ms));
            self.apps.values().for_each(|meter| meter.recall_rate(&rate.of, &rate.limit, resets_in));
        }
    }
}

/// A gate for so many calls at once, or for any number.
fn gate(scope: &Scope) -> Arc<Gate> {
    Gate::new(scope.concurrent(), scope.queue())
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
