//! Quantities as people write them: `64MiB`, `30s`, `12.50 USD`, `2027-01-31`.
//!
//! Owns their grammars: digits, an optional fraction, a unit. Never guesses a unit: only `0` needs none.

use std::fmt;
use std::time::Duration;
use toml::value::{Datetime, Offset};

/// Why a text is no size or duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuantityError {
    NoNumber,
    NoUnit,
    UnknownUnit,
    TooLarge,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QuantityError::NoNumber => "does not start with a number",
            QuantityError::NoUnit => "has no unit",
            QuantityError::UnknownUnit => "has an unknown unit",
            QuantityError::TooLarge => "is too large",
        })
    }
}

/// Bytes: `0`, `512B`, `64KiB`, `1.5GiB`, `10MB`.
pub(crate) fn bytes(text: &str) -> Result<u64, QuantityError> {
    scaled(text, |unit| match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    })
}

/// A duration: `0`, `250ms`, `30s`, `1.5m`, `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, QuantityError> {
    let milliseconds = scaled(text, |unit| match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    })?;
    Ok(Duration::from_millis(milliseconds))
}

/// A number times ten to the `places`: `0.25` with 6 places is 250 000. What is finer is cut off.
pub(crate) fn decimal(text: &str, places: u32) -> Option<u64> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let scale = 10u64.checked_pow(places)?;
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(share(fraction, scale))
}

/// An amount and its currency, in billionths: `12.50 USD`.
pub(crate) fn money(text: &str) -> Option<(u64, String)> {
    let (amount, currency) = text.trim().split_once(' ')?;
    is_currency(currency.trim()).then_some(())?;
    Some((decimal(amount, 9)?, currency.trim().to_owned()))
}

/// ISO 4217, upper case.
pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// `+08:00`, `-03:30`, `Z`: minutes east of UTC.
pub(crate) fn utc_offset(text: &str) -> Option<i32> {
    match format!("2000-01-01T00:00:00{text}").parse::<Datetime>().ok()?.offset? {
        Offset::Z => Some(0),
        Offset::Custom { minutes } => Some(i32::from(minutes)),
    }
}

/// A date as milliseconds since 1970: midnight where it has no time, UTC where it has no offset.
pub(crate) fn moment(date: &Datetime) -> Option<u64> {
    let day = date.date?;
    let (hour, minute, second, nanosecond) = date.time.map_or((0, 0, 0, 0), |t| {
        (t.hour, t.minute, t.second.unwrap_or_default(), t.nanosecond.unwrap_or_default())
    });
    let offset = match date.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes),
        Some(Offset::Z) | None => 0,
    };
    let days = days_from_civil(i64::from(day.year), i64::from(day.month), i64::from(day.day));
    let minutes = days * 1440 + i64::from(hour) * 60 + i64::from(minute) - offset;
    let ms = i64::from(nanosecond / 1_000_000);
    u64::try_from((minutes * 60 + i64::from(second)) * 1000 + ms).ok()
}

/// Days since 1970 of a date of the Gregorian calendar (Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn scaled(text: &str, scale: impl Fn(&str) -> Option<u64>) -> Result<u64, QuantityError> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(QuantityError::NoNumber);
    }
    let whole: u64 = whole.parse().map_err(|_| QuantityError::TooLarge)?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return if whole == 0 { Ok(0) } else { Err(QuantityError::NoUnit) };
    }
    let scale = scale(unit).ok_or(QuantityError::UnknownUnit)?;
    let whole = whole.checked_mul(scale).ok_or(QuantityError::TooLarge)?;
    whole.checked_add(share(fraction, scale)).ok_or(QuantityError::TooLarge)
}

/// `0.fraction × scale`, rounded down; digits after the ninth cannot matter.
fn share(fraction: &str, scale: u64) -> u64 {
    let digits = &fraction[..fraction.len().min(9)];
    let unit = 10u128.pow(u32::try_from(digits.len()).unwrap_or(0));
    let part = digits.parse::<u128>().unwrap_or(0) * u128::from(scale) / unit;
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!(bytes("10MB"), Ok(10_000_000));
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("0B"), Ok(0));
        assert_eq!(bytes("64"), Err(QuantityError::NoUnit));
        assert_eq!(bytes("64mib"), Err(QuantityError::UnknownUnit));
        assert_eq!(bytes("MiB"), Err(QuantityError::NoNumber));
        assert_eq!(bytes("-1MiB"), Err(QuantityError::NoNumber));
        assert_eq!(bytes("1.2.3MiB"), Err(QuantityError::NoNumber));
        assert_eq!(bytes("99999999999TiB"), Err(QuantityError::TooLarge));
        assert_eq!(bytes("99999999999999999999B"), Err(QuantityError::TooLarge));
        assert_eq!(bytes(""), Err(QuantityError::NoNumber));
    }

    #[test]
    fn amounts() {
        assert_eq!(decimal("0.27", 6), Some(270_000));
        assert_eq!(decimal("1_000", 6), Some(1_000_000_000));
        assert_eq!(decimal("0.0000001", 6), Some(0));
        for wrong in ["", ".5", "1.", "-1", "1e3", "inf", "99999999999999999999"] {
            assert_eq!(decimal(wrong, 6), None, "{wrong}");
        }
        assert_eq!(money("12.50 USD"), Some((12_500_000_000, "USD".to_owned())));
        for wrong in ["12.50", "12.50 usd", "USD 12", "-1 USD", "1 DOLLAR"] {
            assert_eq!(money(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments() {
        let at = |text: &str| moment(&text.parse().unwrap());
        assert_eq!(at("1970-01-01"), Some(0));
        assert_eq!(at("2000-02-29T12:00:00Z"), Some(951_825_600_000));
        assert_eq!(at("2027-01-31T08:00:00+08:00"), at("2027-01-31"));
        assert_eq!(at("2027-01-31"), Some(1_801_353_600_000));
        assert_eq!(at("1969-12-31"), None);
        assert_eq!(
            (utc_offset("+08:00"), utc_offset("-03:30"), utc_offset("Z")),
            (Some(480), Some(-210), Some(0))
        );
        assert_eq!((utc_offset("8"), utc_offset("")), (None, None));
    }

    #[test]
    fn durations() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("0.25s"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("30"), Err(QuantityError::NoUnit));
        assert_eq!(duration("30 parsecs"), Err(QuantityError::UnknownUnit));
    }
}
