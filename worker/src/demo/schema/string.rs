//! Texts that satisfy a string schema.

use super::SchemaError;
use serde_json::{Map, Value};

/// A text that tells its property's name, of an allowed length, or of the named format. The caller bounds
/// `minLength`.
pub(super) fn sample(schema: &Map<String, Value>, name: &str, turn: usize) -> Result<Value, SchemaError> {
    if let Some(text) =
        schema.get("format").and_then(Value::as_str).and_then(|format| formatted(format, turn))
    {
        return Ok(Value::String(text));
    }
    let length = |key| schema.get(key).and_then(Value::as_u64);
    let (least, most) = (length("minLength").unwrap_or(0), length("maxLength").unwrap_or(u64::MAX));
    if least > most {
        return Err(SchemaError::Nothing("minLength"));
    }
    let mut text = match (turn, name) {
        (0, "") => "example".to_owned(),
        (0, name) => format!("example {name}"),
        (turn, name) => format!("{} example {name}", turn + 1).trim_end().to_owned(),
    };
    text.extend(std::iter::repeat_n('.', (least as usize).saturating_sub(text.chars().count())));
    Ok(Value::String(text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect()))
}

/// The formats of JSON Schema, each with a text that has it. Later elements of a list get other texts.
fn formatted(format: &str, turn: usize) -> Option<String> {
    let n = turn % 28;
    Some(match format {
        "date-time" => format!("2026-01-{:02}T12:00:00Z", n + 1),
        "date" => format!("2026-01-{:02}", n + 1),
        "time" => format!("12:{n:02}:00Z"),
        "duration" => format!("PT{}M", turn + 1),
        "email" | "idn-email" => format!("demo{turn}@example.com"),
        "hostname" | "idn-hostname" => format!("demo{turn}.example.com"),
        "ipv4" => format!("192.0.2.{}", n + 1),
        "ipv6" => format!("2001:db8::{}", n + 1),
        "uri" | "iri" | "uri-reference" | "iri-reference" | "url" => format!("https://example.com/{turn}"),
        "uuid" => format!("00000000-0000-4000-8000-{turn:012x}"),
        "json-pointer" => format!("/{turn}"),
        "regex" => ".*".to_owned(),
        _ => return None,
    })
}
