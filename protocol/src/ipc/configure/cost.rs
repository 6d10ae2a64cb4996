//! What a call cost: tokens times price. Integers throughout; unknown stays unknown.

use super::Price;
use crate::model::Usage;

/// The price in force at an instant, out of a model's prices (newest last).
pub fn price_at(prices: &[Price], at_ms: u64) -> Option<&Price> {
    prices.iter().rev().find(|price| price.since_ms <= at_ms)
}

impl Price {
    /// What a usage costs, in billionths of the currency's unit. `None` when no token count is known, or a part
    /// that was used has no price. Cached input without a price of its own costs what fresh input does.
    pub fn cost_nano(&self, usage: &Usage) -> Option<i64> {
        if usage.is_empty() {
            return None;
        }
        let parts = [
            (usage.input_fresh, self.input_fresh),
            (usage.cache_read, self.cache_read.or(self.input_fresh)),
            (usage.cache_write, self.cache_write.or(self.input_fresh)),
            // Reasoning is inside the output count.
            (usage.output, self.output),
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
        Some(i64::try_from((total + 500) / 1000).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        Price {
            since_ms: 0,
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
        assert_eq!(price().cost_nano(&usage), Some(16_500_000));
    }

    #[test]
    fn unknown_is_not_zero() {
        assert_eq!(price().cost_nano(&Usage::default()), None);
        let free = Price { output: None, ..price() };
        let usage = Usage { input_fresh: Some(10), output: Some(1), ..Usage::default() };
        assert_eq!(free.cost_nano(&usage), None);
        let silent = Usage { output: Some(0), ..usage };
        assert_eq!(free.cost_nano(&silent), Some(30_000));
    }

    #[test]
    fn the_smallest_prices_count_and_the_largest_do_not_overflow() {
        let usage = |n| Usage { input_fresh: Some(n), ..Usage::default() };
        let cheap = Price { input_fresh: Some(1), ..price() };
        assert_eq!(cheap.cost_nano(&usage(1_000_000)), Some(1000));
        let dear = Price { input_fresh: Some(u64::MAX), ..price() };
        assert_eq!(dear.cost_nano(&usage(u64::MAX)), Some(i64::MAX));
    }

    #[test]
    fn the_price_of_the_day_counts() {
        let prices = [price(), Price { since_ms: 100, ..price() }];
        assert_eq!(price_at(&prices, 99), Some(&prices[0]));
        assert_eq!(price_at(&prices, 100), Some(&prices[1]));
        assert_eq!(price_at(&prices[1..], 99), None);
    }
}
