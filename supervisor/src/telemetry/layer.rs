//! Puts what is logged into the ring: the supervisor's own lines, and those of its children as their output is
//! captured (see `fleet::output`).

use super::redact::redact;
use super::ring::LogRing;
use crate::control::now;
use protocol::control::record::LogLine;
use std::fmt::{Debug, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The target of the lines of children.
const CHILD: &str = "child";
/// What the router is called where a process is named.
const ROUTER: &str = "router";
const SUPERVISOR: &str = "supervisor";
/// Lines beyond this are cut.
const TEXT: usize = 8 * 1024;

/// See the module.
pub(crate) struct RingLayer {
    ring: LogRing,
}

impl RingLayer {
    pub(crate) fn new(ring: LogRing) -> RingLayer {
        RingLayer { ring }
    }
}

impl<S: Subscriber> Layer<S> for RingLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let child = event.metadata().target() == CHILD;
        let mut words = Words { child, ..Words::default() };
        event.record(&mut words);
        let mut text = redact(&words.message).into_owned();
        text.push_str(&redact(&words.fields));
        if let Some((at, _)) = text.char_indices().nth(TEXT) {
            text.truncate(at);
        }
        let process = match (child, words.role.as_str()) {
            (true, ROUTER) => ROUTER.to_owned(),
            (true, _) => words.name,
            (false, _) => SUPERVISOR.to_owned(),
        };
        self.ring.push(LogLine {
            seq: 0,
            at: now().0,
            process,
            generation: words.generation.filter(|_| child),
            level: event.metadata().level().as_str().to_lowercase(),
            call: call_in(&text),
            text,
        });
    }
}

/// The fields of one event.
#[derive(Default)]
struct Words {
    child: bool,
    message: String,
    fields: String,
    role: String,
    name: String,
    generation: Option<u64>,
}

impl Words {
    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            "role" if self.child => self.role = text,
            "name" if self.child => self.name = text,
            "generation" if self.child => {}
            // A string cannot refuse to be written to.
            name => drop(write!(self.fields, " {name}={text}")),
        }
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "generation" {
            self.generation = Some(value);
        }
        self.take(field, value.to_string());
    }
}

/// The id of the call that a line names: `call=0197...`.
fn call_in(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once("call=")?;
    let id = rest.get(..36)?;
    uuid::Uuid::parse_str(id).ok().map(|_| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Wanted;
    use protocol::control::record::LogFilter;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn lines_say_whose_they_are_and_which_call_they_name() {
        let ring = LogRing::new();
        let subscriber = tracing_subscriber::registry().with(RingLayer::new(ring.clone()));
        let call = "01970000-0000-7000-8000-000000000001";
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(epoch = 3_u64, "configuration {} is in force", 3);
            tracing::warn!(target: "child", role = "worker", name = %"a", generation = 2_u64, "slow call={call}");
            tracing::error!(target: "child", role = "router", name = %"router", generation = 1_u64, "no");
            tracing::info!("Bearer sk-0123456789abcdef0123");
        });
        let lines = ring.after(0, 10, &Wanted::new(&LogFilter::default()).unwrap());
        let said: Vec<_> =
            lines.iter().map(|l| (l.process.as_str(), l.level.as_str(), l.text.as_str())).collect();
        let slow = format!("slow call={call}");
        assert_eq!(
            said,
            [
                ("supervisor", "info", "configuration 3 is in force epoch=3"),
                ("a", "warn", slow.as_str()),
                ("router", "error", "no"),
                ("supervisor", "info", "Bearer [key]"),
            ]
        );
        assert_eq!((lines[1].generation, lines[1].call.as_deref()), (Some(2), Some(call)));
        assert_eq!((lines[0].generation, lines[0].call.as_deref()), (None, None));
    }
}
