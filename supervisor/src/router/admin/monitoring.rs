//! `/monitoring`: figures over time, and the live stream.

use super::incoming::Incoming;
use super::problem::Problem;
use super::route::{Does, Gives, Live, Route, schema};
use protocol::control::ControlRequest;
use protocol::control::meter::{Meter, MeterGroup, MeterQuery, MeterReport};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// A range that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
enum Range {
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
}

/// How figures are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Json,
    Csv,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MetricsQuery {
    /// 24 hours when nothing is said.
    range: Option<Range>,
    /// Instead of a range.
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    /// Seconds of a slot: 60, 3600 or 86400; what fits the range when absent.
    slot_s: Option<u32>,
    by: Option<MeterGroup>,
    app: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    format: Option<Format>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read by `router::live`; here it documents the parameter")]
struct RealtimeQuery {
    /// The last `seq` that was seen; what is still kept of the rest comes first.
    after: Option<u64>,
}

impl Range {
    fn ms(self) -> i64 {
        const HOUR: i64 = 3_600_000;
        match self {
            Range::Hour => HOUR,
            Range::Day => 24 * HOUR,
            Range::Week => 7 * 24 * HOUR,
            Range::Month => 30 * 24 * HOUR,
        }
    }
}

fn metrics(incoming: &Incoming, now: i64) -> Result<ControlRequest, Problem> {
    let q: MetricsQuery = incoming.query()?;
    let range = match (q.range, q.since_ms, q.until_ms) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Problem::invalid("range", "goes without `since_ms` and `until_ms`"));
        }
        (range, None, until) => {
            let until = until.unwrap_or(now);
            (until.saturating_sub(range.unwrap_or(Range::Day).ms()), until)
        }
        (None, Some(since), until) => (since, until.unwrap_or(now)),
    };
    if range.0 >= range.1 {
        return Err(Problem::invalid("since_ms", "must be before `until_ms`"));
    }
    let query = MeterQuery {
        since_ms: range.0,
        until_ms: range.1,
        slot_s: q.slot_s.unwrap_or(0),
        by: q.by.unwrap_or_default(),
        app: q.app,
        provider: q.provider,
        model: q.model,
    };
    Ok(ControlRequest::Meter { query })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The format a query asks for.
pub(super) fn format(incoming: &Incoming) -> Format {
    incoming.query::<MetricsQuery>().ok().and_then(|q| q.format).unwrap_or_default()
}

/// Anybody: who may see what of the stream is looked at frame by frame.
fn live() -> ControlRequest {
    ControlRequest::Whoami
}

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/monitoring/metrics",
        "getMetrics",
        "Calls, tokens, cost, latencies and our own overhead of a range, by provider, app or model",
        Gives::Figures(schema::<MeterReport>()),
    )
    .query::<MetricsQuery>()
    .asks(|i| metrics(i, now())),
    Route::get(
        "/monitoring/realtime",
        "realtime",
        "A WebSocket with one JSON `LiveFrame` a message: a tick a second, events (with ViewProviders) and calls \
         (with ViewMetrics) as they happen; without ViewMetrics the ticks are without rates and latencies",
        Gives::Socket,
    )
    .query::<RealtimeQuery>()
    .does(Does::Live(Live::Realtime, live)),
];

/// The figures of a line of the table, in the order of [`HEAD`].
fn line(name: &str, meter: &Meter) -> String {
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let cost: Vec<String> = meter.cost_nano.iter().map(|(currency, n)| format!("{n} {currency}")).collect();
    [
        cell(name),
        meter.calls.to_string(),
        meter.failed.to_string(),
        meter.attempts.to_string(),
        number(meter.usage.input_total()),
        number(meter.usage.output),
        cell(&cost.join("; ")),
        number(meter.latency.p50_us),
        number(meter.latency.p95_us),
        number(meter.first_token.p95_us),
        number(meter.overhead.p95_us),
    ]
    .join(",")
}

const HEAD: &str = "group,calls,failed,attempts,input_tokens,output_tokens,cost_nano,latency_p50_us,\
                    latency_p95_us,first_token_p95_us,overhead_p95_us";

/// The groups as a table for spreadsheets (RFC 4180); the totals are the first line.
pub(super) fn csv(report: &MeterReport) -> String {
    let groups = report.groups.iter().map(|(name, meter)| line(name, meter));
    let lines = [HEAD.to_owned(), line("(total)", &report.total)].into_iter().chain(groups);
    lines.fold(String::new(), |out, line| out + &line + "\r\n")
}

/// A text as a cell. One that a spreadsheet would take for a formula is made plain.
fn cell(text: &str) -> String {
    let plain =
        if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
    if plain.contains([',', '"', '\r', '\n']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Option<MeterQuery> {
        let incoming = Incoming { query: query.to_owned(), ..Incoming::default() };
        match metrics(&incoming, 100_000_000).ok()? {
            ControlRequest::Meter { query } => Some(query),
            _ => None,
        }
    }

    #[test]
    fn ranges_end_now_unless_they_say_otherwise() {
        let range = |query| asked(query).map(|q| (q.since_ms, q.until_ms));
        assert_eq!(range(""), Some((100_000_000 - 86_400_000, 100_000_000)));
        assert_eq!(range("range=1h"), Some((96_400_000, 100_000_000)));
        assert_eq!(range("since_ms=5&until_ms=9"), Some((5, 9)));
        assert_eq!(range("since_ms=5"), Some((5, 100_000_000)));
        for bad in ["range=2h", "range=1h&since_ms=5", "since_ms=9&until_ms=9", "by=colour"] {
            assert_eq!(range(bad), None, "{bad}");
        }
        assert_eq!(
            asked("by=app&model=m").map(|q| (q.by, q.model)),
            Some((MeterGroup::App, Some("m".to_owned())))
        );
    }

    #[test]
    fn the_table_has_a_line_a_group_and_no_formulas() {
        let meter = Meter { calls: 3, ..Meter::default() };
        let report = MeterReport {
            since_ms: 0,
            until_ms: 1,
            slot_s: 60,
            total: meter.clone(),
            before: Meter::default(),
            groups: [("=cmd,\"x\"".to_owned(), meter)].into(),
            series: vec![],
            series_by_group: Default::default(),
        };
        let table = csv(&report);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "(total),3,0,0,,,,,,,");
        assert_eq!(lines[2], "\"'=cmd,\"\"x\"\"\",3,0,0,,,,,,,");
        assert!(lines.iter().all(|l| !l.starts_with('=')));
    }
}
