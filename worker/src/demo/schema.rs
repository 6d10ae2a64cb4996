//! The smallest JSON value that a JSON Schema accepts, for the parts of it that tools use.
//!
//! Bounded whatever the schema says: so many nodes, so deep, so long. Beyond the bounds, or for what cannot
//! be satisfied by construction (`pattern`, `not`), the value is a best effort.

use serde_json::{Map, Number, Value, json};

const NODES: usize = 2000;
const DEPTH: usize = 24;
const ITEMS: u64 = 64;
const LENGTH: u64 = 4096;

/// A value for the schema.
pub(super) fn example(schema: &Value) -> Value {
    Maker { root: schema, left: NODES }.value(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    left: usize,
}

impl Maker<'_> {
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if self.left == 0 || depth > DEPTH {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(target) = schema["$ref"].as_str().and_then(|r| self.root.pointer(r.strip_prefix('#')?)) {
            return self.value(&target.clone(), depth + 1);
        }
        if let Some(given) = given(schema) {
            return given;
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let merged = self.merge(schema, parts);
            return self.value(&merged, depth + 1);
        }
        for either in ["anyOf", "oneOf"] {
            if let Some(first) = schema[either].as_array().and_then(|options| options.first()) {
                let first = first.clone();
                return self.value(&first, depth + 1);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" | "number" => number(schema),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => Value::String(string(schema)),
        }
    }

    /// Only what is required: the smallest object.
    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let property = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            object.insert(name.to_owned(), self.value(property, depth + 1));
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let count = schema["minItems"].as_u64().unwrap_or(0).min(ITEMS);
        let item = |i: u64| {
            let at = usize::try_from(i).ok()?;
            schema["prefixItems"].get(at)
        };
        (0..count).map(|i| self.value(item(i).unwrap_or(&schema["items"]), depth + 1)).collect()
    }

    /// One schema that says what all parts and the rest of the schema say.
    fn merge(&self, schema: &Value, parts: &[Value]) -> Value {
        let mut merged = schema.as_object().cloned().unwrap_or_default();
        merged.remove("allOf");
        for part in parts {
            let referred = part["$ref"].as_str().and_then(|r| self.root.pointer(r.strip_prefix('#')?));
            for (key, value) in referred.unwrap_or(part).as_object().into_iter().flatten() {
                match (merged.get_mut(key), value) {
                    (Some(Value::Object(a)), Value::Object(b)) => a.extend(b.clone()),
                    (Some(Value::Array(a)), Value::Array(b)) if key == "required" => a.extend(b.clone()),
                    _ => {
                        merged.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        Value::Object(merged)
    }
}

/// A value that the schema itself names.
fn given(schema: &Value) -> Option<Value> {
    let named = schema.get("const").or_else(|| schema["enum"].get(0)).or_else(|| schema.get("default"));
    named.or_else(|| schema["examples"].get(0)).cloned()
}

/// The type, said or meant.
fn kind(schema: &Value) -> &str {
    let listed = || schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|t| *t != "null");
    let has = |keys: &[&str]| keys.iter().any(|k| schema.get(k).is_some());
    if let Some(said) = schema["type"].as_str().or_else(listed) {
        said
    } else if has(&["properties", "required", "additionalProperties"]) {
        "object"
    } else if has(&["items", "prefixItems", "minItems"]) {
        "array"
    } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        "number"
    } else {
        "string"
    }
}

fn string(schema: &Value) -> String {
    let sample = match schema["format"].as_str() {
        Some("date-time") => "2026-01-01T12:00:00Z",
        Some("date") => "2026-01-01",
        Some("time") => "12:00:00Z",
        Some("duration") => "P1D",
        Some("email") => "demo@example.com",
        Some("uri" | "url") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("hostname") => "example.com",
        _ => "demo",
    };
    let bound = |key: &str| schema[key].as_u64().and_then(|n| usize::try_from(n.min(LENGTH)).ok());
    let mut text = sample.to_owned();
    while text.len() < bound("minLength").unwrap_or(0) {
        text.push('x');
    }
    text.truncate(bound("maxLength").unwrap_or(usize::MAX));
    text
}

/// 1 if it may be, else the allowed number next to it.
fn number(schema: &Value) -> Value {
    let whole = kind(schema) == "integer";
    let step = schema["multipleOf"].as_f64().filter(|s| *s > 0.0);
    let nudge = if whole { 1.0 } else { 0.5 };
    let low = schema["exclusiveMinimum"].as_f64().map(|n| n + nudge).or(schema["minimum"].as_f64());
    let high = schema["exclusiveMaximum"].as_f64().map(|n| n - nudge).or(schema["maximum"].as_f64());
    let mut n = low.map_or(1.0, |low| low.max(1.0));
    if let Some(high) = high {
        n = n.min(high);
    }
    if whole {
        n = if low.is_some_and(|low| n < low.ceil()) { n.ceil() } else { n.floor() };
    }
    if let Some(step) = step {
        let up = (n / step).ceil() * step;
        n = if high.is_some_and(|high| up > high) { (n / step).floor() * step } else { up };
    }
    if n.fract() == 0.0 && n.abs() < 9e15 {
        return json!(n as i64);
    }
    Number::from_f64(n).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_satisfy_their_schemas() {
        let table = [
            (json!({}), json!("demo")),
            (json!({"type": "object"}), json!({})),
            (json!({"type": ["null", "integer"], "minimum": 5}), json!(5)),
            (json!({"type": "integer", "exclusiveMinimum": 5, "multipleOf": 4}), json!(8)),
            (json!({"type": "integer", "minimum": 1.5}), json!(2)),
            (json!({"type": "number", "maximum": -2.5}), json!(-2.5)),
            (json!({"enum": ["a", "b"]}), json!("a")),
            (json!({"const": 7}), json!(7)),
            (json!({"type": "string", "minLength": 6}), json!("demoxx")),
            (json!({"type": "string", "maxLength": 2}), json!("de")),
            (json!({"type": "string", "format": "date"}), json!("2026-01-01")),
            (json!({"type": "array", "items": {"type": "boolean"}, "minItems": 2}), json!([true, true])),
            (json!({"type": "array", "items": {"type": "boolean"}}), json!([])),
            (json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), json!(1)),
            (
                json!({"allOf": [{"required": ["a"], "properties": {"a": {"const": 1}}},
                                 {"required": ["b"], "properties": {"b": {"const": 2}}}]}),
                json!({"a": 1, "b": 2}),
            ),
            (
                json!({"$defs": {"p": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}}},
                       "type": "object", "required": ["at"], "properties": {"at": {"$ref": "#/$defs/p"}}}),
                json!({"at": {"x": 1}}),
            ),
        ];
        for (schema, value) in table {
            assert_eq!(example(&schema), value, "{schema}");
        }
    }

    #[test]
    fn an_unreasonable_schema_stays_small() {
        let twice = json!({"type": "object", "required": ["a", "b"],
            "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}});
        assert!(example(&twice).to_string().len() < 100_000);
        let many = json!({"type": "array", "minItems": u64::MAX, "items": {"type": "string", "minLength": u64::MAX}});
        assert!(example(&many).to_string().len() < 1_000_000);
        assert_eq!(example(&json!({"$ref": "#"})), Value::Null);
    }
}
