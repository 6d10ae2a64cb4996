//! Stored single values: those of `[server]` that may change while everything runs. Each has the name and the form
//! it has in the file; where the file says something, that holds.

use super::Standing;
use crate::settings::place::{SpotKind, Typed};
use crate::settings::raw::RawServer;
use serde_json::Value;

/// Settings that others read from the store, and what their values are.
const OTHERS: &[(&str, Kind)] = &[];

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
}

/// Where a setting goes.
enum Slot<'r> {
    Text(&'r mut Option<Typed<String>>),
    Number(&'r mut Option<Typed<i64>>),
}

fn slot<'r>(server: &'r mut RawServer, name: &str) -> Option<Slot<'r>> {
    Some(match name.strip_prefix("server.")? {
        "body_limit" => Slot::Text(&mut server.body_limit),
        "hold_limit" => Slot::Text(&mut server.hold_limit),
        "header_limit" => Slot::Text(&mut server.header_limit),
        "read_timeout" => Slot::Text(&mut server.read_timeout),
        "deadline" => Slot::Text(&mut server.deadline),
        "drain_timeout" => Slot::Text(&mut server.drain_timeout),
        "utc_offset" => Slot::Text(&mut server.utc_offset),
        "connections" => Slot::Number(&mut server.connections),
        "max_attempts" => Slot::Number(&mut server.max_attempts),
        "attempts_per_provider" => Slot::Number(&mut server.attempts_per_provider),
        _ => return None,
    })
}

/// Puts stored values where the file says nothing.
pub(super) fn apply(server: &mut RawServer, settings: &[(String, Value)]) {
    for (name, value) in settings {
        let at = Standing { kind: SpotKind::Setting, name: name.clone() };
        match (slot(server, name), value) {
            (Some(Slot::Text(slot @ None)), Value::String(text)) => {
                *slot = Some(at.typed(text.clone(), "value"));
            }
            (Some(Slot::Number(slot @ None)), value) => {
                *slot = value.as_i64().map(|number| at.typed(number, "value"));
            }
            (Some(Slot::Text(_) | Slot::Number(_)) | None, _) => {}
        }
    }
}

/// Whether there is such a setting and the value has its form; whether it is in range is the resolver's to say.
///
/// # Errors
/// A text for people.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), String> {
    let mut server = RawServer::default();
    let kind = match slot(&mut server, name) {
        Some(Slot::Text(_)) => Some(Kind::Text),
        Some(Slot::Number(_)) => Some(Kind::Number),
        None => OTHERS.iter().find(|(other, _)| *other == name).map(|(_, kind)| *kind),
    };
    match (kind, value) {
        (None, _) => Err(format!("there is no setting `{name}`")),
        (Some(_), Value::Null) | (Some(Kind::Text), Value::String(_)) => Ok(()),
        (Some(Kind::Number), value) if value.is_i64() => Ok(()),
        (Some(Kind::Text), _) => Err(format!("`{name}` must be a text as in the file")),
        (Some(Kind::Number), _) => Err(format!("`{name}` must be a whole number")),
    }
}
