//! Stored single values: those that may change while everything runs. Each has the name and the form it has in the
//! file; where the file says something, that holds.

use super::Standing;
use crate::settings::place::SpotKind;
use crate::settings::raw::{Raw, Usual};
use serde_json::Value;

/// Every setting there is.
pub(crate) const SETTINGS: &[&str] = &[
    "server.body_limit",
    "server.hold_limit",
    "server.header_limit",
    "server.read_timeout",
    "server.deadline",
    "server.drain_timeout",
    "server.utc_offset",
    "server.connections",
    "server.max_attempts",
    "server.attempts_per_provider",
    "defaults.sandbox",
    "defaults.memory_limit",
    "defaults.max_concurrent",
    "defaults.max_queue",
    "defaults.max_wait",
    "defaults.timeouts.connect",
    "defaults.timeouts.first_token",
    "defaults.timeouts.idle",
    "defaults.timeouts.total",
    "defaults.timeouts.total_stream",
    "retention.calls",
    "retention.traces",
    "retention.minutes",
    "retention.hours",
    "retention.days",
    "retention.audit",
    "retention.events",
    "retention.alerts",
    "retention.sessions",
];

/// Where a setting goes.
fn slot<'r>(raw: &'r mut Raw, name: &str) -> Option<Usual<'r>> {
    let (section, key) = name.split_once('.')?;
    let server = &mut raw.server;
    Some(match (section, key) {
        ("defaults", key) => return raw.defaults.slot(key),
        ("retention", key) => return raw.retention.slot(key),
        ("server", "body_limit") => Usual::Text(&mut server.body_limit),
        ("server", "hold_limit") => Usual::Text(&mut server.hold_limit),
        ("server", "header_limit") => Usual::Text(&mut server.header_limit),
        ("server", "read_timeout") => Usual::Text(&mut server.read_timeout),
        ("server", "deadline") => Usual::Text(&mut server.deadline),
        ("server", "drain_timeout") => Usual::Text(&mut server.drain_timeout),
        ("server", "utc_offset") => Usual::Text(&mut server.utc_offset),
        ("server", "connections") => Usual::Number(&mut server.connections),
        ("server", "max_attempts") => Usual::Number(&mut server.max_attempts),
        ("server", "attempts_per_provider") => Usual::Number(&mut server.attempts_per_provider),
        _ => return None,
    })
}

/// Puts stored values where the file says nothing.
pub(super) fn apply(raw: &mut Raw, settings: &[(String, Value)]) {
    for (name, value) in settings {
        let at = Standing { kind: SpotKind::Setting, name: name.clone() };
        match (slot(raw, name), value) {
            (Some(Usual::Text(slot @ None)), Value::String(text)) => {
                *slot = Some(at.typed(text.clone(), "value"));
            }
            (Some(Usual::Number(slot @ None)), value) => {
                *slot = value.as_i64().map(|number| at.typed(number, "value"));
            }
            (Some(Usual::Text(_) | Usual::Number(_)) | None, _) => {}
        }
    }
}

/// Whether there is such a setting and the value has its form; whether it is in range is the resolver's to say.
///
/// # Errors
/// A text for people.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), String> {
    let mut raw = Raw::default();
    match (slot(&mut raw, name), value) {
        (None, _) => {
            let hint = crate::settings::suggest::did_you_mean(name, SETTINGS.iter().copied());
            Err(format!("there is no setting `{name}`{hint}"))
        }
        (Some(_), Value::Null) | (Some(Usual::Text(_)), Value::String(_)) => Ok(()),
        (Some(Usual::Number(_)), value) if value.is_i64() => Ok(()),
        (Some(Usual::Text(_)), _) => Err(format!("`{name}` must be a text as in the file")),
        (Some(Usual::Number(_)), _) => Err(format!("`{name}` must be a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_is_listed_can_be_set() {
        for name in SETTINGS {
            assert!(slot(&mut Raw::default(), name).is_some(), "{name}");
        }
        let page = include_str!("../../../../docs/admin-api.md");
        for name in SETTINGS {
            let (section, key) = name.split_once('.').unwrap();
            let line = page.lines().find(|line| line.starts_with(&format!("| `{section}.`"))).unwrap();
            assert!(line.contains(&format!("`{key}`")), "docs/admin-api.md lacks {name}");
        }
        assert!(check("retention.cals", &Value::Null).unwrap_err().contains("`retention.calls`"));
    }
}
