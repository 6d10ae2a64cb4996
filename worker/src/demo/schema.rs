//! The smallest reasonable value that satisfies a JSON Schema (draft 2020-12, with the spellings of older drafts
//! that clients still send).
//!
//! Reads: `const enum $ref allOf anyOf oneOf type`, of objects `properties required minProperties
//! additionalProperties`, of arrays `items prefixItems minItems maxItems`, of strings `minLength maxLength format`,
//! of numbers `minimum maximum exclusiveMinimum exclusiveMaximum multipleOf`. Ignores `pattern`, `not` and
//! conditions. A schema with no finite value, or a huge one, is an error.

mod number;
mod string;

use serde_json::{Map, Value};

/// Values inside each other.
const MAX_DEPTH: u32 = 32;
/// Values made and tried for one schema.
const MAX_STEPS: u64 = 20_000;
/// What is copied or repeated counts as one more step per this many bytes, about.
const STEP_BYTES: u64 = 64;
/// Below this depth a list gets an element although it needs none, so that there is something to see.
const GENEROUS_DEPTH: u32 = 3;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("no value was found within {MAX_STEPS} steps")]
    TooLarge,
    #[error("no value was found within {MAX_DEPTH} levels")]
    TooDeep,
    #[error("nothing satisfies `{0}`")]
    Nothing(&'static str),
    #[error("`{0}` leads nowhere")]
    Reference(String),
    #[error("a schema must be an object or a boolean")]
    NotASchema,
}

/// A value that satisfies `schema`.
pub(crate) fn sample(schema: &Value) -> Result<Value, SchemaError> {
    Maker { root: schema, steps: 0 }.value(schema, Place { name: "", depth: 0, turn: 0 })
}

/// Where a value will stand.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The property's name, for a telling text.
    name: &'a str,
    depth: u32,
    /// Number in its list: elements differ where they can.
    turn: usize,
}

impl<'a> Place<'a> {
    fn inside(self, name: &'a str, turn: usize) -> Self {
        Self { name, depth: self.depth + 1, turn }
    }
}

struct Maker<'a> {
    root: &'a Value,
    steps: u64,
}

