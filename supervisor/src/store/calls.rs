//! Finished calls as rows: written once per id, read in pages. Summing them up is [`super::rollups`]' work.

use super::error::StoreError;
use super::page::{Clause, Page};
use super::providers::{always_named, named};
use super::usage::UsageView;
use super::words::{UnixMs, count, uncount};
pub(crate) use protocol::control::record::CallTimings;
use protocol::dialect::{Dialect, Operation};
use protocol::model::{FailureKind, Usage, UsageSource};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql, params};
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A UUIDv7. It stands in its column as 16 bytes, whose order is that of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) uuid::Uuid);

/// A finished call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallRow {
    /// UUIDv7, made when the call came in.
    pub(crate) id: CallId,
    /// When it came in.
    pub(crate) at: UnixMs,
    pub(crate) app: String,
    /// The provider that answered, or was tried last; `None` = none was reached.
    pub(crate) provider: Option<String>,
    /// As the client asked for it.
    pub(crate) model: String,
    /// In the provider's own words; `None` = no candidate was chosen.
    pub(crate) upstream_model: Option<String>,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    /// The HTTP status the client saw.
    pub(crate) status: u16,
    pub(crate) failure: Option<FailureKind>,
    pub(crate) attempts: u8,
    pub(crate) stream: bool,
    pub(crate) request_bytes: u64,
    pub(crate) usage: Usage,
    pub(crate) usage_source: Option<UsageSource>,
    pub(crate) cost: Option<Cost>,
    pub(crate) timings: CallTimings,
    /// The decision trace as JSON, if it is kept. Not read back with pages: see [`UsageView::trace`].
    pub(crate) trace: Option<String>,
}

/// What a call cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cost {
    /// Billionths of the currency unit.
    pub(crate) nano: i64,
    /// ISO 4217.
    pub(crate) currency: String,
}

/// Which calls to show by how they ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served,
    Failed,
    FailedWith(FailureKind),
}

/// Which calls to show; `None` = any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallFilter {
    pub(crate) app: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) since: Option<UnixMs>,
    pub(crate) until: Option<UnixMs>,
}

const COLUMNS: &str = "id, at, app, provider, model, upstream_model, dialect, operation, status, failure, attempts, stream,
    request_bytes, input_fresh, cache_read, cache_write, output, reasoning, usage_source, cost_nano, currency, queue_us,
    ipc_us, connect_us, first_byte_us, first_token_us, upstream_us, total_us";

/// Built once: a statement is found by its text.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let values = (1..=28).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO calls ({COLUMNS}) VALUES ({values}) ON CONFLICT (id) DO NOTHING")
});

impl CallId {
    /// The least id of an instant: calls that came in before it sort below.
    pub(crate) fn first_at(at: UnixMs) -> CallId {
        let ms = u128::from(uncount(at.0)) & 0xffff_ffff_ffff;
        CallId(uuid::Uuid::from_u128(ms << 80))
    }
}

impl UsageView<'_> {
    /// Calls in the order of the page, without their traces.
    pub(crate) fn calls(&self, filter: &CallFilter, page: Page<CallId>) -> Result<Vec<CallRow>, StoreError> {
        let mut clause = Clause::new();
        narrow(&mut clause, filter);
        clause.at_least("id", filter.since.map(CallId::first_at));
        clause.below("id", filter.until.map(CallId::first_at));
        clause.below("id", page.before);
        clause.above("id", page.after);
        let (terms, order, limit) = (clause.sql(), page.order(), page.limit());
        // Which calls they are is read from an index alone; only those are looked up.
        let found = format!("SELECT id FROM calls {terms} ORDER BY id {order} LIMIT {limit}");
        let sql = format!("SELECT {COLUMNS} FROM calls WHERE id IN ({found}) ORDER BY id {order}");
        self.view.all(&sql, clause.params(), from_row)
    }

    /// One call with its trace.
    pub(crate) fn call(&self, id: CallId) -> Result<Option<CallRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM calls WHERE id = ?1");
        let Some(mut call) = self.view.one(&sql, [id], from_row)? else { return Ok(None) };
        call.trace = self.trace(id)?;
        Ok(Some(call))
    }

    /// The decision trace of a call.
    pub(crate) fn trace(&self, id: CallId) -> Result<Option<String>, StoreError> {
        self.view.one("SELECT trace FROM traces WHERE call_id = ?1", [id], |row| row.get(0))
    }

    /// Adds a call unless its id is there already. True when it was added.
    pub(super) fn add_call(&self, call: &CallRow) -> Result<bool, StoreError> {
        let (usage, timings) = (&call.usage, &call.timings);
        let added = self.view.execute(
            &INSERT,
            params![
                call.id,
                call.at,
                call.app,
                call.provider,
                call.model,
                call.upstream_model,
                call.dialect.name(),
                operation_name(call.operation),
                call.status,
                call.failure.map(failure_name),
                call.attempts,
                call.stream,
                count(call.request_bytes),
                usage.input_fresh.map(count),
                usage.cache_read.map(count),
                usage.cache_write.map(count),
                usage.output.map(count),
                usage.reasoning.map(count),
                call.usage_source.map(source_name),
                call.cost.as_ref().map(|c| c.nano),
                call.cost.as_ref().map(|c| c.currency.as_str()),
                timings.queue_us.map(count),
                timings.ipc_us.map(count),
                timings.connect_us.map(count),
                timings.first_byte_us.map(count),
                timings.first_token_us.map(count),
                timings.upstream_us.map(count),
                count(timings.total_us),
            ],
        )?;
        if let (1, Some(trace)) = (added, &call.trace) {
            self.view.execute("INSERT INTO traces (call_id, trace) VALUES (?1, ?2)", (call.id, trace))?;
        }
        Ok(added == 1)
    }

    /// Removes calls from before an instant, the oldest first, at most `limit`. Returns how many.
    pub(super) fn prune_calls(&self, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let edge = CallId::first_at(before);
        self.prune_traces(before, limit)?;
        let sql = "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE id < ?1 ORDER BY id LIMIT ?2)";
        Ok(self.view.execute(sql, (edge, limit))?)
    }

    /// Removes traces from before an instant, the oldest first, at most `limit`. Returns how many.
    pub(super) fn prune_traces(&self, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let edge = CallId::first_at(before);
        let sql = "DELETE FROM traces WHERE call_id IN
                   (SELECT call_id FROM traces WHERE call_id < ?1 ORDER BY call_id LIMIT ?2)";
        Ok(self.view.execute(sql, (edge, limit))?)
    }
}

