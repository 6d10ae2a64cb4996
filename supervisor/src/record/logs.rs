//! Lines of the log ring in pages, and following them.

use super::page;
use crate::telemetry::{LogRing, Wanted};
use protocol::control::record::{LogFilter, Page};
use protocol::control::{ControlReply, Refusal};
use std::future::ready;

/// Newest first; with `after`, oldest first from there.
pub(super) async fn answer(ring: &LogRing, filter: LogFilter, asked: Page) -> Result<ControlReply, Refusal> {
    let page = page::read(&asked, |text| text.parse::<u64>().ok())?;
    let wanted = Wanted::new(&filter)
        .ok_or_else(|| page::wrong("filter.level", "must be error, warn, info, debug or trace"))?;
    let limit = match page.limit {
        0 => 50,
        n => n.min(500),
    } as usize;
    let lines = page::follow(&asked, ring.changes(), || {
        ready(Ok(match page.after {
            Some(after) => ring.after(after, limit, &wanted),
            None => ring.before(page.before, limit, &wanted),
        }))
    });
    Ok(ControlReply::Logs(lines.await?))
}