impl<'a> Maker<'a> {
    fn value(&mut self, schema: &Value, place: Place<'_>) -> Result<Value, SchemaError> {
        self.spend(1)?;
        if place.depth > MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        match schema {
            Value::Bool(true) => Ok(string::sample(&Map::new(), place.name, place.turn)?),
            Value::Bool(false) => Err(SchemaError::Nothing("false")),
            Value::Object(schema) => self.keyword(schema, place),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(SchemaError::NotASchema)
            }
        }
    }

    fn keyword(&mut self, schema: &Map<String, Value>, place: Place<'_>) -> Result<Value, SchemaError> {
        if let Some(value) = schema.get("const") {
            return self.copy(value);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let pick = values.get(place.turn % values.len().max(1));
            return self.copy(pick.ok_or(SchemaError::Nothing("enum"))?);
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.resolve(reference)?;
            return self.value(target, Place { depth: place.depth + 1, ..place });
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            let merged = self.merge_all(without(schema, "allOf"), all)?;
            return self.value(&Value::Object(merged), Place { depth: place.depth + 1, ..place });
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(options) = schema.get(key).and_then(Value::as_array) {
                return self.first_of(&without(schema, key), options, place);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, place),
            "array" => self.array(schema, place),
            "integer" => number::sample(schema, number::Kind::Integer, place.turn),
            "number" => number::sample(schema, number::Kind::Any, place.turn),
            "boolean" => Ok(Value::Bool(place.turn.is_multiple_of(2))),
            "null" => Ok(Value::Null),
            _ => {
                self.spend(schema.get("minLength").and_then(Value::as_u64).unwrap_or(0) / STEP_BYTES)?;
                string::sample(schema, place.name, place.turn)
            }
        }
    }

    fn object(&mut self, schema: &Map<String, Value>, place: Place<'_>) -> Result<Value, SchemaError> {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let others = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let mut names: Vec<&str> = required.filter_map(Value::as_str).collect();
        if names.is_empty() && place.depth == 0 {
            names.extend(properties.keys().next().map(String::as_str));
        }
        let wanted = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        let spare: Vec<&str> =
            properties.keys().map(String::as_str).filter(|key| !names.contains(key)).collect();
        names.extend(spare.into_iter().take((wanted as usize).saturating_sub(names.len())));
        let mut out = Map::new();
        for name in names {
            let inner = properties.get(name).unwrap_or(others);
            out.insert(name.to_owned(), self.value(inner, place.inside(name, 0))?);
        }
        for extra in 1.. {
            if out.len() as u64 >= wanted {
                break;
            }
            let name = format!("key{extra}");
            let value = self.value(others, place.inside(&name, 0))?;
            out.entry(name).or_insert(value);
        }
        Ok(Value::Object(out))
    }

    fn array(&mut self, schema: &Map<String, Value>, place: Place<'_>) -> Result<Value, SchemaError> {
        let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest = schema.get("items").unwrap_or(&Value::Bool(true));
        let count = |key| schema.get(key).and_then(Value::as_u64);
        let least = count("minItems").unwrap_or(0);
        let usual = if place.depth < GENEROUS_DEPTH { (first.len() as u64).max(1) } else { 0 };
        let wanted = least.max(usual.min(count("maxItems").unwrap_or(u64::MAX)));
        let mut out = Vec::new();
        for turn in 0..wanted as usize {
            // The old spelling of `prefixItems` is a list under `items`.
            let inner = match rest {
                Value::Array(list) => list.get(turn).unwrap_or(&Value::Bool(true)),
                other => first.get(turn).unwrap_or(other),
            };
            match self.value(inner, place.inside(place.name, turn)) {
                Ok(value) => out.push(value),
                Err(SchemaError::TooLarge) => return Err(SchemaError::TooLarge),
                Err(_) if turn as u64 >= least => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Value::Array(out))
    }

    /// The first option that has a value; `null` only when nothing else has.
    fn first_of(
        &mut self,
        base: &Map<String, Value>,
        options: &[Value],
        place: Place<'_>,
    ) -> Result<Value, SchemaError> {
        let is_null = |option: &&Value| option.get("type").and_then(Value::as_str) == Some("null");
        let plain = options.iter().filter(|option| !is_null(option));
        let mut last = SchemaError::Nothing("anyOf");
        for option in plain.chain(options.iter().filter(is_null)) {
            let place = Place { depth: place.depth + 1, ..place };
            let made = match base.keys().any(|key| SHAPING.contains(&key.as_str())) {
                true => {
                    let merged = self.merge_all(base.clone(), std::slice::from_ref(option))?;
                    self.value(&Value::Object(merged), place)
                }
                false => self.value(option, place),
            };
            match made {
                Ok(value) => return Ok(value),
                Err(SchemaError::TooLarge) => return Err(SchemaError::TooLarge),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn merge_all(
        &mut self,
        mut base: Map<String, Value>,
        parts: &[Value],
    ) -> Result<Map<String, Value>, SchemaError> {
        for part in parts {
            let part = match part.get("$ref").and_then(Value::as_str) {
                Some(reference) => self.resolve(reference)?,
                None => part,
            };
            self.spend(weight(part) / STEP_BYTES)?;
            for (key, value) in part.as_object().into_iter().flatten() {
                merge(&mut base, key, value);
            }
        }
        Ok(base)
    }

    fn copy(&mut self, value: &Value) -> Result<Value, SchemaError> {
        self.spend(weight(value) / STEP_BYTES)?;
        Ok(value.clone())
    }

    fn spend(&mut self, steps: u64) -> Result<(), SchemaError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(SchemaError::TooLarge) } else { Ok(()) }
    }

    /// `#/$defs/name` and `#`: a JSON pointer (RFC 6901) into the whole schema.
    fn resolve(&self, reference: &str) -> Result<&'a Value, SchemaError> {
        let found = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        found.ok_or_else(|| SchemaError::Reference(reference.chars().take(100).collect()))
    }
}

/// About the bytes that a copy takes.
fn weight(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => 8 + text.len() as u64,
        Value::Array(items) => 8 + items.iter().map(weight).sum::<u64>(),
        Value::Object(map) => {
            8 + map.iter().map(|(key, value)| key.len() as u64 + weight(value)).sum::<u64>()
        }
    }
}

/// Keywords beside `anyOf` that its options must satisfy too.
const SHAPING: [&str; 5] = ["type", "properties", "required", "allOf", "items"];

fn merge(base: &mut Map<String, Value>, key: &str, value: &Value) {
    match (base.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) if key == "properties" => {
            old.extend(new.iter().map(|(name, schema)| (name.clone(), schema.clone())));
        }
        (Some(Value::Array(old)), Value::Array(new)) if matches!(key, "required" | "allOf") => {
            old.extend(new.iter().cloned());
        }
        _ => drop(base.insert(key.to_owned(), value.clone())),
    }
}

fn without(schema: &Map<String, Value>, key: &str) -> Map<String, Value> {
    schema
        .iter()
        .filter(|(name, _)| *name != key)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The type to make; when none is named, the one that the other keywords speak of.
fn kind(schema: &Map<String, Value>) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.clone().find(|name| *name != "null").or_else(|| names.next())
        }
        _ => None,
    };
    let speaks = |keys: &[&str]| keys.iter().any(|key| schema.contains_key(*key));
    named.unwrap_or_else(|| {
        if speaks(&["properties", "required", "minProperties", "additionalProperties"]) {
            "object"
        } else if speaks(&["items", "prefixItems", "minItems"]) {
            "array"
        } else if speaks(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
            "number"
        } else {
            "string"
        }
    })
}

#[cfg(test)]
mod tests;
