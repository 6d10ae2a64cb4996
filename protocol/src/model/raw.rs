//! JSON text kept as it was written: key order, number spelling and duplicate keys survive.

use serde::de::{Deserialize, DeserializeOwned};
use serde::{Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// One JSON value as text. Equality is equality of the text.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Keeps a value that a parser has already delimited.
    pub fn new(raw: &RawValue) -> Self {
        Self(raw.get().into())
    }

    /// Keeps a value of a text that was checked before.
    pub(crate) fn checked(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Keeps `text` if it is one JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(text).ok().map(Self::new)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value read as `T`, if it is one.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.0).ok()
    }

    /// True for `{...}`.
    pub fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }
}

impl From<&serde_json::Value> for RawJson {
    fn from(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}
