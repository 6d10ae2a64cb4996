//! `[defaults]` and `[retention]` as typed: what holds for every provider that says nothing itself, and how long
//! what is kept.

use super::keys::{defaults, provider as own, retention};
use super::provider::{RawProvider, RawTimeouts, read_timeouts};
use crate::settings::cursor::Cursor;
use crate::settings::place::{Place, Typed};

/// Absent keys are `None`.
#[derive(Clone, Default)]
pub(crate) struct RawDefaults {
    pub(crate) sandbox: Option<Typed<String>>,
    pub(crate) memory_limit: Option<Typed<String>>,
    pub(crate) max_concurrent: Option<Typed<i64>>,
    pub(crate) max_queue: Option<Typed<i64>>,
    pub(crate) max_wait: Option<Typed<String>>,
    pub(crate) timeouts: RawTimeouts,
}

/// Days; absent keys are `None`.
#[derive(Clone, Default)]
pub(crate) struct RawRetention {
    pub(crate) calls: Option<Typed<i64>>,
    pub(crate) traces: Option<Typed<i64>>,
    pub(crate) minutes: Option<Typed<i64>>,
    pub(crate) hours: Option<Typed<i64>>,
    pub(crate) days: Option<Typed<i64>>,
    pub(crate) audit: Option<Typed<i64>>,
    pub(crate) events: Option<Typed<i64>>,
    pub(crate) alerts: Option<Typed<i64>>,
    pub(crate) sessions: Option<Typed<i64>>,
}

/// A value of one of the two, by its name there.
pub(crate) enum Usual<'r> {
    Text(&'r mut Option<Typed<String>>),
    Number(&'r mut Option<Typed<i64>>),
}

impl RawDefaults {
    /// What a provider does not say itself.
    pub(crate) fn fill(&self, provider: &mut RawProvider) {
        fn fill<T: Clone>(own: &mut Option<Typed<T>>, usual: &Option<Typed<T>>) {
            if own.is_none() {
                own.clone_from(usual);
            }
        }
        fill(&mut provider.sandbox, &self.sandbox);
        fill(&mut provider.memory_limit, &self.memory_limit);
        fill(&mut provider.max_concurrent, &self.max_concurrent);
        fill(&mut provider.max_queue, &self.max_queue);
        fill(&mut provider.max_wait, &self.max_wait);
        let (own, usual) = (&mut provider.timeouts, &self.timeouts);
        fill(&mut own.connect, &usual.connect);
        fill(&mut own.first_token, &usual.first_token);
        fill(&mut own.idle, &usual.idle);
        fill(&mut own.total, &usual.total);
        fill(&mut own.total_stream, &usual.total_stream);
    }

    /// The value of that name.
    pub(crate) fn slot(&mut self, name: &str) -> Option<Usual<'_>> {
        let timeouts = &mut self.timeouts;
        Some(match name {
            "sandbox" => Usual::Text(&mut self.sandbox),
            "memory_limit" => Usual::Text(&mut self.memory_limit),
            "max_concurrent" => Usual::Number(&mut self.max_concurrent),
            "max_queue" => Usual::Number(&mut self.max_queue),
            "max_wait" => Usual::Text(&mut self.max_wait),
            "timeouts.connect" => Usual::Text(&mut timeouts.connect),
            "timeouts.first_token" => Usual::Text(&mut timeouts.first_token),
            "timeouts.idle" => Usual::Text(&mut timeouts.idle),
            "timeouts.total" => Usual::Text(&mut timeouts.total),
            "timeouts.total_stream" => Usual::Text(&mut timeouts.total_stream),
            _ => return None,
        })
    }
}

impl RawRetention {
    /// The value of that name.
    pub(crate) fn slot(&mut self, name: &str) -> Option<Usual<'_>> {
        Some(Usual::Number(match name {
            "calls" => &mut self.calls,
            "traces" => &mut self.traces,
            "minutes" => &mut self.minutes,
            "hours" => &mut self.hours,
            "days" => &mut self.days,
            "audit" => &mut self.audit,
            "events" => &mut self.events,
            "alerts" => &mut self.alerts,
            "sessions" => &mut self.sessions,
            _ => return None,
        }))
    }
}

impl Usual<'_> {
    /// Where it is typed, if it is.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Usual::Text(typed) => typed.as_ref().map(|typed| typed.place.clone()),
            Usual::Number(typed) => typed.as_ref().map(|typed| typed.place.clone()),
        }
    }
}

pub(super) fn read_defaults(table: &mut Cursor<'_, '_>) -> RawDefaults {
    RawDefaults {
        sandbox: table.text(own::SANDBOX),
        memory_limit: table.text(own::MEMORY_LIMIT),
        max_concurrent: table.number(own::MAX_CONCURRENT),
        max_queue: table.number(own::MAX_QUEUE),
        max_wait: table.text(own::MAX_WAIT),
        timeouts: table.table(defaults::TIMEOUTS, "timeouts", read_timeouts).unwrap_or_default(),
    }
}

pub(super) fn read_retention(table: &mut Cursor<'_, '_>) -> RawRetention {
    RawRetention {
        calls: table.number(retention::CALLS),
        traces: table.number(retention::TRACES),
        minutes: table.number(retention::MINUTES),
        hours: table.number(retention::HOURS),
        days: table.number(retention::DAYS),
        audit: table.number(retention::AUDIT),
        events: table.number(retention::EVENTS),
        alerts: table.number(retention::ALERTS),
        sessions: table.number(retention::SESSIONS),
    }
}
