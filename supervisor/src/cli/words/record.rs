//! What happened: `logs`, `events`, `calls`, `audit`, `usage`.

use super::{Plain, Spoken};
use crate::cli::deed::Deed;
use crate::cli::when::{self, When};
use clap::{Args, Subcommand, ValueEnum};
use protocol::control::ControlRequest;
use protocol::control::meter::{MeterGroup, MeterQuery};
use protocol::control::record::{AuditFilter, CallFilter, EventFilter, LogFilter, Page};
use protocol::model::FailureKind;

/// What a range of figures is when nothing is said.
const DAY: i64 = 24 * 3_600_000;

#[derive(Subcommand)]
pub(in crate::cli) enum Task {
    /// Lines that all processes wrote.
    Logs(Plain<LogFlags>),
    /// What happened to processes, providers and the configuration.
    Events(Plain<EventFlags>),
    /// Calls of clients, newest first, or one with every decision made for it.
    Calls(Plain<CallFlags>),
    /// What people did, newest first.
    Audit(Plain<AuditFlags>),
    /// Calls, tokens, cost and times of a range, by provider, app or model.
    Usage(Plain<UsageFlags>),
}

#[derive(Args)]
pub(in crate::cli) struct LogFlags {
    /// Go on with the lines to come, until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// How many lines.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    lines: u32,
    /// Only of supervisor, router, or a provider.
    #[arg(long)]
    process: Option<String>,
    /// The least severe to show: error, warn, info, debug, trace.
    #[arg(long)]
    level: Option<String>,
    /// Only with this text in them.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct EventFlags {
    /// Go on with the events to come, until interrupted.
    #[arg(short, long)]
    follow: bool,
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    lines: u32,
    /// A provider, router, store, config.
    #[arg(long)]
    subject: Option<String>,
    /// Such as worker.exited.
    #[arg(long)]
    kind: Option<String>,
    /// info, warning or critical.
    #[arg(long)]
    severity: Option<String>,
    /// 2h (ago), 2026-11-28, 2026-11-28T09:30.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<When>,
}

#[derive(Args)]
pub(in crate::cli) struct CallFlags {
    /// `show ID`, or nothing for the list.
    #[arg(num_args = 0..=2, value_names = ["show", "ID"])]
    show: Vec<String>,
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    lines: u32,
    #[arg(long)]
    app: Option<String>,
    #[arg(long)]
    provider: Option<String>,
    #[arg(long)]
    model: Option<String>,
    /// Only calls that failed.
    #[arg(long)]
    failed: bool,
    /// Only calls that failed in this way, such as RateLimited.
    #[arg(long, value_name = "KIND", value_parser = failure)]
    failure: Option<FailureKind>,
    /// 2h (ago), 2026-11-28, 2026-11-28T09:30.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<When>,
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<When>,
    /// Older than this call.
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct AuditFlags {
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    lines: u32,
    /// Such as provider or app.
    #[arg(long)]
    object: Option<String>,
    /// A user's name.
    #[arg(long)]
    actor: Option<String>,
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<When>,
    /// Older than this row.
    #[arg(long, value_name = "NUMBER")]
    before: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct UsageFlags {
    /// 24h, 7d, or a day [default: 24h].
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<When>,
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<When>,
    #[arg(long, value_enum, default_value_t = By::Provider)]
    by: By,
    #[arg(long)]
    app: Option<String>,
    #[arg(long)]
    provider: Option<String>,
    #[arg(long)]
    model: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Provider,
    App,
    Model,
}

fn failure(text: &str) -> Result<FailureKind, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn rows(limit: u32, before: Option<String>) -> Page {
    Page { before, limit, ..Page::default() }
}

impl CallFlags {
    fn request(self, now_ms: i64) -> Result<ControlRequest, String> {
        match self.show.as_slice() {
            [] => {}
            [show, id] if show == "show" => return Ok(ControlRequest::Call { call: id.clone() }),
            _ => return Err("`llm-link calls` lists them, `llm-link calls show ID` shows one".to_owned()),
        }
        let before = |when: When| when.before(now_ms);
        let filter = CallFilter {
            app: self.app,
            provider: self.provider,
            model: self.model,
            failed: self.failed.then_some(true),
            failure: self.failure,
            since_ms: self.since.map(before),
            until_ms: self.until.map(before),
        };
        Ok(ControlRequest::Calls { filter, page: rows(self.lines, self.before) })
    }
}

impl UsageFlags {
    fn request(self, now_ms: i64) -> ControlRequest {
        let query = MeterQuery {
            since_ms: self.since.unwrap_or(When::Span(DAY)).before(now_ms),
            until_ms: self.until.map_or(now_ms, |when| when.before(now_ms)),
            slot_s: 0,
            by: match self.by {
                By::Provider => MeterGroup::Provider,
                By::App => MeterGroup::App,
                By::Model => MeterGroup::Model,
            },
            app: self.app,
            provider: self.provider,
            model: self.model,
        };
        ControlRequest::Meter { query }
    }
}

impl Task {
    pub(super) fn spoken(self, now_ms: i64) -> Result<Spoken, String> {
        Ok(match self {
            Task::Logs(it) => {
                let LogFlags { follow, lines, process, level, grep } = it.flags;
                (Deed::Logs { filter: LogFilter { process, level, text: grep }, last: lines, follow }, it.at)
            }
            Task::Events(it) => {
                let EventFlags { follow, lines, subject, kind, severity, since } = it.flags;
                let since_ms = since.map(|when| when.before(now_ms));
                let filter = EventFilter { subject, kind, severity, since_ms };
                (Deed::Events { filter, last: lines, follow }, it.at)
            }
            Task::Calls(it) => (Deed::Ask(Box::new(it.flags.request(now_ms)?)), it.at),
            Task::Audit(it) => {
                let AuditFlags { lines, object, actor, since, before } = it.flags;
                let filter = AuditFilter { object, actor, since_ms: since.map(|when| when.before(now_ms)) };
                (Deed::Ask(Box::new(ControlRequest::Audit { filter, page: rows(lines, before) })), it.at)
            }
            Task::Usage(it) => (Deed::Ask(Box::new(it.flags.request(now_ms))), it.at),
        })
    }
}
