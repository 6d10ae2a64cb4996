//! Two spellings of schemas: JSON Schema, and the OpenAPI subset this API had first (upper-case types, `nullable`).

use crate::model::RawJson;
use serde_json::{Map, Value};

/// Upper-case type names become JSON Schema's; everything else stays.
pub(super) fn to_json_schema(raw: &RawJson) -> RawJson {
    match raw.read::<Value>() {
        Some(value) => RawJson::from(&lower(value)),
        None => raw.clone(),
    }
}

fn lower(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| lower_member(key, value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(lower).collect()),
        other => other,
    }
}

fn lower_member(key: String, value: Value) -> (String, Value) {
    match value {
        Value::String(word) if key == "type" => (key, Value::String(word.to_ascii_lowercase())),
        // Names of properties are not keywords, but their schemas are schemas.
        other => (key, lower(other)),
    }
}

/// Keeps what the OpenAPI subset knows.
pub(super) fn to_openapi(raw: &RawJson) -> RawJson {
    match raw.read::<Value>() {
        Some(value) => RawJson::from(&subset(value)),
        None => raw.clone(),
    }
}

fn subset(value: Value) -> Value {
    const KNOWN: [&str; 20] = [
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "maxItems",
        "minItems",
        "properties",
        "required",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "pattern",
        "example",
        "anyOf",
        "propertyOrdering",
        "items",
        "minimum",
    ];
    let Value::Object(map) = value else { return value };
    let mut out = Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(inner)) => {
                Value::Object(inner.into_iter().map(|(name, schema)| (name, subset(schema))).collect())
            }
            ("anyOf", Value::Array(items)) => Value::Array(items.into_iter().map(subset).collect()),
            ("items", schema) => subset(schema),
            (_, other) => other,
        };
        if KNOWN.contains(&key.as_str()) || key == "maximum" {
            out.insert(key, value);
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings() {
        let open = RawJson::parse(r#"{"type":"OBJECT","properties":{"type":{"type":"STRING"}}}"#).unwrap();
        assert_eq!(
            to_json_schema(&open).as_str(),
            r#"{"type":"object","properties":{"type":{"type":"string"}}}"#
        );
        let plain = RawJson::parse(
            r#"{"$schema":"x","type":"object","properties":{"$schema":{"type":"string","const":"a"}},"additionalProperties":false}"#,
        );
        let want = r#"{"type":"object","properties":{"$schema":{"type":"string"}}}"#;
        assert_eq!(to_openapi(&plain.unwrap()).as_str(), want);
    }
}
