//! Writes JSON text directly: no tree between a value and its bytes, raw text goes in as it is, order is the code's.

use super::Dialect;
use super::scan::plain;
use crate::model::{Extras, RawJson, Token};
use serde_json::{Number, Value};
use std::borrow::Cow;

/// Writes one object as a whole document.
pub(crate) fn document(each: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    object(&mut out, each);
    escape_line_ends(&mut out, 0);
    out
}

/// The same, of about so many bytes: what is large is not moved as it grows.
pub(crate) fn sized(bytes: usize, each: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes);
    object(&mut out, each);
    out
}

/// Writes one object.
pub(crate) fn object(out: &mut Vec<u8>, each: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    each(&mut Object { out, empty: true });
    out.push(b'}');
}

/// What has a form in JSON.
pub(crate) trait Say {
    fn say(&self, out: &mut Vec<u8>);
}

impl Say for str {
    fn say(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        escaped(out, self);
        out.push(b'"');
    }
}

impl Say for String {
    fn say(&self, out: &mut Vec<u8>) {
        self.as_str().say(out);
    }
}

impl Say for Cow<'_, str> {
    fn say(&self, out: &mut Vec<u8>) {
        self.as_ref().say(out);
    }
}

impl Say for RawJson {
    fn say(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
}

impl<T: Say + ?Sized> Say for &T {
    fn say(&self, out: &mut Vec<u8>) {
        (*self).say(out);
    }
}

impl<T: Say> Say for Option<T> {
    fn say(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.say(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl<T: Say> Say for [T] {
    fn say(&self, out: &mut Vec<u8>) {
        list(out, |list| self.iter().for_each(|value| value.say(list.next())));
    }
}

impl<T: Say> Say for Vec<T> {
    fn say(&self, out: &mut Vec<u8>) {
        self.as_slice().say(out);
    }
}

impl<T: Say, const N: usize> Say for [T; N] {
    fn say(&self, out: &mut Vec<u8>) {
        self.as_slice().say(out);
    }
}

/// Numbers, truth values and trees of values: as the library writes them. It cannot fail there.
macro_rules! as_the_library {
    ($($kind:ty),*) => {$(
        impl Say for $kind {
            fn say(&self, out: &mut Vec<u8>) {
                let start = out.len();
                if serde_json::to_writer(&mut *out, self).is_err() {
                    out.truncate(start);
                    out.extend_from_slice(b"null");
                }
            }
        }
    )*};
}

as_the_library!(bool, u32, u64, i32, i64, f32, f64, usize, Number, Value, Token);

/// A text's inside.
fn escaped(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + text.len() / 8);
    let mut rest = text.as_bytes();
    // Eight bytes are copied at once, and those taken back that do not stand for themselves.
    while let Some(word) = rest.first_chunk::<8>() {
        let (start, plain) = (out.len(), plain(word));
        out.extend_from_slice(word);
        rest = &rest[plain..];
        if plain < word.len() {
            out.truncate(start + plain);
            escape(out, word[plain]);
            rest = &rest[1..];
        }
    }
    rest.iter().for_each(|byte| escape(out, *byte));
}

/// The escapes are those of the library.
fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..0x20 => b'u',
        plain => return out.push(plain),
    };
    out.extend_from_slice(&[b'\\', short]);
    if short == b'u' {
        out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// The characters that end a line in Unicode but not in JSON: U+0085, U+2028 and U+2029.
const LINE_ENDS: [(&[u8], &[u8]); 3] =
    [(b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029")];

/// Escapes, in the JSON text behind `from`, what the line readers of some clients take for the end of a line: such
/// a character is always inside a string.
pub(crate) fn escape_line_ends(out: &mut Vec<u8>, from: usize) {
    let found = |text: &[u8]| {
        memchr::memchr2_iter(0xc2, 0xe2, text)
            .find_map(|at| LINE_ENDS.iter().find(|(end, _)| text[at..].starts_with(end)).map(|end| (at, end)))
    };
    if found(&out[from..]).is_none() {
        return;
    }
    let text = out.split_off(from);
    let mut rest = text.as_slice();
    while let Some((at, (end, escaped))) = found(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(escaped);
        rest = &rest[at + end.len()..];
    }
    out.extend_from_slice(rest);
}

/// The members of an object being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

/// The elements of a list being written.
pub(crate) struct List<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        match plain(key.as_bytes()) == key.len() {
            true => {
                self.out.push(b'"');
                self.out.extend_from_slice(key.as_bytes());
                self.out.extend_from_slice(b"\":");
            }
            false => {
                key.say(self.out);
                self.out.push(b':');
            }
        }
        self.out
    }

    /// A member of any value.
    pub(crate) fn put<T: Say + ?Sized>(&mut self, key: &str, what: &T) {
        what.say(self.key(key));
    }

    /// A text that is in pieces, an empty line between them.
    pub(crate) fn joined<'t>(&mut self, key: &str, head: &str, texts: impl Iterator<Item = &'t str>) {
        let out = self.key(key);
        out.push(b'"');
        escaped(out, head);
        for (i, text) in texts.enumerate() {
            if i > 0 {
                out.extend_from_slice(br"\n\n");
            }
            escaped(out, text);
        }
        out.push(b'"');
    }

    /// A member, if there is a value.
    pub(crate) fn maybe<T: Say>(&mut self, key: &str, what: &Option<T>) {
        if let Some(what) = what {
            self.put(key, what);
        }
    }

    pub(crate) fn null(&mut self, key: &str) {
        self.key(key).extend_from_slice(b"null");
    }

    /// A member whose value is already JSON text.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    pub(crate) fn object(&mut self, key: &str, each: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), each);
    }

    pub(crate) fn list(&mut self, key: &str, each: impl FnOnce(&mut List<'_>)) {
        list(self.key(key), each);
    }

    /// A tool call's arguments where only an object will do. What the model wrote is never repaired: text that is
    /// no object is kept whole.
    pub(crate) fn arguments(&mut self, key: &str, arguments: &str) {
        let text = arguments.trim();
        let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        match text {
            "" | "null" => self.object(key, |_| {}),
            text if text.starts_with('{') && is_json() => self.one_line(key, text),
            text => self.object(key, |o| o.put("_raw", text)),
        }
    }

    /// JSON text without its line ends, which framings would take for theirs; between tokens a blank says the same.
    fn one_line(&mut self, key: &str, json: &str) {
        let out = self.key(key);
        let start = out.len();
        out.extend_from_slice(json.as_bytes());
        for byte in &mut out[start..] {
            *byte = if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        }
    }

    /// The extras that belong to this dialect.
    pub(crate) fn extras(&mut self, extras: &Extras, dialect: Dialect) {
        for (key, json) in extras.for_dialect(dialect) {
            self.raw(key, json.as_str());
        }
    }
}

/// Writes one list.
pub(crate) fn list(out: &mut Vec<u8>, each: impl FnOnce(&mut List<'_>)) {
    out.push(b'[');
    each(&mut List { out, empty: true });
    out.push(b']');
}

impl List<'_> {
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        self.out
    }

    pub(crate) fn object(&mut self, each: impl FnOnce(&mut Object<'_>)) {
        object(self.next(), each);
    }

    pub(crate) fn raw(&mut self, json: &RawJson) {
        self.next().extend_from_slice(json.as_str().as_bytes());
    }
}
