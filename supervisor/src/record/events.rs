//! Events in pages, and following them.

use super::{Record, page, unreadable};
use crate::store::UnixMs;
use crate::store::events::{Event, EventFilter, Severity};
use crate::store::words::EventId;
use protocol::control::record::{self, EventView, Page};
use protocol::control::{ControlReply, Refusal};
use serde_json::Value;

/// The member of an event's detail that says who did it.
pub(super) const ACTOR: &str = "actor";

impl Record {
    pub(super) async fn events(
        &self,
        asked: record::EventFilter,
        asked_page: Page,
    ) -> Result<ControlReply, Refusal> {
        let severity = asked.severity.as_deref().filter(|word| !word.is_empty()).map(severity).transpose()?;
        let filter = EventFilter {
            subject: asked.subject,
            kind: asked.kind,
            severity,
            since: asked.since_ms.map(UnixMs),
        };
        let store_page = page::read(&asked_page, |text| text.parse().ok().map(EventId))?;
        let events = page::follow(&asked_page, self.journal.written(), || {
            let (config, filter) = (self.config.clone(), filter.clone());
            async move { config.read(move |view| view.events(&filter, store_page)).await.map_err(unreadable) }
        });
        Ok(ControlReply::Events(events.await?.into_iter().map(view).collect()))
    }
}

fn severity(word: &str) -> Result<Severity, Refusal> {
    let found = Severity::ALL.iter().copied().find(|severity| severity.name() == word);
    found.ok_or_else(|| page::wrong("filter.severity", "must be info, warning or critical"))
}

/// An event as it is shown.
pub(super) fn view(event: Event) -> EventView {
    let Event { id, event } = event;
    let mut detail = event.detail;
    let actor = detail.shift_remove(ACTOR).and_then(|actor| actor.as_str().map(str::to_owned));
    EventView {
        id: id.0,
        at: event.at.0,
        severity: event.severity.name().to_owned(),
        kind: event.kind,
        subject: event.subject,
        generation: event.generation,
        message: event.message,
        actor,
        detail: Value::Object(detail),
    }
}
