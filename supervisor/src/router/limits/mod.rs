//! How much an app, one of its keys and a provider may do: rates, calls at once, budgets.
//!
//! This is the seam behind which a shared engine can stand when several instances serve one set of apps: whoever
//! calls knows [`Meters::admit`], [`Admission::settle`] and the levels, never where the counts are. Here they are in
//! memory, exact, and handed to the next router ([`Meters::save`], [`Meters::recall`]): a call counts once by its ticket, so what was counted
//! after the last memory is taken from the spool and nothing is lost with a router that is killed.

mod book;
mod bucket;
mod calendar;
mod meter;
mod rates;
mod tickets;

pub(crate) use book::Use;
pub(crate) use bucket::Level;
pub(crate) use meter::{Admission, AppMeter, Places, SHARED};
pub(crate) use rates::{PER_MINUTE, PER_SECOND, RateSet, TOKENS};

use protocol::control::app::LimitLevel;
use protocol::ipc::configure::RouterConfig;
use protocol::ipc::notice::{Beside, Memory, SavedPlaces};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The meters of every app. Made anew with each configuration; the counts of the one before go on.
pub(crate) struct Meters {
    start: Instant,
    /// Of this process, larger than those before it.
    origin: u64,
    apps: HashMap<String, Arc<AppMeter>>,
}

impl Meters {
    pub(crate) fn new(config: &RouterConfig, before: Option<&Meters>) -> Self {
        let start = before.map_or_else(Instant::now, |b| b.start);
        let now = nanos(start.elapsed());
        let origin = before.map_or_else(born, |b| b.origin);
        let meter = |app: &protocol::ipc::configure::App| {
            let old = before.and_then(|b| b.apps.get(&app.name));
            (
                app.name.clone(),
                Arc::new(AppMeter::new(app, config.utc_offset_min, old.map(|o| &**o), (start, now, origin))),
            )
        };
        Self { start, origin, apps: config.apps.iter().map(meter).collect() }
    }

    /// See [`Memory::writer`].
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Of an app; `None` = nothing is limited.
    pub(crate) fn app(&self, name: &str) -> Option<&Arc<AppMeter>> {
        self.apps.get(name).filter(|meter| meter.counts())
    }

    /// See [`AppMeter::present`].
    pub(crate) fn present(&self, app: &str, key: Option<&str>) -> Places {
        self.apps.get(app).map(|meter| meter.present(key)).unwrap_or_default()
    }

    /// How full the limits of an app are.
    pub(crate) fn levels(&self, app: &str, now_ms: u64) -> Vec<LimitLevel> {
        self.apps.get(app).map(|meter| meter.limit_levels(now_ms)).unwrap_or_default()
    }

    /// Places that are taken here.
    pub(crate) fn places(&self) -> impl Iterator<Item = SavedPlaces> {
        self.apps.values().flat_map(|meter| meter.places())
    }

    /// Other routers have so many places.
    pub(crate) fn share(&self, beside: &Beside) {
        self.apps.values().for_each(|meter| meter.share(beside));
    }

    /// Adds what the next router must know.
    pub(crate) fn save(&self, memory: &mut Memory) {
        self.apps.values().filter(|meter| meter.counts()).for_each(|meter| meter.save(memory));
    }

    /// Goes on where another router was, and counts the calls that it had counted since.
    pub(crate) fn recall(&self, memory: &Memory, now_ms: u64) {
        self.apps.iter().for_each(|(app, meter)| meter.recall(app, memory, now_ms));
    }
}

/// The time in microseconds since 1970.
fn born() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
