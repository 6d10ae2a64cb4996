//! Which day and which month it is for budgets, and when the next one begins. Pure.

use super::book::Today;
use protocol::dialect::time::{civil, days};
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

/// The periods at an instant (milliseconds since 1970), so many minutes east of UTC.
pub(crate) fn today(now_ms: u64, offset_min: i32) -> Today {
    let day = local(now_ms, offset_min).div_euclid(DAY_MS).max(0);
    let (year, month, _) = civil(day.unsigned_abs());
    Today { day, month: i64::try_from(year * 12 + month - 1).unwrap_or(i64::MAX) }
}

/// Until the next day begins.
pub(crate) fn rest_of_day(now_ms: u64, offset_min: i32) -> Duration {
    let gone = local(now_ms, offset_min).rem_euclid(DAY_MS);
    Duration::from_millis((DAY_MS - gone).unsigned_abs())
}

/// Until the next month begins.
pub(crate) fn rest_of_month(now_ms: u64, offset_min: i32) -> Duration {
    let now = local(now_ms, offset_min).max(0);
    let (year, month, _) = civil((now / DAY_MS).unsigned_abs());
    let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
    let next = i64::try_from(next).unwrap_or(i64::MAX).saturating_mul(DAY_MS);
    Duration::from_millis((next - now).unsigned_abs())
}

fn local(now_ms: u64, offset_min: i32) -> i64 {
    i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_add(i64::from(offset_min) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW_YEAR: u64 = 1_798_761_600_000; // 2027-01-01T00:00:00Z

    #[test]
    fn days_and_months_begin_at_local_midnight() {
        let (before, after) = (today(NEW_YEAR - 1, 0), today(NEW_YEAR, 0));
        assert_eq!((after.day - before.day, after.month - before.month), (1, 1));
        assert_eq!(today(NEW_YEAR - 8 * 3_600_000, 480), after, "eight hours earlier in the east");
        assert_eq!(rest_of_day(NEW_YEAR - 1, 0), Duration::from_millis(1));
        assert_eq!(rest_of_month(NEW_YEAR, 0), Duration::from_secs(31 * 86_400));
        assert_eq!(rest_of_month(NEW_YEAR - 1000, 0), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn a_period_ends_exactly_when_the_next_one_begins(now in 0u64..4_000_000_000_000, offset in -720i32..840) {
            let at = |ms: u64| today(ms, offset);
            let day = u64::try_from(rest_of_day(now, offset).as_millis()).unwrap();
            prop_assume!(now > 86_400_000);
            prop_assert_eq!(at(now + day).day, at(now).day + 1);
            prop_assert_eq!(at(now + day - 1).day, at(now).day);
            let month = u64::try_from(rest_of_month(now, offset).as_millis()).unwrap();
            prop_assert_eq!(at(now + month).month, at(now).month + 1);
            prop_assert_eq!(at(now + month - 1).month, at(now).month);
        }
    }
}
