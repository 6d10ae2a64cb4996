//! Sizes and durations as people write them: `64MiB`, `30s`.
//!
//! Owns the two grammars: digits, an optional fraction, a unit. Never guesses a unit: only `0` needs none.

use std::fmt;
use std::time::Duration;

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
