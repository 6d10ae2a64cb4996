//! `limits`, `rates` and `budgets` as typed.

use super::keys;
use crate::settings::cursor::Cursor;
use crate::settings::place::Typed;

/// `rates = { ... }`, also part of `limits`.
#[derive(Clone, Default)]
pub(crate) struct RawRates {
    pub(crate) requests_per_second: Option<Typed<i64>>,
    pub(crate) requests_per_minute: Option<Typed<i64>>,
    pub(crate) tokens_per_minute: Option<Typed<i64>>,
}

/// `limits = { ... }`
#[derive(Clone, Default)]
pub(crate) struct RawLimits {
    pub(crate) rates: RawRates,
    pub(crate) concurrent: Option<Typed<i64>>,
    pub(crate) queue: Option<Typed<i64>>,
    pub(crate) wait: Option<Typed<String>>,
}

/// `budgets = { ... }`
#[derive(Clone, Default)]
pub(crate) struct RawBudgets {
    pub(crate) daily_tokens: Option<Typed<i64>>,
    pub(crate) monthly_tokens: Option<Typed<i64>>,
    pub(crate) daily_cost: Vec<Typed<String>>,
    pub(crate) monthly_cost: Vec<Typed<String>>,
}

pub(super) fn read_rates(table: &mut Cursor<'_, '_>) -> RawRates {
    use keys::rates as own;
    RawRates {
        requests_per_second: table.number(own::REQUESTS_PER_SECOND),
        requests_per_minute: table.number(own::REQUESTS_PER_MINUTE),
        tokens_per_minute: table.number(own::TOKENS_PER_MINUTE),
    }
}

pub(super) fn read_limits(table: &mut Cursor<'_, '_>) -> RawLimits {
    use keys::limits as own;
    RawLimits {
        rates: read_rates(table),
        concurrent: table.number(own::CONCURRENT),
        queue: table.number(own::QUEUE),
        wait: table.text(own::WAIT),
    }
}

pub(super) fn read_budgets(table: &mut Cursor<'_, '_>) -> RawBudgets {
    use keys::budgets as own;
    RawBudgets {
        daily_tokens: table.number(own::DAILY_TOKENS),
        monthly_tokens: table.number(own::MONTHLY_TOKENS),
        daily_cost: table.texts(own::DAILY_COST).unwrap_or_default(),
        monthly_cost: table.texts(own::MONTHLY_COST).unwrap_or_default(),
    }
}
