//! Sums of calls by time slot, provider, app and model. Kept in the transaction that adds the calls, so that
//! the sums and the rows always agree; kept longer than the rows.

use super::calls::{CallRow, failure_name};
use super::error::StoreError;
use super::histogram::Histogram;
use super::page::Clause;
use super::usage::UsageView;
use super::words::{Json, UnixMs, count, uncount};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql, params};
use std::collections::BTreeMap;

/// The length of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Span {
    Minute,
    Hour,
    Day,
}

/// What a row sums up. Slots are cut in UTC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RollupKey {
    pub(crate) span: Span,
    /// Beginning of the slot, seconds since 1970.
    pub(crate) start: i64,
    /// Empty = no provider was reached.
    pub(crate) provider: String,
    pub(crate) app: String,
    /// The upstream's model; empty = no candidate was chosen (what clients may invent is not counted apart).
    pub(crate) model: String,
    /// Empty = without a price. Amounts of different currencies are never added.
    pub(crate) currency: String,
}

/// The sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rollup {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) streams: u64,
    pub(crate) attempts: u64,
    pub(crate) input_fresh: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
    /// Calls without any token count: the sums above are too small by theirs.
    pub(crate) unmeasured: u64,
    /// Calls whose counts are estimates.
    pub(crate) estimated: u64,
    pub(crate) cost_nano: i64,
    /// Calls whose cost is not known.
    pub(crate) unpriced: u64,
    pub(crate) total_us: u64,
    pub(crate) upstream_us: u64,
    /// Failures by kind.
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) total: Histogram,
    pub(crate) first_token: Histogram,
    /// What was ours of each call's time.
    pub(crate) overhead: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RollupRow {
    pub(crate) key: RollupKey,
    pub(crate) sums: Rollup,
}

/// Which slots to read; `None` = any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RollupFilter {
    pub(crate) span: Span,
    pub(crate) since: UnixMs,
    pub(crate) until: UnixMs,
    pub(crate) provider: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) model: Option<String>,
}

const COLUMNS: &str = "span, start, provider, app, model, currency, calls, failed, streams, attempts, input_fresh,
    cache_read, cache_write, output, reasoning, unmeasured, estimated, cost_nano, unpriced, total_us, upstream_us,
    failures, total_hist, token_hist, overhead_hist";

impl Span {
    pub(crate) const ALL: [Span; 3] = [Span::Minute, Span::Hour, Span::Day];

    pub(crate) fn seconds(self) -> i64 {
        match self {
            Span::Minute => 60,
            Span::Hour => 3600,
            Span::Day => 86_400,
        }
    }

    /// Beginning of the slot an instant is in, seconds since 1970.
    pub(crate) fn start_of(self, at: UnixMs) -> i64 {
        let seconds = at.0.div_euclid(1000);
        seconds - seconds.rem_euclid(self.seconds())
    }
}

impl RollupKey {
    /// The slot of a call.
    pub(crate) fn of(call: &CallRow, span: Span) -> RollupKey {
        RollupKey {
            span,
            start: span.start_of(call.at),
            provider: call.provider.clone().unwrap_or_default(),
            app: call.app.clone(),
            model: call.upstream_model.clone().unwrap_or_default(),
            currency: call.cost.as_ref().map(|c| c.currency.clone()).unwrap_or_default(),
        }
    }
}

impl RollupKey {
    /// The slot of another length that this slot is part of.
    pub(super) fn within(&self, span: Span) -> RollupKey {
        RollupKey { span, start: self.start - self.start.rem_euclid(span.seconds()), ..self.clone() }
    }
}

impl Rollup {
    /// The sums of one call.
    pub(crate) fn of(call: &CallRow) -> Rollup {
        let (usage, timings) = (&call.usage, &call.timings);
        let mut sums = Rollup {
            calls: 1,
            failed: u64::from(call.failure.is_some()),
            streams: u64::from(call.stream),
            attempts: u64::from(call.attempts),
            input_fresh: usage.input_fresh.unwrap_or(0),
            cache_read: usage.cache_read.unwrap_or(0),
            cache_write: usage.cache_write.unwrap_or(0),
            output: usage.output.unwrap_or(0),
            reasoning: usage.reasoning.unwrap_or(0),
            unmeasured: u64::from(usage.is_empty()),
            estimated: u64::from(call.usage_source == Some(protocol::model::UsageSource::Estimated)),
            cost_nano: call.cost.as_ref().map_or(0, |c| c.nano),
            unpriced: u64::from(call.cost.is_none()),
            total_us: timings.total_us,
            upstream_us: timings.upstream_us.unwrap_or(0),
            failures: call.failure.map(|kind| (failure_name(kind), 1)).into_iter().collect(),
            ..Rollup::default()
        };
        sums.total.add(timings.total_us);
        if let Some(us) = timings.first_token_us {
            sums.first_token.add(us);
        }
        if let Some(upstream) = timings.upstream_us {
            sums.overhead.add(timings.total_us.saturating_sub(upstream));
        }
        sums
    }

