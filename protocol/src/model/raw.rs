//! JSON text kept as it was written: key order, number spelling and duplicate keys survive.

use serde::de::{Deserialize, DeserializeOwned};
use serde::{Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// One JSON value as text. Equality is equality of the text.
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Keeps a value that a parser has already delimited.
    pub fn new(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }

    /// Keeps a value of a text that was checked before; what is no JSON after all says nothing.
    pub fn checked(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| Self(RawValue::NULL.to_owned()))
    }

    /// Keeps `text` if it is one JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        RawValue::from_string(text.to_owned()).ok().map(Self)
    }

    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value read as `T`, if it is one.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.0.get()).ok()
    }

    /// True for `{...}`.
    pub fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }
}

impl From<&serde_json::Value> for RawJson {
    fn from(value: &serde_json::Value) -> Self {
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
