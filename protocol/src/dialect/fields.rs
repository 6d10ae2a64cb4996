//! A cursor over one JSON object: take what you know, keep what you don't.
//!
//! Values stay as text until they are taken, so numbers, key order and nested duplicate keys survive in what is kept;
//! `serde(flatten)` would reorder maps and mangle big numbers. Errors name the path.

use super::Dialect;
use super::codec::DecodeError;
use super::text::Text;
use super::write::{self, Object};
use crate::model::{Extras, RawJson, join};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Objects of more members than this are looked through for a duplicate with a set, not pair by pair.
const MANY: usize = 24;

/// The members of one object that have not been taken yet.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    text: &'a Text<'a>,
    /// Where the object stands.
    at: usize,
    members: Vec<Member<'a>>,
    /// What is left of objects that were read in part.
    rests: Vec<(&'static str, RawJson)>,
}

#[derive(Debug)]
struct Member<'a> {
    key: Cow<'a, str>,
    value: Range<usize>,
    taken: bool,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    text: &'a Text<'a>,
    span: Range<usize>,
}

impl<'a> Fields<'a> {
    /// Reads a whole body.
    pub(crate) fn body(text: &'a Text<'a>) -> Result<Self, DecodeError> {
        let start = text.start();
        Self::read(text, start)
    }

    fn read(text: &'a Text<'a>, at: usize) -> Result<Self, DecodeError> {
        let mut members: Vec<Member<'a>> = Vec::with_capacity(4);
        let walked = text.scan(at).object(|scan, key| {
            let value = text.step(scan)?;
            members.push(Member { key, value, taken: false });
            Ok(())
        });
        walked.map_err(|error| DecodeError::new(&text.path(at), error.to_string()))?;
        let fields = Self { text, at, members, rests: Vec::new() };
        match fields.twice() {
            Some(key) => Err(DecodeError::new(&fields.path(), format!("the field `{key}` appears twice"))),
            None => Ok(fields),
        }
    }

    /// A key that two members have.
    fn twice(&self) -> Option<&str> {
        let keys = self.members.iter().map(|member| member.key.as_ref());
        if self.members.len() > MANY {
            let mut seen = HashSet::with_capacity(self.members.len());
            return keys.into_iter().find(|key| !seen.insert(*key));
        }
        let earlier = |(i, key): &(usize, &str)| self.members[..*i].iter().any(|member| member.key == *key);
        keys.enumerate().find(earlier).map(|(_, key)| key)
    }

    /// The path of a member.
    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.path(), key)
    }

    pub(crate) fn path(&self) -> String {
        self.text.path(self.at)
    }

    fn left(&self) -> impl Iterator<Item = &Member<'a>> {
        self.members.iter().filter(|member| !member.taken)
    }

    /// The member as text; `null` counts as absent.
    pub(crate) fn raw(&mut self, key: &str) -> Option<Item<'a>> {
        let member = self.members.iter_mut().find(|member| !member.taken && member.key == key)?;
        member.taken = true;
        let item = Item { text: self.text, span: member.value.clone() };
        (item.raw() != "null").then_some(item)
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
        self.raw(key).map(|item| item.string()).transpose()
    }

    /// A text that must be there.
    pub(crate) fn need_text(&mut self, key: &str) -> Result<String, DecodeError> {
        self.text(key)?.ok_or_else(|| DecodeError::new(&self.at(key), "is required"))
    }

    /// A text that must be there and is only looked at.
    pub(crate) fn word(&mut self, key: &str) -> Result<Cow<'a, str>, DecodeError> {
        let item = self.raw(key).ok_or_else(|| DecodeError::new(&self.at(key), "is required"))?;
        match item.inner().filter(|inner| memchr::memchr(b'\\', inner.as_bytes()).is_none()) {
            Some(plain) => Ok(Cow::Borrowed(plain)),
            None => item.read().map(Cow::Owned),
        }
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
    pub(crate) fn put_back(&mut self, item: &Item<'a>) {
        if let Some(member) = self.members.iter_mut().find(|member| member.value == item.span) {
            member.taken = false;
        }
    }

    /// Keeps what was not taken of a member that is an object.
    pub(crate) fn keep_rest(&mut self, key: &'static str, rest: &Fields<'a>) {
        if !rest.is_empty() {
            let mut out = Vec::new();
            write::object(&mut out, |o| rest.left().for_each(|m| o.raw(&m.key, rest.text.slice(&m.value))));
            self.rests.push((key, RawJson::checked(&String::from_utf8_lossy(&out))));
        }
    }

    /// Puts a value back under the one of its two spellings that is looked for later.
    pub(crate) fn put_back_as(&mut self, key: &'static str, item: &Item<'a>) {
        if let Some(member) = self.members.iter_mut().find(|member| member.value == item.span) {
            member.key = Cow::Borrowed(key);
            member.taken = false;
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.left().any(|member| member.key == key && self.text.slice(&member.value) != "null")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left().next().is_none() && self.rests.is_empty()
    }

    /// The names of the members not taken, without those that say nothing.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        let said = self.left().filter(|member| self.text.slice(&member.value) != "null");
        said.map(|member| member.key.clone().into_owned())
    }

    /// Writes the members of a kept object, except those in `said`, which the writer has said already.
    pub(crate) fn copy(kept: &RawJson, said: &[&str], o: &mut Object<'_>) {
        let Ok(text) = Text::read(kept.as_str().as_bytes()) else { return };
        let Ok(fields) = Fields::body(&text) else { return };
        for member in fields.left().filter(|member| !said.contains(&member.key.as_ref())) {
            o.raw(&member.key, text.slice(&member.value));
        }
    }

    /// Everything not taken, as the extras of `origin`.
    pub(crate) fn rest(self, origin: Dialect) -> Extras {
        if self.is_empty() {
            return Extras::default();
        }
        let left = self.members.into_iter().filter(|member| !member.taken);
        let field = |m: Member<'a>| (m.key.into_owned(), RawJson::checked(self.text.slice(&m.value)));
        let rests = self.rests.into_iter().map(|(key, rest)| (key.to_owned(), rest));
        Extras::new(origin, left.map(field).chain(rests).collect())
    }
}

