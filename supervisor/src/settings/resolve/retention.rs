//! `[retention]`: days that records are kept.

use super::value::count;
use crate::settings::mistake::Findings;
use crate::settings::raw::RawRetention;
use crate::settings::raw::keys::retention as keys;
use crate::settings::resolved::Retention;

/// A hundred years.
const MOST: u32 = 36_500;

pub(super) fn retention(raw: RawRetention, findings: &mut Findings) -> Retention {
    let usual = Retention::default();
    Retention {
        calls: count(raw.calls, usual.calls, 1..=MOST, keys::CALLS, findings),
        traces: count(raw.traces, usual.traces, 1..=MOST, keys::TRACES, findings),
        minutes: count(raw.minutes, usual.minutes, 1..=MOST, keys::MINUTES, findings),
        hours: count(raw.hours, usual.hours, 1..=MOST, keys::HOURS, findings),
        days: count(raw.days, usual.days, 1..=MOST, keys::DAYS, findings),
        audit: count(raw.audit, usual.audit, 1..=MOST, keys::AUDIT, findings),
        events: count(raw.events, usual.events, 1..=MOST, keys::EVENTS, findings),
        alerts: count(raw.alerts, usual.alerts, 1..=MOST, keys::ALERTS, findings),
        sessions: count(raw.sessions, usual.sessions, 1..=MOST, keys::SESSIONS, findings),
    }
}
