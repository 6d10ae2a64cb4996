//! Single values: names, sizes, durations, counts and words.

use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::quantity::{self, QuantityError};
use crate::settings::suggest::did_you_mean;
use std::ops::RangeInclusive;

const LONGEST_NAME: usize = 63;

/// A name of the form `[a-z0-9][a-z0-9._-]{0,62}`. `what` is the thing that bears it.
pub(super) fn name<'n>(
    typed: &'n Option<Typed<String>>,
    place: &Place,
    what: &str,
    key: Key,
    findings: &mut Findings,
) -> Option<&'n Typed<String>> {
    let Some(name) = typed else {
        findings.mistake(place, format!("this {what} has no `{}`", key.name), key.example);
        return None;
    };
    if is_name(&name.value) {
        return Some(name);
    }
    let message = format!(
        "`{}` is no name for {what}s: 1 to {LONGEST_NAME} of a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit",
        name.value.escape_debug()
    );
    findings.mistake(&name.place, message, key.example);
    None
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
}

/// A size in bytes within `range`.
pub(super) fn bytes(
    typed: Option<Typed<String>>,
    default: u64,
    range: RangeInclusive<u64>,
    key: Key,
    findings: &mut Findings,
) -> u64 {
    let Some(typed) = typed else { return default };
    match quantity::bytes(&typed.value) {
        Ok(bytes) if range.contains(&bytes) => return bytes,
        Ok(_) => out_of_range(&typed, size(*range.start()), size(*range.end()), key, findings),
        Err(error) => no_quantity(&typed, "size", error, key, findings),
    }
    default
}

/// A duration in milliseconds. Zero, which means none, only if the range holds it.
pub(super) fn milliseconds(
    typed: Option<Typed<String>>,
    default: u64,
    range: RangeInclusive<u64>,
    key: Key,
    findings: &mut Findings,
) -> u64 {
    let Some(typed) = typed else { return default };
    match quantity::duration(&typed.value) {
        Ok(duration) => {
            let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            if range.contains(&milliseconds) {
                return milliseconds;
            }
            out_of_range(&typed, span(*range.start()), span(*range.end()), key, findings);
        }
        Err(error) => no_quantity(&typed, "duration", error, key, findings),
    }
    default
}

/// A whole number within `range`.
pub(super) fn count<T>(
    typed: Option<Typed<i64>>,
    default: T,
    range: RangeInclusive<T>,
    key: Key,
    findings: &mut Findings,
) -> T
where
    T: Copy + PartialOrd + std::fmt::Display + TryFrom<i64>,
{
    let Some(typed) = typed else { return default };
    match T::try_from(typed.value) {
        Ok(count) if range.contains(&count) => count,
        Ok(_) | Err(_) => {
            out_of_range(&typed, range.start().to_string(), range.end().to_string(), key, findings);
            default
        }
    }
}

/// The same for a number whose absence means something.
pub(super) fn some_count<T>(
    typed: Option<Typed<i64>>,
    range: RangeInclusive<T>,
    key: Key,
    findings: &mut Findings,
) -> Option<T>
where
    T: Copy + PartialOrd + std::fmt::Display + TryFrom<i64>,
{
    let least = *range.start();
    typed.map(|typed| count(Some(typed), least, range, key, findings))
}

/// One of a few words.
pub(super) fn word<T: Copy + Default>(
    typed: Option<Typed<String>>,
    words: &[(&'static str, T)],
    key: Key,
    findings: &mut Findings,
) -> T {
    let Some(typed) = typed else { return T::default() };
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == typed.value) {
        return *meaning;
    }
    let names = || words.iter().map(|(word, _)| *word);
    let listed = names().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let hint = did_you_mean(&typed.value, names());
    let what = format!("`{}` is not one of {listed}{hint}", typed.value.escape_debug());
    findings.mistake(&typed.place, what, key.example);
    T::default()
}

fn out_of_range<T: std::fmt::Display>(
    typed: &Typed<T>,
    least: String,
    most: String,
    key: Key,
    findings: &mut Findings,
) {
    let what = format!("`{}` of {} is not between {least} and {most}", key.name, typed.value);
    findings.mistake(&typed.place, what, key.example);
}

fn no_quantity(typed: &Typed<String>, kind: &str, error: QuantityError, key: Key, findings: &mut Findings) {
    let what = format!("`{}` is no {kind} for `{}`: it {error}", typed.value.escape_debug(), key.name);
    findings.mistake(&typed.place, what, key.example);
}

fn size(bytes: u64) -> String {
    for (unit, scale) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= scale && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    format!("{bytes}B")
}

fn span(milliseconds: u64) -> String {
    for (unit, scale) in [("h", 3_600_000), ("s", 1_000)] {
        if milliseconds >= scale && milliseconds.is_multiple_of(scale) {
            return format!("{}{unit}", milliseconds / scale);
        }
    }
    format!("{milliseconds}ms")
}
