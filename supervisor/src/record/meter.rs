//! Figures of a range of time, from the sums that are kept beside the calls: totals, the range before, groups, and
//! series with their empty slots.

use super::{page, unreadable};
use crate::store::histogram::Histogram;
use crate::store::rollups::{Rollup, RollupFilter, RollupKey, RollupRow, Span};
use crate::store::{UnixMs, UsageStore};
use protocol::control::meter::{Meter, MeterGroup, MeterQuery, MeterReport, MeterSlot, Percentiles};
use protocol::control::{ControlReply, Refusal};
use protocol::model::Usage;
use std::collections::BTreeMap;

/// Slots of one series; a finer one says no more on a screen.
const MOST_SLOTS: i64 = 2000;
/// Groups with a series of their own: those of a chart, and one for each provider's row.
const MOST_GROUPS: usize = 10;
const MOST_PROVIDERS: usize = 100;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

pub(super) async fn answer(
    usage: &UsageStore,
    query: MeterQuery,
    now: UnixMs,
) -> Result<ControlReply, Refusal> {
    let range = Range::of(&query, now)?;
    let (mine, before) =
        (range.filter(&query, range.since, range.until), range.filter(&query, range.before, range.since));
    let read = usage.read(move |view| Ok((view.rollups(&mine)?, view.rollups(&before)?)));
    let (rows, before) = read.await.map_err(unreadable)?;
    Ok(ControlReply::Meter(Box::new(report(&query, &range, &rows, &before))))
}

/// The slots a question is about.
struct Range {
    span: Span,
    since: i64,
    until: i64,
    /// Where the range of equal length before begins.
    before: i64,
}

impl Range {
    fn of(query: &MeterQuery, now: UnixMs) -> Result<Range, Refusal> {
        let until = query.until_ms.min(now.0);
        if query.since_ms < 0 || query.since_ms >= until {
            return Err(page::wrong(
                "query.since_ms",
                "must be before until_ms, in the past, and not before 1970",
            ));
        }
        let length = until - query.since_ms;
        let span = match query.slot_s {
            60 => Span::Minute,
            3600 => Span::Hour,
            86_400 => Span::Day,
            0 if length <= 125 * MINUTE_MS => Span::Minute,
            0 if length <= 8 * DAY_MS => Span::Hour,
            0 => Span::Day,
            _other => return Err(page::wrong("query.slot_s", "must be 0, 60, 3600 or 86400")),
        };
        let since = span.start_of(UnixMs(query.since_ms)) * 1000;
        let length = until - since;
        if length / (span.seconds() * 1000) > MOST_SLOTS {
            return Err(page::wrong("query.slot_s", "is too fine for so long a time"));
        }
        // Whole slots, so that none of them counts in both.
        let before = span.start_of(UnixMs(since - length)) * 1000;
        Ok(Range { span, since, until, before })
    }

    fn filter(&self, query: &MeterQuery, since: i64, until: i64) -> RollupFilter {
        RollupFilter {
            span: self.span,
            since: UnixMs(since),
            until: UnixMs(until),
            provider: query.provider.clone(),
            app: query.app.clone(),
            model: query.model.clone(),
        }
    }

    fn slots(&self) -> impl Iterator<Item = i64> {
        let step = self.span.seconds();
        (0..).map(move |n| self.since / 1000 + n * step).take_while(|start| start * 1000 < self.until)
    }
}

fn report(query: &MeterQuery, range: &Range, rows: &[RollupRow], before: &[RollupRow]) -> MeterReport {
    let mut groups: BTreeMap<&str, Vec<&RollupRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(group(query.by, &row.key)).or_default().push(row);
    }
    let mut largest: Vec<(&str, u64)> =
        groups.iter().map(|(name, rows)| (*name, rows.iter().map(|row| row.sums.calls).sum())).collect();
    largest.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    let most = if query.by == MeterGroup::Provider { MOST_PROVIDERS } else { MOST_GROUPS };
    let series_of =
        |(name, _): &(&str, u64)| ((*name).to_owned(), series(range, groups[name].iter().copied()));
    MeterReport {
        since_ms: range.since,
        until_ms: range.until,
        slot_s: u32::try_from(range.span.seconds()).unwrap_or(u32::MAX),
        total: meter(rows),
        before: meter(before),
        groups: groups.iter().map(|(name, rows)| ((*name).to_owned(), meter(rows.iter().copied()))).collect(),
        series: series(range, rows),
        series_by_group: largest.iter().take(most).map(series_of).collect(),
    }
}

fn group(by: MeterGroup, key: &RollupKey) -> &str {
    match by {
        MeterGroup::Provider => &key.provider,
        MeterGroup::App => &key.app,
        MeterGroup::Model => &key.model,
    }
}

fn series<'r>(range: &Range, rows: impl IntoIterator<Item = &'r RollupRow>) -> Vec<MeterSlot> {
    let mut sums: BTreeMap<i64, Rollup> = BTreeMap::new();
    for row in rows {
        sums.entry(row.key.start).or_default().merge(&row.sums);
    }
    let nothing = Rollup::default();
    range.slots().map(|start| slot(start, sums.get(&start).unwrap_or(&nothing))).collect()
}

fn slot(start: i64, sums: &Rollup) -> MeterSlot {
    MeterSlot {
        start_ms: start * 1000,
        calls: sums.calls,
        failed: sums.failed,
        tokens_in: sums.input_fresh + sums.cache_read + sums.cache_write,
        tokens_out: sums.output,
        latency_p50_us: sums.total.quantile(0.5),
        latency_p95_us: sums.total.quantile(0.95),
        overhead_p95_us: sums.overhead.quantile(0.95),
    }
}

fn meter<'r>(rows: impl IntoIterator<Item = &'r RollupRow>) -> Meter {
    let mut sums = Rollup::default();
    let mut cost_nano: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows {
        sums.merge(&row.sums);
        if !row.key.currency.is_empty() {
            let cost = cost_nano.entry(row.key.currency.clone()).or_default();
            *cost = cost.saturating_add(row.sums.cost_nano);
        }
    }
    // Nothing was counted, or everything that was counted was nothing: unknown and 0 are told apart.
    let measured = sums.calls > sums.unmeasured;
    let known = |n: u64| measured.then_some(n);
    Meter {
        calls: sums.calls,
        failed: sums.failed,
        streams: sums.streams,
        attempts: sums.attempts,
        usage: Usage {
            input_fresh: known(sums.input_fresh),
            cache_read: known(sums.cache_read),
            cache_write: known(sums.cache_write),
            output: known(sums.output),
            reasoning: known(sums.reasoning),
        },
        unmeasured: sums.unmeasured,
        estimated: sums.estimated,
        cost_nano,
        unpriced: sums.unpriced,
        failures: sums.failures,
        latency: percentiles(&sums.total),
        first_token: percentiles(&sums.first_token),
        overhead: percentiles(&sums.overhead),
    }
}

fn percentiles(histogram: &Histogram) -> Percentiles {
    Percentiles {
        p50_us: histogram.quantile(0.5),
        p95_us: histogram.quantile(0.95),
        p99_us: histogram.quantile(0.99),
    }
}

#[cfg(test)]
mod tests;
