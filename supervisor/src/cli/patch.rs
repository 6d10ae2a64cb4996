//! Changes to the fields of a thing, by path: `limits.tokens_per_minute=1000`.
//!
//! Owns how a field is named and written on the command line. What a field may hold is decided where the thing
//! is: a wrong one comes back as a refusal that names it.

use super::deed::KeyFrom;
use crate::settings::quantity;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// In order; see the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patch {
    steps: Vec<Step>,
    /// What is read when the change is made, never from the arguments.
    secrets: Vec<(Vec<String>, KeyFrom)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    path: Vec<String>,
    /// `None` = take it away.
    value: Option<Value>,
}

/// A field and what it is to hold, as typed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assignment {
    path: Vec<String>,
    value: Value,
}

impl Patch {
    /// Sets one field.
    pub(super) fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.steps.push(Step { path, value: Some(value.into()) });
    }

    /// Sets one field if there is something to set.
    pub(super) fn set_some(&mut self, path: &[&str], value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(path, value);
        }
    }

    /// What `--set` and `--unset` said.
    pub(super) fn extend(&mut self, set: Vec<Assignment>, unset: &[String]) {
        let assigned = |one: Assignment| Step { path: one.path, value: Some(one.value) };
        self.steps.extend(set.into_iter().map(assigned));
        self.steps.extend(unset.iter().map(|path| Step { path: split(path), value: None }));
    }

    /// Sets a field to something secret, which is read later.
    pub(super) fn set_secret(&mut self, path: &[&str], from: KeyFrom) {
        self.secrets.push((path.iter().map(|part| (*part).to_owned()).collect(), from));
    }

    /// The same with the secrets read.
    ///
    /// # Errors
    /// Of the reading.
    pub(crate) fn with_secrets<E>(
        &self,
        mut read: impl FnMut(&str, &KeyFrom) -> Result<Value, E>,
    ) -> Result<Patch, E> {
        let mut steps = self.steps.clone();
        for (path, from) in &self.secrets {
            let value = read(path.last().map(String::as_str).unwrap_or_default(), from)?;
            steps.push(Step { path: path.clone(), value: Some(value) });
        }
        Ok(Patch { steps, secrets: Vec::new() })
    }

    /// Those changes after these.
    pub(super) fn append(&mut self, mut later: Patch) {
        self.steps.append(&mut later.steps);
        self.secrets.append(&mut later.secrets);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.secrets.is_empty()
    }

    /// The thing with these changes.
    ///
    /// # Errors
    /// The field that does not exist or cannot hold that.
    pub(crate) fn applied<T: DeserializeOwned>(&self, mut thing: Value) -> Result<T, String> {
        for step in &self.steps {
            step.apply(&mut thing)?;
        }
        serde_json::from_value(thing).map_err(|error| error.to_string())
    }
}

impl Step {
    fn apply(&self, thing: &mut Value) -> Result<(), String> {
        let Some((last, above)) = self.path.split_last() else { return Ok(()) };
        let mut place = thing;
        for part in above {
            place = object(place, &self.path)?.entry(part.as_str()).or_insert(Value::Null);
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
        }
        let fields = object(place, &self.path)?;
        match &self.value {
            Some(value) => fields.insert(last.clone(), value.clone()),
            None => fields.shift_remove(last),
        };
        Ok(())
    }
}

fn object<'v>(place: &'v mut Value, path: &[String]) -> Result<&'v mut Map<String, Value>, String> {
    let named = || format!("`{}` has no fields below it", path.join("."));
    place.as_object_mut().ok_or_else(named)
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(|part| part.trim().to_owned()).collect()
}

/// `PATH=VALUE` for clap. The value is JSON if it can be read as such, else text; sizes and durations may be
/// written as such.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    let (path, value) = text.split_once('=').ok_or("it is not of the form FIELD=VALUE")?;
    let path = split(path);
    if path.iter().any(String::is_empty) {
        return Err("it names no field".to_owned());
    }
    let value = value.trim();
    let last = path.last().map(String::as_str).unwrap_or_default();
    Ok(Assignment { value: quantity_of(last, value).unwrap_or_else(|| json_or_text(value)), path })
}

fn quantity_of(field: &str, text: &str) -> Option<Value> {
    if field.ends_with("_bytes") {
        return quantity::bytes(text).ok().map(Value::from);
    }
    let is_time = field.ends_with("_ms") && !text.bytes().all(|b| b.is_ascii_digit());
    let ms = || quantity::duration(text).ok().and_then(|d| u64::try_from(d.as_millis()).ok());
    if is_time { ms().map(Value::from) } else { None }
}

fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// `NAME=VALUE`, both text.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not of the form NAME=VALUE")?;
    if name.trim().is_empty() {
        return Err("the name is empty".to_owned());
    }
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A size in bytes: `64MiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    quantity::bytes(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(sets: &[&str], unsets: &[&str], thing: Value) -> Result<Value, String> {
        let mut patch = Patch::default();
        let unset: Vec<String> = unsets.iter().map(|u| (*u).to_owned()).collect();
        patch.extend(sets.iter().map(|s| assignment(s).unwrap()).collect(), &unset);
        patch.applied(thing)
    }

    #[test]
    fn fields_are_set_made_and_taken_away() {
        let sets =
            ["a.b=1", "c=text", "d=[1, 2]", "e.f.g=true", "h=", "limits.memory_bytes=1GiB", "x.idle_ms=2m"];
        let thing = json!({ "a": { "b": 0, "z": 9 }, "e": null, "gone": 1 });
        let expected = json!({
            "a": { "b": 1, "z": 9 }, "e": { "f": { "g": true } }, "c": "text", "d": [1, 2], "h": "",
            "limits": { "memory_bytes": 1_073_741_824u64 }, "x": { "idle_ms": 120_000 },
        });
        assert_eq!(patched(&sets, &["gone"], thing), Ok(expected));
        assert_eq!(
            patched(&["a.b.c=1"], &[], json!({ "a": { "b": 1 } })),
            Err("`a.b.c` has no fields below it".to_owned())
        );
        assert_eq!(patched(&["wait_ms=250"], &[], json!({})), Ok(json!({ "wait_ms": 250 })));
    }

    #[test]
    fn what_is_no_assignment_is_said() {
        for wrong in ["a", "=1", "a..b=1"] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
        assert!(pair("=x").is_err() && pair("x").is_err());
        assert_eq!(pair("a = b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
    }
}