impl<'a> Item<'a> {
    /// The value as it was written.
    pub(crate) fn raw(&self) -> &'a str {
        self.text.slice(&self.span)
    }

    pub(crate) fn read<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        serde_json::from_str(self.raw()).map_err(|error| self.error(error.to_string()))
    }

    /// The value as a text. Most of a request is texts: they are copied once, without a look at the grammar, which
    /// was checked.
    pub(crate) fn string(&self) -> Result<String, DecodeError> {
        match self.inner().and_then(unescaped) {
            Some(text) => Ok(text),
            None => self.read(),
        }
    }

    /// What stands between the quotes of a text.
    fn inner(&self) -> Option<&'a str> {
        self.raw().strip_prefix('"')?.strip_suffix('"')
    }

    pub(crate) fn object(&self) -> Result<Fields<'a>, DecodeError> {
        match self.raw().starts_with('{') {
            true => Fields::read(self.text, self.span.start),
            false => Err(self.error("must be an object")),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Item<'a>>, DecodeError> {
        if !self.is_list() {
            return Err(self.error("must be a list"));
        }
        let mut items = Vec::new();
        let walked = self.text.scan(self.span.start).elements(|scan| {
            items.push(Item { text: self.text, span: self.text.step(scan)? });
            Ok(())
        });
        walked.map(|()| items).map_err(|error| self.error(error.to_string()))
    }

    pub(crate) fn is_text(&self) -> bool {
        self.raw().starts_with('"')
    }

    pub(crate) fn is_list(&self) -> bool {
        self.raw().starts_with('[')
    }

    pub(crate) fn json(&self) -> RawJson {
        RawJson::checked(self.raw())
    }

    /// Where it stands, as `messages[2].content`.
    pub(crate) fn path(&self) -> String {
        self.text.path(self.span.start)
    }

    /// An error at this place.
    pub(crate) fn error(&self, what: impl Into<String>) -> DecodeError {
        DecodeError::new(&self.path(), what)
    }
}

/// The meaning of a text's inside, but for `\u`, which is left to others.
fn unescaped(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        out.push(match rest.as_bytes().get(at + 1)? {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            same @ (b'"' | b'\\' | b'/') => char::from(*same),
            _ => return None,
        });
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_kept_verbatim() {
        let body = br#"{"a":1.10,"b":{"z":1,"y":12345678901234567890123,"z":2},"c":null,"d":"x"}"#;
        let text = Text::read(body).unwrap();
        let mut fields = Fields::body(&text).unwrap();
        assert_eq!(fields.text("d").unwrap().as_deref(), Some("x"));
        assert_eq!(fields.take::<String>("c").unwrap(), None);
        let extras = fields.rest(Dialect::Ollama);
        let kept: Vec<_> = extras.for_dialect(Dialect::Ollama).map(|(k, v)| (k, v.as_str())).collect();
        assert_eq!(kept, [("a", "1.10"), ("b", r#"{"z":1,"y":12345678901234567890123,"z":2}"#)]);
        assert_eq!(extras.for_dialect(Dialect::Gemini).count(), 0);
    }

    #[test]
    fn texts_mean_what_they_mean_to_the_library() {
        let texts = [
            r#""""#,
            r#""é x""#,
            r#""a\"\\\/\b\f\n\r\t""#,
            r#""\u00e9\n""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            "7",
        ];
        for json in texts.map(|text| text.replace("\\\\", "\\")) {
            let body = format!("{{\"x\":{json}}}");
            let text = Text::read(body.as_bytes()).unwrap();
            let want = serde_json::from_str::<String>(&json).ok();
            assert_eq!(Fields::body(&text).unwrap().need_text("x").ok(), want, "{json}");
            assert_eq!(Fields::body(&text).unwrap().word("x").ok().as_deref(), want.as_deref(), "{json}");
        }
    }

    #[test]
    fn errors_name_the_path() {
        let text = Text::read(br#"{"m":[{"x":{"y":7}}]}"#).unwrap();
        let mut fields = Fields::body(&text).unwrap();
        let items = fields.list("m").unwrap();
        let mut inner = items[0].object().unwrap().object("x").unwrap().unwrap();
        let error = inner.text("y").unwrap_err();
        assert!(error.to_string().starts_with("m[0].x.y: invalid type"), "{error}");
        let many: String = (0..MANY).map(|i| format!("\"k{i}\":0,")).collect();
        for twice in [r#"{"a":1,"a":2}"#.to_owned(), format!("{{{many}\"a\":1,\"\\u0061\":2}}")] {
            let text = Text::read(twice.as_bytes()).unwrap();
            assert!(Fields::body(&text).unwrap_err().to_string().contains("`a` appears twice"), "{twice}");
        }
        let text = Text::read(br#"{"l":[1],"t":"x"}"#).unwrap();
        let mut fields = Fields::body(&text).unwrap();
        assert_eq!(fields.object("l").unwrap_err().to_string(), "l: must be an object");
        assert_eq!(fields.list("t").unwrap_err().to_string(), "t: must be a list");
        assert!(Fields::body(&Text::read(b"[1]").unwrap()).is_err());
    }
}
