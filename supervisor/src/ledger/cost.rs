//! What a call cost: tokens times price. Integers throughout; unknown stays unknown.

use crate::store::calls::Cost;
use crate::store::prices::PriceSpec;
use protocol::model::Usage;

/// The cost of a usage at a price. `None` when no token count is known, or a part that was used has no price.
/// Cached input without a price of its own costs what fresh input does.
pub(crate) fn cost_of(usage: &Usage, price: &PriceSpec) -> Option<Cost> {
    if usage.is_empty() {
        return None;
    }
    let parts = [
        (usage.input_fresh, price.input_fresh),
        (usage.cache_read, price.cache_read.or(price.input_fresh)),
        (usage.cache_write, price.cache_write.or(price.input_fresh)),
        // Reasoning is inside the output count.
        (usage.output, price.output),
    ];
    let mut total: u128 = 0;
    for (tokens, amount) in parts {
        match (tokens, amount) {
            (None | Some(0), _) => {}
            (Some(tokens), Some(amount)) => total += u128::from(tokens) * u128::from(amount),
            (Some(_), None) => return None,
        }
    }
    // tokens × millionths per million = 10⁻¹² units; a billionth is a thousand of them, rounded to the nearest.
    let nano = i64::try_from((total + 500) / 1000).unwrap_or(i64::MAX);
    Some(Cost { nano, currency: price.currency.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::UnixMs;

    fn price() -> PriceSpec {
        PriceSpec {
            since: UnixMs(0),
            currency: "USD".to_owned(),
            input_fresh: Some(3_000_000),
            cache_read: Some(300_000),
            cache_write: None,
            output: Some(15_000_000),
        }
    }

    #[test]
    fn parts_are_priced_apart() {
        let usage = Usage {
            input_fresh: Some(1000),
            cache_read: Some(10_000),
            cache_write: Some(1000),
            output: Some(500),
            reasoning: Some(400),
        };
        // $0.003 + $0.003 + $0.003 (as fresh) + $0.0075
        assert_eq!(cost_of(&usage, &price()).map(|c| c.nano), Some(16_500_000));
    }

    #[test]
    fn unknown_is_not_zero() {
        assert_eq!(cost_of(&Usage::default(), &price()), None);
        let free = PriceSpec { output: None, ..price() };
        let usage = Usage { input_fresh: Some(10), output: Some(1), ..Usage::default() };
        assert_eq!(cost_of(&usage, &free), None);
        let silent = Usage { output: Some(0), ..usage };
        assert_eq!(cost_of(&silent, &free).map(|c| c.nano), Some(30_000));
    }

    #[test]
    fn the_smallest_prices_count_and_the_largest_do_not_overflow() {
        let cheap = PriceSpec { input_fresh: Some(1), ..price() };
        let usage = |n| Usage { input_fresh: Some(n), ..Usage::default() };
        assert_eq!(cost_of(&usage(1_000_000), &cheap).map(|c| c.nano), Some(1000));
        let dear = PriceSpec { input_fresh: Some(u64::MAX), ..price() };
        assert_eq!(cost_of(&usage(u64::MAX), &dear).map(|c| c.nano), Some(i64::MAX));
    }
}
