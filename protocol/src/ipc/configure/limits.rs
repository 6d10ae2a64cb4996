//! Bounds of traffic: how fast, how many at once, how long to wait, how much in a day and a month.

use serde::{Deserialize, Serialize};

/// How fast; absent = as fast as it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    pub requests_per_second: Option<u64>,
    pub requests_per_minute: Option<u64>,
    /// Input and output.
    pub tokens_per_minute: Option<u64>,
}

/// Bounds of an app or of one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub rates: Rates,
    /// Calls at once; absent = any number.
    pub concurrent: Option<u32>,
    /// Calls that may wait for a place.
    pub queue: u32,
    /// How long they may; 0 = as long as their deadline.
    pub wait_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rates: Rates::default(), concurrent: None, queue: 256, wait_ms: 30_000 }
    }
}

/// How much an app may use up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    pub daily: Budget,
    pub monthly: Budget,
}

/// How much in one period; nothing said = any amount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Input and output.
    pub tokens: Option<u64>,
    /// At most one for each currency; calls priced in another one do not count here.
    pub cost: Vec<Money>,
}

/// An amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Billionths of the currency's unit.
    pub nano: u64,
    /// ISO 4217, upper case; empty = whatever the prices are in.
    pub currency: String,
}
