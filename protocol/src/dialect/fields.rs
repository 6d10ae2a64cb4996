//! A cursor over one JSON object: take what you know, keep what you don't.
//!
//! Values stay as text until they are taken, so numbers, key order and nested duplicate keys survive in what is kept;
//! `serde(flatten)` would reorder maps and mangle big numbers. Errors name the path.

use super::Dialect;
use super::codec::DecodeError;
use super::write::Object;
use crate::model::{Extras, RawJson, join};
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The members of one object that have not been taken yet.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    path: String,
    members: IndexMap<Cow<'a, str>, &'a RawValue>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) path: String,
    pub(crate) raw: &'a RawValue,
}

impl<'a> Fields<'a> {
    /// Reads a whole body.
    pub(crate) fn body(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(body).map_err(|e| DecodeError::new("", format!("not UTF-8: {e}")))?;
        let text = text.trim_start_matches('\u{feff}');
        Self::read(text, String::new())
    }

    fn read(text: &'a str, path: String) -> Result<Self, DecodeError> {
        let members: Members<'a> =
            serde_json::from_str(text).map_err(|e| DecodeError::new(&path, e.to_string()))?;
        Ok(Self { path, members: members.0 })
    }

    /// The path of a member.
    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The member as text; `null` counts as absent.
    pub(crate) fn raw(&mut self, key: &str) -> Option<Item<'a>> {
        let raw = self.members.shift_remove(key)?;
        (raw.get() != "null").then(|| Item { path: self.at(key), raw })
    }

    /// The member as `T`.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, key: &str) -> Result<Option<T>, DecodeError> {
        self.raw(key).map(|item| item.read()).transpose()
    }

    /// The member as `T`, which must be there.
    pub(crate) fn need<T: Deserialize<'a>>(&mut self, key: &str) -> Result<T, DecodeError> {
        self.take(key)?.ok_or_else(|| DecodeError::new(&self.at(key), "is required"))
    }

    /// The member under either spelling.
    pub(crate) fn either(&mut self, key: &str, other: &str) -> Option<Item<'a>> {
        self.raw(key).or_else(|| self.raw(other))
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, DecodeError> {
        self.take(key)
    }

    /// The member as an object.
    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Fields<'a>>, DecodeError> {
        self.raw(key).map(|item| item.object()).transpose()
    }

    /// The member as a list; absent is empty.
    pub(crate) fn list(&mut self, key: &str) -> Result<Vec<Item<'a>>, DecodeError> {
        self.raw(key).map_or(Ok(Vec::new()), |item| item.list())
    }

    /// Puts a value back that turned out to be of no known kind.
    pub(crate) fn put_back(&mut self, key: &'static str, item: &Item<'a>) {
        self.members.insert(Cow::Borrowed(key), item.raw);
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.members.get(key).is_some_and(|raw| raw.get() != "null")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The names of the members not taken, without those that say nothing.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.members.iter().filter(|(_, raw)| raw.get() != "null").map(|(key, _)| key.clone().into_owned())
    }

    /// Writes the members of a kept object, except those in `said`, which the writer has said already.
    pub(crate) fn copy(kept: &RawJson, said: &[&str], o: &mut Object<'_>) {
        let Ok(members) = serde_json::from_str::<Members<'_>>(kept.as_str()) else { return };
        for (key, raw) in members.0.iter().filter(|(key, _)| !said.contains(&key.as_ref())) {
            o.raw(key, raw.get());
        }
    }

    /// Everything not taken, as the extras of `origin`.
    pub(crate) fn rest(self, origin: Dialect) -> Extras {
        if self.members.is_empty() {
            return Extras::default();
        }
        let fields = self.members.into_iter().map(|(key, raw)| (key.into_owned(), RawJson::new(raw)));
        Extras::new(origin, fields.collect())
    }
}

impl<'a> Item<'a> {
    pub(crate) fn read<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        serde_json::from_str(self.raw.get()).map_err(|error| DecodeError::new(&self.path, error.to_string()))
    }

    pub(crate) fn object(&self) -> Result<Fields<'a>, DecodeError> {
        Fields::read(self.raw.get(), self.path.clone())
    }

    pub(crate) fn list(&self) -> Result<Vec<Item<'a>>, DecodeError> {
        let items: Vec<&'a RawValue> = self.read()?;
        let place = |(i, raw)| Item { path: format!("{}[{i}]", self.path), raw };
        Ok(items.into_iter().enumerate().map(place).collect())
    }

    pub(crate) fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    pub(crate) fn is_list(&self) -> bool {
        self.raw.get().starts_with('[')
    }

    pub(crate) fn json(&self) -> RawJson {
        RawJson::new(self.raw)
    }

    /// An error at this place.
    pub(crate) fn error(&self, what: impl Into<String>) -> DecodeError {
        DecodeError::new(&self.path, what)
    }
}

struct Members<'a>(IndexMap<Cow<'a, str>, &'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = IndexMap::new();
        while let Some(Key(key)) = map.next_key()? {
            let value = map.next_value()?;
            if let Some(_earlier) = members.insert(key.clone(), value) {
                return Err(serde::de::Error::custom(format_args!("the field `{key}` appears twice")));
            }
        }
        Ok(Members(members))
    }
}

/// A key, borrowed when it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_kept_verbatim() {
        let body = br#"{"a":1.10,"b":{"z":1,"y":12345678901234567890123,"z":2},"c":null,"d":"x"}"#;
        let mut fields = Fields::body(body).unwrap();
        assert_eq!(fields.text("d").unwrap().as_deref(), Some("x"));
        assert_eq!(fields.take::<String>("c").unwrap(), None);
        let extras = fields.rest(Dialect::Ollama);
        let kept: Vec<_> = extras.for_dialect(Dialect::Ollama).map(|(k, v)| (k, v.as_str())).collect();
        assert_eq!(kept, [("a", "1.10"), ("b", r#"{"z":1,"y":12345678901234567890123,"z":2}"#)]);
        assert_eq!(extras.for_dialect(Dialect::Gemini).count(), 0);
    }

    #[test]
    fn errors_name_the_path() {
        let mut fields = Fields::body(br#"{"m":[{"x":{"y":7}}]}"#).unwrap();
        let items = fields.list("m").unwrap();
        let mut inner = items[0].object().unwrap().object("x").unwrap().unwrap();
        let error = inner.text("y").unwrap_err();
        assert!(error.to_string().starts_with("m[0].x.y: invalid type"), "{error}");
        assert!(Fields::body(br#"{"a":1,"a":2}"#).unwrap_err().to_string().contains("`a` appears twice"));
        assert!(Fields::body(b"[1]").is_err());
    }
}
