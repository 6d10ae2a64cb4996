//! A tree of settings that is taken apart: what was asked for is gone, what is left is reported.

use serde_json::{Map, Value};

/// See the module.
#[derive(Default)]
pub(super) struct Tree {
    fields: Map<String, Value>,
}

impl Tree {
    pub(super) fn new(fields: Map<String, Value>) -> Tree {
        Tree { fields }
    }

    /// A value, whatever it is; null counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A text; numbers and flags are taken as they would be written.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        match self.take(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A section; an absent one is empty.
    pub(super) fn section(&mut self, name: &str) -> Option<Tree> {
        match self.take(name)? {
            Value::Object(fields) => Some(Tree { fields }),
            _ => None,
        }
    }

    /// Everything that is left.
    pub(super) fn into_fields(self) -> impl Iterator<Item = (String, Value)> {
        self.fields.into_iter().filter(|(_, value)| !value.is_null())
    }

    /// The names of everything that nobody asked for, sections with what is in them.
    pub(super) fn left(self) -> Vec<String> {
        self.into_fields().map(|(name, _)| name).collect()
    }
}
