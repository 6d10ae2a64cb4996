//! Single values of a document: absent stays absent, and wrong is a mistake.

use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::quantity;
use serde::de::DeserializeOwned;

/// A name that must be there.
pub(super) fn named(
    typed: Option<Typed<String>>,
    place: &Place,
    what: &str,
    key: Key,
    findings: &mut Findings,
) -> Option<String> {
    if typed.is_none() {
        findings.mistake(place, format!("this {what} has no `{}`", key.name), key.example);
    }
    typed.map(|typed| typed.value)
}

/// A text; absent = empty.
pub(super) fn text(typed: Option<Typed<String>>) -> String {
    typed.map(|typed| typed.value).unwrap_or_default()
}

/// A flag; absent = true.
pub(super) fn yes(typed: Option<Typed<bool>>) -> bool {
    typed.is_none_or(|typed| typed.value)
}

/// A whole number that fits.
pub(super) fn number<T: TryFrom<i64>>(
    typed: Option<Typed<i64>>,
    key: Key,
    findings: &mut Findings,
) -> Option<T> {
    let typed = typed?;
    let fits = T::try_from(typed.value).ok();
    if fits.is_none() {
        let what = format!("`{}` of {} is out of range", key.name, typed.value);
        findings.mistake(&typed.place, what, key.example);
    }
    fits
}

/// Bytes.
pub(super) fn size(typed: Option<Typed<String>>, key: Key, findings: &mut Findings) -> Option<u64> {
    let typed = typed?;
    match quantity::bytes(&typed.value) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let what = format!("`{}` is no size for `{}`: it {error}", typed.value.escape_debug(), key.name);
            findings.mistake(&typed.place, what, key.example);
            None
        }
    }
}

/// Milliseconds.
pub(super) fn time(typed: Option<Typed<String>>, key: Key, findings: &mut Findings) -> Option<u64> {
    let typed = typed?;
    match quantity::duration(&typed.value).map(|duration| u64::try_from(duration.as_millis())) {
        Ok(Ok(ms)) => Some(ms),
        Ok(Err(_)) => None,
        Err(error) => {
            let what =
                format!("`{}` is no duration for `{}`: it {error}", typed.value.escape_debug(), key.name);
            findings.mistake(&typed.place, what, key.example);
            None
        }
    }
}

/// A word of a closed set, as it is serialised.
pub(super) fn word<T: DeserializeOwned>(
    typed: Option<Typed<String>>,
    key: Key,
    findings: &mut Findings,
) -> Option<T> {
    let typed = typed?;
    match serde_json::from_value(typed.value.clone().into()) {
        Ok(word) => Some(word),
        Err(error) => {
            findings.mistake(&typed.place, format!("`{}`: {error}", key.name), key.example);
            None
        }
    }
}

/// An instant as the vocabulary counts it.
pub(super) fn moment(typed: Option<Typed<u64>>) -> Option<i64> {
    typed.and_then(|typed| i64::try_from(typed.value).ok())
}

/// An amount times ten to the `places`.
pub(super) fn amount(
    typed: Option<Typed<String>>,
    places: u32,
    key: Key,
    findings: &mut Findings,
) -> Option<u64> {
    let typed = typed?;
    let amount = quantity::decimal(&typed.value, places);
    if amount.is_none() {
        let what = format!("`{}` of {} is no amount", key.name, typed.value.escape_debug());
        findings.mistake(&typed.place, what, key.example);
    }
    amount
}
