//! Rates over the last ten seconds and percentiles over the last minute, overall and by provider. Bounded: a busy
//! minute is judged by its last two thousand calls.

use protocol::control::live::LiveMeter;
use protocol::control::record::CallSummary;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Seconds that rates are taken over, and that percentiles are.
const RATES: i64 = 10;
const PERCENTILES: i64 = 60;
/// Calls kept for percentiles.
const CALLS: usize = 2048;
/// Names of providers; those beyond are in the total only.
const PROVIDERS: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Meters {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    total: Window,
    providers: HashMap<String, Window>,
}

#[derive(Default)]
struct Window {
    seconds: VecDeque<Second>,
    calls: VecDeque<Past>,
}

/// What was over in one second.
struct Second {
    at: i64,
    calls: u32,
    errors: u32,
    tokens: u64,
}

/// One call that is over.
struct Past {
    at: i64,
    total_us: u64,
    first_token_us: Option<u64>,
    overhead_us: Option<u64>,
}

impl Meters {
    /// A call was over at that second.
    pub(super) fn add(&self, at: i64, call: &CallSummary) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.total.add(at, call);
        let Some(name) = &call.provider else { return };
        if let Some(window) = kept.providers.get_mut(name) {
            window.add(at, call);
        } else if kept.providers.len() < PROVIDERS {
            kept.providers.entry(name.clone()).or_default().add(at, call);
        }
    }

    /// Over all calls, at that second.
    pub(super) fn total(&self, now: i64) -> LiveMeter {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).total.read(now)
    }

    /// Over those of a provider.
    pub(super) fn provider(&self, name: &str, now: i64) -> LiveMeter {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.providers.get(name).map(|window| window.read(now)).unwrap_or_default()
    }
}

impl Window {
    fn add(&mut self, at: i64, call: &CallSummary) {
        if self.seconds.back().is_none_or(|last| last.at != at) {
            self.seconds.push_back(Second { at, calls: 0, errors: 0, tokens: 0 });
            while self.seconds.front().is_some_and(|first| first.at <= at - PERCENTILES) {
                self.seconds.pop_front();
            }
        }
        if let Some(second) = self.seconds.back_mut() {
            second.calls += 1;
            second.errors += u32::from(call.failure.is_some());
            second.tokens += call.usage.input_total().unwrap_or(0) + call.usage.output.unwrap_or(0);
        }
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        let timings = &call.timings;
        self.calls.push_back(Past {
            at,
            total_us: timings.total_us,
            first_token_us: timings.first_token_us,
            overhead_us: timings.upstream_us.map(|theirs| timings.total_us.saturating_sub(theirs)),
        });
    }

    fn read(&self, now: i64) -> LiveMeter {
        // The running second is not over yet.
        let recent = || self.seconds.iter().filter(|s| s.at < now && s.at >= now - RATES);
        let rate = |n: u64| n as f64 / RATES as f64;
        let past = || self.calls.iter().filter(|call| call.at > now - PERCENTILES);
        let totals = sorted(past().map(|call| call.total_us));
        LiveMeter {
            in_flight: 0,
            queued: 0,
            calls_per_s: rate(recent().map(|s| u64::from(s.calls)).sum()),
            errors_per_s: rate(recent().map(|s| u64::from(s.errors)).sum()),
            tokens_per_s: rate(recent().map(|s| s.tokens).sum()),
            latency_p50_us: quantile(&totals, 50),
            latency_p95_us: quantile(&totals, 95),
            first_token_p95_us: quantile(&sorted(past().filter_map(|call| call.first_token_us)), 95),
            overhead_p95_us: quantile(&sorted(past().filter_map(|call| call.overhead_us)), 95),
        }
    }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn quantile(sorted: &[u64], percent: usize) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::settled::tests::detail;

    #[test]
    fn rates_are_of_the_last_ten_whole_seconds() {
        let meters = Meters::default();
        let call = detail().call;
        for at in 100..130 {
            meters.add(at, &call);
            meters.add(at, &call);
        }
        let read = meters.total(130);
        assert_eq!((read.calls_per_s, read.errors_per_s, read.tokens_per_s), (2.0, 0.0, 14.0));
        assert_eq!(meters.total(129).calls_per_s, 2.0, "the running second is left out");
        assert_eq!(meters.total(300).calls_per_s, 0.0);
        assert_eq!(meters.total(300).latency_p50_us, None);
        assert_eq!(meters.provider("b", 130).calls_per_s, 2.0);
        assert_eq!(meters.provider("nobody", 130), LiveMeter::default());
    }

    #[test]
    fn percentiles_tell_our_time_apart() {
        let meters = Meters::default();
        meters.add(1, &detail().call);
        let read = meters.total(2);
        assert_eq!((read.latency_p95_us, read.overhead_p95_us), (Some(400_000), Some(80_000)));
        assert_eq!(read.first_token_p95_us, Some(101_000));
    }
}
