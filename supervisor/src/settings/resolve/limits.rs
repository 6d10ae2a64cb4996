//! Rates, limits and budgets.

use super::value::{count, milliseconds, some_count};
use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::Typed;
use crate::settings::quantity;
use crate::settings::raw::keys::{budgets as budget_keys, limits as limit_keys, rates as rate_keys};
use crate::settings::raw::{RawBudgets, RawLimits, RawRates};
use protocol::ipc::configure::{Budget, Budgets, Limits, Money, Rates};

const DAY: u64 = 24 * 3_600_000;
/// More than anybody can mean, and still far from where sums overflow.
const MOST: u64 = 1 << 50;

pub(super) fn rates(raw: RawRates, findings: &mut Findings) -> Rates {
    use rate_keys as own;
    Rates {
        requests_per_second: some_count(
            raw.requests_per_second,
            1..=1_000_000,
            own::REQUESTS_PER_SECOND,
            findings,
        ),
        requests_per_minute: some_count(
            raw.requests_per_minute,
            1..=60_000_000,
            own::REQUESTS_PER_MINUTE,
            findings,
        ),
        tokens_per_minute: some_count(raw.tokens_per_minute, 1..=MOST, own::TOKENS_PER_MINUTE, findings),
    }
}

pub(super) fn limits(raw: RawLimits, findings: &mut Findings) -> Limits {
    use limit_keys as own;
    let usual = Limits::default();
    Limits {
        rates: rates(raw.rates, findings),
        concurrent: some_count(raw.concurrent, 1..=1_000_000, own::CONCURRENT, findings),
        queue: count(raw.queue, usual.queue, 0..=1_000_000, own::QUEUE, findings),
        wait_ms: milliseconds(raw.wait, usual.wait_ms, 0..=DAY, own::WAIT, findings),
    }
}

pub(super) fn budgets(raw: RawBudgets, findings: &mut Findings) -> Budgets {
    use budget_keys as own;
    Budgets {
        daily: Budget {
            tokens: some_count(raw.daily_tokens, 1..=MOST, own::DAILY_TOKENS, findings),
            cost: costs(raw.daily_cost, own::DAILY_COST, findings),
        },
        monthly: Budget {
            tokens: some_count(raw.monthly_tokens, 1..=MOST, own::MONTHLY_TOKENS, findings),
            cost: costs(raw.monthly_cost, own::MONTHLY_COST, findings),
        },
    }
}

fn costs(typed: Vec<Typed<String>>, key: Key, findings: &mut Findings) -> Vec<Money> {
    let mut costs: Vec<Money> = Vec::with_capacity(typed.len());
    for typed in typed {
        let shown = typed.value.escape_debug();
        let Some((nano, currency)) = quantity::money(&typed.value) else {
            let what = format!("`{shown}` is no amount for `{}`: a number and a currency are", key.name);
            findings.mistake(&typed.place, what, key.example);
            continue;
        };
        if costs.iter().any(|other| other.currency == currency) {
            findings.mistake(&typed.place, format!("`{}` names {currency} twice", key.name), key.example);
            continue;
        }
        costs.push(Money { nano, currency });
    }
    costs
}
