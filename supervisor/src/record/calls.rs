//! Calls in pages, and one call with its decision trace.

use super::{Record, page, unreadable};
use crate::store::UnixMs;
use crate::store::calls::{CallFilter, CallId, CallRow, Outcome};
use protocol::control::record::{self, CallDetail, CallSummary, Page};
use protocol::control::{ControlReply, Refusal, RefusalKind};

impl Record {
    pub(super) async fn calls(
        &self,
        asked: record::CallFilter,
        asked_page: Page,
    ) -> Result<ControlReply, Refusal> {
        let filter = filter(asked)?;
        let store_page = page::read(&asked_page, id)?;
        let calls = page::follow(&asked_page, self.committed.clone(), || {
            let (usage, filter) = (self.usage.clone(), filter.clone());
            async move { usage.read(move |view| view.calls(&filter, store_page)).await.map_err(unreadable) }
        });
        Ok(ControlReply::Calls(calls.await?.into_iter().map(summary).collect()))
    }

    pub(super) async fn call(&self, call: &str) -> Result<ControlReply, Refusal> {
        let unknown =
            || Refusal::new(RefusalKind::NotFound, format!("there is no call `{call}` in the record"));
        let id = id(call).ok_or_else(unknown)?;
        let found = self.usage.read(move |view| view.call(id)).await.map_err(unreadable)?;
        let mut row = found.ok_or_else(unknown)?;
        let trace = row.trace.take().and_then(|trace| serde_json::from_str(&trace).ok());
        Ok(ControlReply::Call(Box::new(CallDetail { call: summary(row), trace })))
    }
}

fn id(text: &str) -> Option<CallId> {
    uuid::Uuid::parse_str(text).ok().map(CallId)
}

fn filter(asked: record::CallFilter) -> Result<CallFilter, Refusal> {
    let outcome = match (asked.failure, asked.failed) {
        (Some(_), Some(false)) => {
            return Err(page::wrong("filter.failed", "cannot be false beside a failure"));
        }
        (Some(kind), None | Some(true)) => Some(Outcome::FailedWith(kind)),
        (None, Some(true)) => Some(Outcome::Failed),
        (None, Some(false)) => Some(Outcome::Served),
        (None, None) => None,
    };
    Ok(CallFilter {
        app: asked.app,
        provider: asked.provider,
        model: asked.model,
        outcome,
        since: asked.since_ms.map(UnixMs),
        until: asked.until_ms.map(UnixMs),
    })
}

fn summary(row: CallRow) -> CallSummary {
    let (cost_nano, currency) = row.cost.map(|cost| (cost.nano, cost.currency)).unzip();
    CallSummary {
        id: row.id.0.hyphenated().to_string(),
        at: row.at.0,
        app: row.app,
        provider: row.provider,
        model: row.model,
        upstream_model: row.upstream_model,
        dialect: row.dialect,
        operation: row.operation,
        status: row.status,
        failure: row.failure,
        attempts: row.attempts,
        stream: row.stream,
        request_bytes: row.request_bytes,
        usage: row.usage,
        usage_source: row.usage_source,
        cost_nano,
        currency,
        timings: row.timings,
    }
}
