//! How long an upstream asks to wait: `retry-after-ms`, `retry-after` in seconds or as an HTTP date (RFC 9110,
//! 5.6.7 and 10.2.3), Gemini's `retryDelay`, and "try again in 7.66s" in a rate limit's message.

use super::ErrorAnswer;
use crate::dialect::time::days;
use crate::model::FailureKind;

/// Waits beyond a day are mistakes.
const LONGEST_MS: u64 = 24 * 3600 * 1000;

pub(super) fn from_headers(answer: &ErrorAnswer<'_>) -> Option<u64> {
    let header = |name: &str| answer.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim());
    let ms = header("retry-after-ms").and_then(|v| v.parse::<f64>().ok()).and_then(bounded);
    ms.or_else(|| {
        let value = header("retry-after")?;
        match value.parse::<f64>() {
            Ok(seconds) => bounded(seconds * 1000.0),
            Err(_) => http_date(value).map(|at| at.saturating_sub(answer.now_unix_s).min(86_400) * 1000),
        }
    })
}

/// `33s`, `0.5s`, `250ms`, `1m30s`: a sum of numbers with units.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let number: f64 = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        total += number
            * match &tail[..letters] {
                "ms" => 1.0,
                "s" => 1000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                _ => return None,
            };
        rest = &tail[letters..];
    }
    bounded(total)
}

/// A rate limit's own words; `message` is lower-case.
pub(super) fn from_message(kind: FailureKind, message: &str) -> Option<u64> {
    if kind != FailureKind::RateLimited {
        return None;
    }
    let (_, after) = message.split_once("try again in ")?;
    let word = after.split_whitespace().next()?;
    duration_ms(word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()))
}

fn bounded(ms: f64) -> Option<u64> {
    (ms.is_finite() && ms >= 0.0).then(|| (ms.ceil() as u64).min(LONGEST_MS))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace().skip(1);
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|m| *m == month)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || !(1970..10_000).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour.min(23) * 3600 + minute.min(59) * 60 + second.min(60))
}
