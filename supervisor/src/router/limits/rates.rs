//! The rates of one app, key or provider together. Pure: the time is a parameter, in nanoseconds.

use super::bucket::{Bucket, Level};
use protocol::ipc::configure::Rates;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// See the module; what has no bound has no bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateSet {
    per_second: Option<Bucket>,
    per_minute: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// Which rate says no, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) limit: &'static str,
    pub(crate) capacity: u64,
    pub(crate) wait: Duration,
}

impl RateSet {
    /// Other bounds; what was taken stays taken.
    pub(crate) fn resize(&mut self, rates: &Rates, now: u64) {
        let fit =
            |bucket: &mut Option<Bucket>, capacity: Option<u64>, period| match (bucket.as_mut(), capacity) {
                (_, None) => *bucket = None,
                (Some(old), Some(capacity)) => old.resize(capacity, now),
                (None, Some(capacity)) => *bucket = Some(Bucket::new(capacity, period)),
            };
        fit(&mut self.per_second, rates.requests_per_second, SECOND);
        fit(&mut self.per_minute, rates.requests_per_minute, MINUTE);
        fit(&mut self.tokens, rates.tokens_per_minute, MINUTE);
    }

    /// The rate that holds one call of so many tokens up the longest; `None` = it fits.
    pub(crate) fn full(&self, tokens: u64, now: u64) -> Option<Full> {
        let waits = self.named().filter_map(|(limit, bucket)| {
            let units = if limit == TOKENS { tokens } else { 1 };
            let wait = bucket.wait(units, now);
            (!wait.is_zero()).then(|| Full { limit, capacity: bucket.level(now).capacity, wait })
        });
        waits.max_by_key(|full| full.wait)
    }

    /// Takes one call of so many tokens, whether it fits or not.
    pub(crate) fn take(&mut self, tokens: u64, now: u64) {
        self.per_second.iter_mut().chain(&mut self.per_minute).for_each(|bucket| bucket.take(1, now));
        self.tokens.iter_mut().for_each(|bucket| bucket.take(tokens, now));
    }

    /// A call that was counted did not happen.
    pub(crate) fn give_back(&mut self, tokens: u64) {
        self.per_second.iter_mut().chain(&mut self.per_minute).for_each(|bucket| bucket.give(1));
        self.tokens.iter_mut().for_each(|bucket| bucket.give(tokens));
    }

    /// A call took other tokens than were reserved for it.
    pub(crate) fn settle(&mut self, reserved: u64, actual: u64, now: u64) {
        if let Some(bucket) = &mut self.tokens {
            bucket.give(reserved.saturating_sub(actual));
            if actual > reserved {
                bucket.take(actual - reserved, now);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named().next().is_none()
    }

    pub(crate) fn counts_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// How full each is, by the name of its limit.
    pub(crate) fn levels(&self, now: u64) -> Vec<(&'static str, Level)> {
        self.named().map(|(limit, bucket)| (limit, bucket.level(now))).collect()
    }

    /// Goes on where another process was.
    pub(crate) fn restore(&mut self, limit: &str, resets_in: Duration, now: u64) {
        let bucket = match limit {
            PER_SECOND => &mut self.per_second,
            PER_MINUTE => &mut self.per_minute,
            TOKENS => &mut self.tokens,
            _ => return,
        };
        bucket.iter_mut().for_each(|bucket| bucket.restore(resets_in, now));
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Bucket)> {
        let named = [
            (PER_SECOND, self.per_second.as_ref()),
            (PER_MINUTE, self.per_minute.as_ref()),
            (TOKENS, self.tokens.as_ref()),
        ];
        named.into_iter().filter_map(|(limit, bucket)| Some((limit, bucket?)))
    }
}

pub(crate) const PER_SECOND: &str = "requests_per_second";
pub(crate) const PER_MINUTE: &str = "requests_per_minute";
pub(crate) const TOKENS: &str = "tokens_per_minute";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_rate_decides_and_settlement_corrects() {
        let rates =
            Rates { requests_per_second: Some(10), requests_per_minute: None, tokens_per_minute: Some(600) };
        let mut set = RateSet::default();
        set.resize(&rates, 0);
        assert_eq!(set.full(600, 0), None);
        set.take(600, 0);
        let full = set.full(60, 0).unwrap();
        assert_eq!((full.limit, full.capacity, full.wait), (TOKENS, 600, Duration::from_secs(6)));
        set.settle(600, 100, 0);
        assert_eq!(set.full(500, 0), None);
        set.settle(100, 700, 0);
        assert_eq!(set.full(1, 0).unwrap().limit, TOKENS);
        set.resize(&Rates::default(), 0);
        assert!(set.is_empty() && set.full(u64::MAX, 0).is_none());
    }
}
