//! Durations counted in buckets, four per doubling from 50 µs to 14 minutes: percentiles within a fifth at worst,
//! mergeable, a few dozen bytes as a column. Pure.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// Buckets, the last one for everything longer.
const BUCKETS: usize = 98;

/// Upper bounds in microseconds. They are stored by number: changing them needs a migration.
const BOUNDS: [u64; BUCKETS - 1] = bounds();

/// How many durations fell into each bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Histogram {
    counts: [u32; BUCKETS],
}

/// The fourth root of two and its powers, in ten-thousandths.
const STEPS: [u64; 4] = [10_000, 11_892, 14_142, 16_818];

const fn bounds() -> [u64; BUCKETS - 1] {
    let mut bounds = [0; BUCKETS - 1];
    let mut n = 0;
    while n < BUCKETS - 1 {
        bounds[n] = (50_u64 << (n / 4)) * STEPS[n % 4] / 10_000;
        n += 1;
    }
    bounds
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: [0; BUCKETS] }
    }
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn add(&mut self, us: u64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < us);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds everything another one counted.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// Durations counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|n| u64::from(*n)).sum()
    }

    /// The duration below which that share of them lies (0.95 = p95), in microseconds, interpolated within its
    /// bucket; `None` when nothing was counted.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        for (bucket, count) in self.counts.iter().enumerate() {
            let here = f64::from(*count);
            if here > 0.0 && below + here >= wanted {
                let lower = bucket.checked_sub(1).and_then(|b| BOUNDS.get(b)).copied().unwrap_or(0);
                let upper = BOUNDS.get(bucket).copied().unwrap_or(lower);
                let part = ((wanted - below) / here).clamp(0.0, 1.0);
                return Some(lower + (upper.saturating_sub(lower) as f64 * part) as u64);
            }
            below += here;
        }
        BOUNDS.last().copied()
    }

    /// Buckets that hold something: upper bound in microseconds (`None` = beyond the last) and count.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u32)> {
        let held = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        held.map(|(bucket, count)| (BOUNDS.get(bucket).copied(), *count))
    }
}

impl ToSql for Histogram {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut bytes = Vec::new();
        for (bucket, count) in (0_u8..).zip(self.counts).filter(|(_, count)| *count > 0) {
            bytes.push(bucket);
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        Ok(bytes.into())
    }
}

impl FromSql for Histogram {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        let mut histogram = Histogram::default();
        let wrong = || FromSqlError::Other("a histogram column is malformed".into());
        for pair in bytes.chunks(5) {
            let [bucket, count @ ..] = pair else { return Err(wrong()) };
            let count = u32::from_le_bytes(count.try_into().map_err(|_| wrong())?);
            *histogram.counts.get_mut(usize::from(*bucket)).ok_or_else(wrong)? = count;
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_and_cover_what_calls_take() {
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(BOUNDS[0], 50);
        assert!(BOUNDS[BUCKETS - 2] > 800_000_000);
    }

    #[test]
    fn quantiles_are_within_a_bucket_of_the_truth() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|ms| histogram.add(ms * 1000));
        for (share, truth) in [(0.5, 5_000_000.0), (0.95, 9_500_000.0), (0.99, 9_900_000.0)] {
            let found = histogram.quantile(share).unwrap() as f64;
            assert!((found / truth - 1.0).abs() < 0.2, "{share}: {found} for {truth}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn what_is_longer_than_every_bound_is_counted() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX);
        histogram.add(0);
        assert_eq!(histogram.count(), 2);
        assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(Some(50), 1), (None, 1)]);
    }

    #[test]
    fn column_form_round_trips_and_garbage_is_refused() {
        let mut histogram = Histogram::default();
        (0..1000).for_each(|n| histogram.add(n * n * 17));
        let ToSqlOutput::Owned(rusqlite::types::Value::Blob(bytes)) = histogram.to_sql().unwrap() else {
            panic!("a blob")
        };
        assert_eq!(Histogram::column_result(ValueRef::Blob(&bytes)), Ok(histogram));
        assert!(Histogram::column_result(ValueRef::Blob(&bytes[..4])).is_err());
        assert!(Histogram::column_result(ValueRef::Blob(&[200, 1, 0, 0, 0])).is_err());
    }
}
