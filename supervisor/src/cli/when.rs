//! Instants on the command line: `2h` (ago, or from now), `2026-11-28`, `2026-11-28T09:30`, RFC 3339; and how they
//! are shown: in local time.

use crate::settings::quantity;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

const DAY: i64 = 24 * 3_600_000;

/// As typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Milliseconds from now, in either direction.
    Span(i64),
    /// Milliseconds since 1970.
    At(i64),
}

impl When {
    /// That long ago, or then.
    pub(super) fn before(self, now_ms: i64) -> i64 {
        match self {
            When::Span(ms) => now_ms.saturating_sub(ms),
            When::At(ms) => ms,
        }
    }

    /// In that time, or then.
    pub(super) fn after(self, now_ms: i64) -> i64 {
        match self {
            When::Span(ms) => now_ms.saturating_add(ms),
            When::At(ms) => ms,
        }
    }
}

/// For clap.
pub(super) fn parse(text: &str) -> Result<When, String> {
    let text = text.trim();
    if let Some(ms) = span(text) {
        return Ok(When::Span(ms));
    }
    let at = text.parse::<Timestamp>().ok().or_else(|| local(text));
    at.map(|t| When::At(t.as_millisecond()))
        .ok_or_else(|| "no time; 30m, 2h, 7d, 2026-11-28 and 2026-11-28T09:30 are".to_owned())
}

fn span(text: &str) -> Option<i64> {
    if let Some(days) = text.strip_suffix('d') {
        return days.parse::<u32>().ok().map(|days| i64::from(days) * DAY);
    }
    quantity::duration(text).ok().and_then(|d| i64::try_from(d.as_millis()).ok())
}

fn local(text: &str) -> Option<Timestamp> {
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(DateTime::from))?;
    TimeZone::system().to_timestamp(civil).ok()
}

fn zoned(ms: i64, zone: &TimeZone) -> Option<ZonedDateTime> {
    Timestamp::from_millisecond(ms).ok().map(|at| at.to_zoned_datetime(zone.clone()))
}

/// `2026-11-28 09:30:15`
pub(super) fn date_time(ms: i64, zone: &TimeZone) -> String {
    zoned(ms, zone).map_or("?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// `2026-11-28`
pub(super) fn date(ms: i64, zone: &TimeZone) -> String {
    zoned(ms, zone).map_or("?".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// `09:30:15.250`
pub(super) fn clock(ms: i64, zone: &TimeZone) -> String {
    zoned(ms, zone).map_or("?".to_owned(), |at| at.strftime("%H:%M:%S%.3f").to_string())
}

/// `12s`, `3m`, `5h`, `2d`.
pub(super) fn age(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..=119 => format!("{s}s"),
        s @ 120..=7199 => format!("{}m", s / 60),
        s @ 7200..=172_799 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// How long ago, or in how long.
pub(super) fn relative(at_ms: i64, now_ms: i64) -> String {
    let distance = age(now_ms.abs_diff(at_ms));
    if at_ms > now_ms { format!("in {distance}") } else { format!("{distance} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_instants_are_read() {
        assert_eq!(parse("2h"), Ok(When::Span(7_200_000)));
        assert_eq!(parse("7d"), Ok(When::Span(7 * DAY)));
        assert_eq!(parse("2026-11-28T00:00:00Z"), Ok(When::At(1_795_824_000_000)));
        assert_eq!(parse("2026-11-28T08:00:00+08:00"), Ok(When::At(1_795_824_000_000)));
        assert!(matches!(parse("2026-11-28"), Ok(When::At(_))));
        for wrong in ["", "yesterday", "12", "-3d", "2026-13-01"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            (When::Span(5).before(100), When::Span(5).after(100), When::At(7).before(100)),
            (95, 105, 7)
        );
    }

    #[test]
    fn instants_are_shown() {
        let utc = TimeZone::UTC;
        assert_eq!(date_time(1_795_824_000_250, &utc), "2026-11-28 00:00:00");
        assert_eq!(clock(1_795_824_000_250, &utc), "00:00:00.250");
        assert_eq!(date(1_795_824_000_250, &utc), "2026-11-28");
        assert_eq!(relative(61_000, 1_000), "in 60s");
        assert_eq!(relative(1_000, 7_300_000), "2h ago");
        assert_eq!(date_time(i64::MAX, &utc), "?");
    }
}