    /// Adds what another one sums up.
    pub(crate) fn merge(&mut self, other: &Rollup) {
        let pairs = [
            (&mut self.calls, other.calls),
            (&mut self.failed, other.failed),
            (&mut self.streams, other.streams),
            (&mut self.attempts, other.attempts),
            (&mut self.input_fresh, other.input_fresh),
            (&mut self.cache_read, other.cache_read),
            (&mut self.cache_write, other.cache_write),
            (&mut self.output, other.output),
            (&mut self.reasoning, other.reasoning),
            (&mut self.unmeasured, other.unmeasured),
            (&mut self.estimated, other.estimated),
            (&mut self.unpriced, other.unpriced),
            (&mut self.total_us, other.total_us),
            (&mut self.upstream_us, other.upstream_us),
        ];
        for (mine, theirs) in pairs {
            *mine = mine.saturating_add(theirs);
        }
        self.cost_nano = self.cost_nano.saturating_add(other.cost_nano);
        for (kind, n) in &other.failures {
            let mine = self.failures.entry(kind.clone()).or_default();
            *mine = mine.saturating_add(*n);
        }
        self.total.merge(&other.total);
        self.first_token.merge(&other.first_token);
        self.overhead.merge(&other.overhead);
    }
}

impl UsageView<'_> {
    /// The slots that overlap a time, oldest first.
    pub(crate) fn rollups(&self, filter: &RollupFilter) -> Result<Vec<RollupRow>, StoreError> {
        let mut clause = Clause::new();
        clause.equal("span", Some(filter.span));
        clause.at_least("start", Some(filter.span.start_of(filter.since)));
        clause.below("start", Some(filter.until.0.div_euclid(1000)));
        clause.equal("provider", filter.provider.clone());
        clause.equal("app", filter.app.clone());
        clause.equal("model", filter.model.clone());
        let sql =
            format!("SELECT {COLUMNS} FROM rollups {} ORDER BY start, provider, app, model", clause.sql());
        self.view.all(&sql, clause.params(), from_row)
    }

    /// Adds sums to the rows of their slots.
    pub(super) fn add_rollups(&self, added: &BTreeMap<RollupKey, Rollup>) -> Result<(), StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM rollups WHERE span = ?1 AND start = ?2 AND provider = ?3 AND app = ?4
             AND model = ?5 AND currency = ?6"
        );
        let values = (0..25).map(|n| format!("?{}", n + 1)).collect::<Vec<_>>().join(", ");
        let replace = format!("INSERT OR REPLACE INTO rollups ({COLUMNS}) VALUES ({values})");
        for (key, sums) in added {
            let place = params![key.span, key.start, key.provider, key.app, key.model, key.currency];
            let kept = self.view.one(&select, place, from_row)?;
            let mut total = kept.map(|row| row.sums).unwrap_or_default();
            total.merge(sums);
            self.put(&replace, key, &total)?;
        }
        Ok(())
    }

    fn put(&self, sql: &str, key: &RollupKey, sums: &Rollup) -> Result<(), StoreError> {
        self.view.execute(
            sql,
            params![
                key.span,
                key.start,
                key.provider,
                key.app,
                key.model,
                key.currency,
                count(sums.calls),
                count(sums.failed),
                count(sums.streams),
                count(sums.attempts),
                count(sums.input_fresh),
                count(sums.cache_read),
                count(sums.cache_write),
                count(sums.output),
                count(sums.reasoning),
                count(sums.unmeasured),
                count(sums.estimated),
                sums.cost_nano,
                count(sums.unpriced),
                count(sums.total_us),
                count(sums.upstream_us),
                Json(&sums.failures),
                sums.total,
                sums.first_token,
                sums.overhead,
            ],
        )?;
        Ok(())
    }

    /// Removes slots of one span from before an instant, at most `limit`. Returns how many.
    pub(super) fn prune_rollups(&self, span: Span, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM rollups WHERE (span, start, provider, app, model, currency) IN
                   (SELECT span, start, provider, app, model, currency FROM rollups
                    WHERE span = ?1 AND start < ?2 ORDER BY start LIMIT ?3)";
        Ok(self.view.execute(sql, (span, before.0.div_euclid(1000), limit))?)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<RollupRow> {
    let number = |column| row.get::<_, i64>(column).map(uncount);
    let key = RollupKey {
        span: row.get(0)?,
        start: row.get(1)?,
        provider: row.get(2)?,
        app: row.get(3)?,
        model: row.get(4)?,
        currency: row.get(5)?,
    };
    let sums = Rollup {
        calls: number(6)?,
        failed: number(7)?,
        streams: number(8)?,
        attempts: number(9)?,
        input_fresh: number(10)?,
        cache_read: number(11)?,
        cache_write: number(12)?,
        output: number(13)?,
        reasoning: number(14)?,
        unmeasured: number(15)?,
        estimated: number(16)?,
        cost_nano: row.get(17)?,
        unpriced: number(18)?,
        total_us: number(19)?,
        upstream_us: number(20)?,
        failures: row.get::<_, Json<_>>(21)?.0,
        total: row.get(22)?,
        first_token: row.get(23)?,
        overhead: row.get(24)?,
    };
    Ok(RollupRow { key, sums })
}

impl ToSql for Span {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.seconds().into())
    }
}

impl FromSql for Span {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let seconds = value.as_i64()?;
        Span::ALL.into_iter().find(|span| span.seconds() == seconds).ok_or(FromSqlError::OutOfRange(seconds))
    }
}
