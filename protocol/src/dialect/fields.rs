//! A cursor over one JSON object: take what you know, keep what you don't.
//!
//! Values stay as text until they are taken, so numbers, key order and nested duplicate keys survive in what is kept;
//! `serde(flatten)` would reorder maps and mangle big numbers. Errors name the path.

use super::Dialect;
use super::codec::DecodeError;
use super::scan::{Scan, plain};
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
    members: Vec<Member>,
    /// What is left of objects that were read in part.
    rests: Vec<(&'static str, RawJson)>,
}

/// One member: where it stands in the text.
#[derive(Debug)]
pub(super) struct Member {
    key: Key,
    value: Range<usize>,
    taken: bool,
}

#[derive(Debug)]
enum Key {
    /// As it stands there.
    Plain(Range<usize>),
    /// It is written with escapes, or was changed.
    Other(Box<str>),
}

impl Member {
    fn key<'t>(&'t self, text: &Text<'t>) -> &'t str {
        match &self.key {
            Key::Plain(span) => text.slice(span),
            Key::Other(key) => key,
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    text: &'a Text<'a>,
    span: Range<usize>,
}

/// The values of a list, one after another.
#[derive(Debug)]
pub(crate) struct Items<'a> {
    text: &'a Text<'a>,
    /// Before the next one, if there are more.
    next: Option<Scan<'a>>,
    /// A value that is no list and stands for a list of one.
    alone: Option<Item<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads a whole body.
    pub(crate) fn body(text: &'a Text<'a>) -> Result<Self, DecodeError> {
        let start = text.start();
        Self::read(text, start)
    }

    fn read(text: &'a Text<'a>, at: usize) -> Result<Self, DecodeError> {
        let mut members = text.spare();
        let walked = text.scan(at).pairs(|scan| {
            let (span, plain) = scan.quoted()?;
            let key = match plain {
                true => Key::Plain(span.start + 1..span.end - 1),
                false => Key::Other(scan.text_of(&span)?.into()),
            };
            scan.expect(b':', "expected a colon")?;
            members.push(Member { key, value: text.step(scan)?, taken: false });
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
        let keys = self.members.iter().map(|member| member.key(self.text));
        if self.members.len() > MANY {
            let mut seen = HashSet::with_capacity(self.members.len());
            return keys.into_iter().find(|key| !seen.insert(*key));
        }
        let earlier =
            |(i, key): &(usize, &str)| self.members[..*i].iter().any(|member| member.key(self.text) == *key);
        keys.enumerate().find(earlier).map(|(_, key)| key)
    }

    /// The path of a member.
    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.path(), key)
    }

    pub(crate) fn path(&self) -> String {
        self.text.path(self.at)
    }

    fn left(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.taken)
    }

    /// The member as text; `null` counts as absent.
    pub(crate) fn raw(&mut self, key: &str) -> Option<Item<'a>> {
        let text = self.text;
        let member = self.members.iter_mut().find(|member| !member.taken && member.key(text) == key)?;
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
        self.maybe_word(key)?.ok_or_else(|| DecodeError::new(&self.at(key), "is required"))
    }

    /// A text that is only looked at.
    pub(crate) fn maybe_word(&mut self, key: &str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        self.raw(key).map(|item| item.word()).transpose()
    }

    /// The member as an object.
    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Fields<'a>>, DecodeError> {
        self.raw(key).map(|item| item.object()).transpose()
    }

    /// The member as a list; absent is empty.
    pub(crate) fn list(&mut self, key: &str) -> Result<Items<'a>, DecodeError> {
        let none = Items { text: self.text, next: None, alone: None };
        self.raw(key).map_or(Ok(none), |item| item.list())
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
            write::object(&mut out, |o| {
                rest.left().for_each(|m| o.raw(m.key(rest.text), rest.text.slice(&m.value)))
            });
            self.rests.push((key, RawJson::checked(String::from_utf8_lossy(&out))));
        }
    }

    /// Puts a value back under the one of its two spellings that is looked for later.
    pub(crate) fn put_back_as(&mut self, key: &'static str, item: &Item<'a>) {
        if let Some(member) = self.members.iter_mut().find(|member| member.value == item.span) {
            member.key = Key::Other(key.into());
            member.taken = false;
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.left().any(|member| member.key(self.text) == key && self.text.slice(&member.value) != "null")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left().next().is_none() && self.rests.is_empty()
    }

    /// The names of the members not taken, without those that say nothing.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        let said = self.left().filter(|member| self.text.slice(&member.value) != "null");
        said.map(|member| member.key(self.text).to_owned())
    }

    /// Writes the members of a kept object, except those in `said`, which the writer has said already.
    pub(crate) fn copy(kept: &RawJson, said: &[&str], o: &mut Object<'_>) {
        let Ok(text) = Text::read(kept.as_str().as_bytes()) else { return };
        let Ok(fields) = Fields::body(&text) else { return };
        for member in fields.left().filter(|member| !said.contains(&member.key(&text))) {
            o.raw(member.key(&text), text.slice(&member.value));
        }
    }

    /// Everything not taken, as the extras of `origin`.
    pub(crate) fn rest(mut self, origin: Dialect) -> Extras {
        if self.is_empty() {
            return Extras::default();
        }
        let rests = std::mem::take(&mut self.rests).into_iter().map(|(key, rest)| (key.to_owned(), rest));
        let field = |m: &Member| (m.key(self.text).to_owned(), RawJson::checked(self.text.slice(&m.value)));
        Extras::new(origin, self.left().map(field).chain(rests).collect())
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        self.text.keep(std::mem::take(&mut self.members));
    }
}

impl<'a> Item<'a> {
    /// The value as it was written.
    pub(crate) fn raw(&self) -> &'a str {
        self.text.slice(&self.span)
    }

    /// Where it stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
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

    /// The value as a text that is only looked at.
    pub(crate) fn word(&self) -> Result<Cow<'a, str>, DecodeError> {
        match self.inner().filter(|inner| plain(inner.as_bytes()) == inner.len()) {
            Some(plain) => Ok(Cow::Borrowed(plain)),
            None => self.read().map(Cow::Owned),
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

    pub(crate) fn list(&self) -> Result<Items<'a>, DecodeError> {
        let mut scan = self.text.scan(self.span.start);
        scan.expect(b'[', "").map_err(|_| self.error("must be a list"))?;
        let next = (scan.peek() != Some(b']')).then_some(scan);
        Ok(Items { text: self.text, next, alone: None })
    }

    /// The values of a list; any other value alone.
    pub(crate) fn each(self) -> Result<Items<'a>, DecodeError> {
        match self.is_list() {
            true => self.list(),
            false => Ok(Items { text: self.text, next: None, alone: Some(self) }),
        }
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

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        // The text was checked: nothing fails here.
        let Some(mut scan) = self.next.take() else { return self.alone.take() };
        let span = self.text.step(&mut scan).ok()?;
        self.next = scan.more(b']').is_ok_and(|end| !end).then_some(scan);
        Some(Item { text: self.text, span })
    }
}

/// The meaning of a text's inside, but for `\u`, which is left to others.
fn unescaped(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    loop {
        let at = plain(rest.as_bytes());
        out.push_str(&rest[..at]);
        if at == rest.len() {
            return Some(out);
        }
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
        let item = fields.list("m").unwrap().next().unwrap();
        let mut inner = item.object().unwrap().object("x").unwrap().unwrap();
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
