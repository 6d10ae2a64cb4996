//! What models cost, and since when. A price is never changed, only followed by a newer one or removed: the cost
//! of an old call can be told from the price of its day.

use super::check::Check;
use super::edit::{Edit, View};
use super::error::{Object, StoreError, unique};
use super::words::{ModelId, PriceId, UnixMs, count, uncount};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

/// Amounts in millionths of the currency unit per million tokens ($0.25 = 250 000). `None` = not charged apart:
/// cached input then costs as fresh input does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PriceSpec {
    pub(crate) since: UnixMs,
    /// ISO 4217, upper case.
    pub(crate) currency: String,
    pub(crate) input_fresh: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    pub(crate) cache_write: Option<u64>,
    /// Reasoning included.
    pub(crate) output: Option<u64>,
}

/// A stored price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Price {
    pub(crate) id: PriceId,
    pub(crate) model_id: ModelId,
    #[serde(flatten)]
    pub(crate) spec: PriceSpec,
}

const SELECT: &str =
    "SELECT id, model_id, since, currency, input_fresh, cache_read, cache_write, output FROM prices";

impl PriceSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::Price);
        let code = self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        check.require(code, "currency", "must be three upper-case letters");
        let amounts = [self.input_fresh, self.cache_read, self.cache_write, self.output];
        // A thousand currency units per thousand tokens: more is a slip of the unit.
        let sane = amounts.iter().flatten().all(|amount| *amount <= 1_000_000_000_000);
        check.require(sane, "price", "must be in millionths of the currency unit per million tokens");
        check.finish()
    }
}

impl View<'_> {
    /// Prices of a model, the newest first.
    pub(crate) fn prices(&self, model: ModelId) -> Result<Vec<Price>, StoreError> {
        self.all(&format!("{SELECT} WHERE model_id = ?1 ORDER BY since DESC"), [model], from_row)
    }

    pub(crate) fn all_prices(&self) -> Result<Vec<Price>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY model_id, since DESC"), [], from_row)
    }

    /// The price of a model at an instant.
    pub(crate) fn price_at(&self, model: ModelId, at: UnixMs) -> Result<Option<Price>, StoreError> {
        let sql = format!("{SELECT} WHERE model_id = ?1 AND since <= ?2 ORDER BY since DESC LIMIT 1");
        self.one(&sql, (model, at), from_row)
    }
}

impl Edit<'_> {
    pub(crate) fn add_price(&mut self, model: ModelId, spec: &PriceSpec) -> Result<Price, StoreError> {
        spec.check()?;
        let name = self.model(model)?.spec.name;
        self.execute(
            "INSERT INTO prices (model_id, since, currency, input_fresh, cache_read, cache_write, output)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                model,
                spec.since,
                spec.currency,
                spec.input_fresh.map(count),
                spec.cache_read.map(count),
                spec.cache_write.map(count),
                spec.output.map(count),
            ],
        )
        .map_err(unique(Object::Price, format!("{name} since {}", spec.since.0)))?;
        let made = Price { id: PriceId(self.conn.last_insert_rowid()), model_id: model, spec: spec.clone() };
        self.created(Object::Price, made.id, &name, &made)?;
        Ok(made)
    }

    pub(crate) fn delete_price(&mut self, id: PriceId) -> Result<(), StoreError> {
        let before = self
            .one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Price, id))?;
        let name = self.model(before.model_id)?.spec.name;
        self.execute("DELETE FROM prices WHERE id = ?1", [id])?;
        self.deleted(Object::Price, id, &name, &before)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Price> {
    let amount = |column| row.get::<_, Option<i64>>(column).map(|found| found.map(uncount));
    Ok(Price {
        id: row.get(0)?,
        model_id: row.get(1)?,
        spec: PriceSpec {
            since: row.get(2)?,
            currency: row.get(3)?,
            input_fresh: amount(4)?,
            cache_read: amount(5)?,
            cache_write: amount(6)?,
            output: amount(7)?,
        },
    })
}
