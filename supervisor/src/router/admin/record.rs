//! `/calls`, `/events`, `/logs`, `/audit`: what happened, page by page.

use super::route::{Does, Gives, Live, Route, schema};
use protocol::control::ControlRequest;
use protocol::control::record::{
    AuditEntry, AuditFilter, CallDetail, CallFilter, CallSummary, EventFilter, EventView, LogFilter, LogLine,
    Page,
};
use protocol::model::FailureKind;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    app: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    failed: Option<bool>,
    failure: Option<FailureKind>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    /// Rows older than this key: `next` of the page before.
    before: Option<String>,
    /// At most 500; 50 when absent.
    #[schemars(range(max = 500))]
    limit: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    subject: Option<String>,
    kind: Option<String>,
    /// `info`, `warning`, `critical`.
    severity: Option<String>,
    since_ms: Option<i64>,
    /// Rows older than this key: `next` of the page before.
    before: Option<String>,
    /// At most 500; 50 when absent.
    #[schemars(range(max = 500))]
    limit: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogsQuery {
    /// `supervisor`, `router`, or a provider's name.
    process: Option<String>,
    /// The least severe level: `error`, `warn`, `info`, `debug`, `trace`.
    level: Option<String>,
    /// A part of the line, without regard to case.
    text: Option<String>,
    /// Rows older than this key: `next` of the page before.
    before: Option<String>,
    /// At most 500; 50 when absent.
    #[schemars(range(max = 500))]
    limit: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read by `router::live`; here it documents the parameters")]
struct LogStreamQuery {
    /// `supervisor`, `router`, or a provider's name.
    process: Option<String>,
    /// The least severe level: `error`, `warn`, `info`, `debug`, `trace`.
    level: Option<String>,
    /// A part of the line, without regard to case.
    text: Option<String>,
    /// Lines after this number; the header `last-event-id` says it too.
    after: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    object: Option<String>,
    actor: Option<String>,
    since_ms: Option<i64>,
    /// Rows older than this key: `next` of the page before.
    before: Option<String>,
    /// At most 500; 50 when absent.
    #[schemars(range(max = 500))]
    limit: Option<u32>,
}

/// Rows on a page when nothing is said.
pub(super) const LIMIT: u32 = 50;

fn page(before: Option<String>, limit: Option<u32>) -> Page {
    Page { before, after: None, limit: limit.unwrap_or(LIMIT), wait_ms: 0 }
}

fn logs() -> ControlRequest {
    ControlRequest::Logs { filter: LogFilter::default(), page: Page::default() }
}

pub(super) const ROUTES: &[Route] = &[
    Route::get("/calls", "listCalls", "Calls, newest first", Gives::Pages(schema::<CallSummary>()))
        .query::<CallsQuery>()
        .asks(|i| {
            let q: CallsQuery = i.query()?;
            let filter = CallFilter {
                app: q.app,
                provider: q.provider,
                model: q.model,
                failed: q.failed,
                failure: q.failure,
                since_ms: q.since_ms,
                until_ms: q.until_ms,
            };
            Ok(ControlRequest::Calls { filter, page: page(q.before, q.limit) })
        }),
    Route::get(
        "/calls/{call}",
        "getCall",
        "One call with its decision trace",
        Gives::One(schema::<CallDetail>()),
    )
    .asks(|i| Ok(ControlRequest::Call { call: i.part("call") })),
    Route::get(
        "/events",
        "listEvents",
        "What happened to processes, providers and the configuration",
        Gives::Pages(schema::<EventView>()),
    )
    .query::<EventsQuery>()
    .asks(|i| {
        let q: EventsQuery = i.query()?;
        let filter =
            EventFilter { subject: q.subject, kind: q.kind, severity: q.severity, since_ms: q.since_ms };
        Ok(ControlRequest::Events { filter, page: page(q.before, q.limit) })
    }),
    Route::get(
        "/logs",
        "listLogs",
        "Lines of all processes, newest first",
        Gives::Pages(schema::<LogLine>()),
    )
    .query::<LogsQuery>()
    .asks(|i| {
        let q: LogsQuery = i.query()?;
        let filter = LogFilter { process: q.process, level: q.level, text: q.text };
        Ok(ControlRequest::Logs { filter, page: page(q.before, q.limit) })
    }),
    Route::get(
        "/logs/stream",
        "streamLogs",
        "Lines as they are written, as server-sent events: `id` is the line's number, `event` is `log`",
        Gives::Stream("text/event-stream"),
    )
    .query::<LogStreamQuery>()
    .does(Does::Live(Live::Logs, logs)),
    Route::get("/audit", "listAudit", "What people did, newest first", Gives::Pages(schema::<AuditEntry>()))
        .query::<AuditQuery>()
        .asks(|i| {
            let q: AuditQuery = i.query()?;
            let filter = AuditFilter { object: q.object, actor: q.actor, since_ms: q.since_ms };
            Ok(ControlRequest::Audit { filter, page: page(q.before, q.limit) })
        }),
];