/// The word a kind of failure has in columns and JSON.
pub(super) fn failure_name(kind: FailureKind) -> String {
    // Unit variants serialise to their name, and serialising one cannot fail.
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn failure_named(word: &str) -> Option<FailureKind> {
    let word: StrDeserializer<'_, WordError> = word.into_deserializer();
    FailureKind::deserialize(word).ok()
}

fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "chat",
        Operation::Complete => "complete",
        Operation::Embed => "embed",
        Operation::CountTokens => "count-tokens",
        Operation::Raw => "raw",
    }
}

fn operation_named(word: &str) -> Option<Operation> {
    use Operation as O;
    [O::Chat, O::Complete, O::Embed, O::CountTokens, O::Raw].into_iter().find(|o| operation_name(*o) == word)
}

fn source_name(source: UsageSource) -> &'static str {
    match source {
        UsageSource::Reported => "reported",
        UsageSource::Estimated => "estimated",
    }
}

fn source_named(word: &str) -> Option<UsageSource> {
    [UsageSource::Reported, UsageSource::Estimated].into_iter().find(|s| source_name(*s) == word)
}

/// The conditions of a filter. One of them finds the rows, the first in the order of the columns of the indexes; a `+`
/// keeps SQLite from choosing another index for the rest, which stands in the chosen one (`migrations/usage/0003`).
fn narrow(clause: &mut Clause, filter: &CallFilter) {
    let by_app = filter.app.is_some();
    let by_account = by_app || filter.provider.is_some();
    let by_name = by_account || filter.model.is_some();
    clause.equal("app", filter.app.clone());
    clause.equal(if by_app { "+provider" } else { "provider" }, filter.provider.clone());
    clause.equal(if by_account { "+model" } else { "model" }, filter.model.clone());
    match filter.outcome {
        None => {}
        Some(Outcome::Served) => clause.plain("+failure IS NULL"),
        Some(Outcome::Failed) if by_name => clause.plain("+failure IS NOT NULL"),
        Some(Outcome::Failed) => clause.plain("failure IS NOT NULL"),
        Some(Outcome::FailedWith(kind)) => {
            clause.equal(if by_name { "+failure" } else { "failure" }, Some(failure_name(kind)));
        }
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let number = |column| row.get::<_, Option<i64>>(column).map(|found| found.map(uncount));
    let cost = match (row.get(19)?, row.get(20)?) {
        (Some(nano), Some(currency)) => Some(Cost { nano, currency }),
        (_, _) => None,
    };
    Ok(CallRow {
        id: row.get(0)?,
        at: row.get(1)?,
        app: row.get(2)?,
        provider: row.get(3)?,
        model: row.get(4)?,
        upstream_model: row.get(5)?,
        dialect: always_named(row, 6, Dialect::from_name)?,
        operation: always_named(row, 7, operation_named)?,
        status: row.get(8)?,
        failure: named(row, 9, failure_named)?,
        attempts: row.get(10)?,
        stream: row.get(11)?,
        request_bytes: uncount(row.get(12)?),
        usage: usage_from_row(row)?,
        usage_source: named(row, 18, source_named)?,
        cost,
        timings: CallTimings {
            queue_us: number(21)?,
            ipc_us: number(22)?,
            connect_us: number(23)?,
            first_byte_us: number(24)?,
            first_token_us: number(25)?,
            upstream_us: number(26)?,
            total_us: uncount(row.get(27)?),
        },
        trace: None,
    })
}

fn usage_from_row(row: &Row<'_>) -> rusqlite::Result<Usage> {
    let number = |column| row.get::<_, Option<i64>>(column).map(|found| found.map(uncount));
    Ok(Usage {
        input_fresh: number(13)?,
        cache_read: number(14)?,
        cache_write: number(15)?,
        output: number(16)?,
        reasoning: number(17)?,
    })
}

impl ToSql for CallId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.as_bytes().as_slice().to_sql()
    }
}

impl FromSql for CallId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        let wrong = || FromSqlError::InvalidBlobSize { expected_size: 16, blob_size: bytes.len() };
        uuid::Uuid::from_slice(bytes).map(CallId).map_err(|_| wrong())
    }
}
