//! A reader over raw JSON text (RFC 8259) that allocates nothing: it checks the syntax and tells where values stand.
//!
//! Owns: the grammar, the depth bound, byte offsets in errors. Never: builds a tree, converts a number.

use std::borrow::Cow;
use std::ops::Range;

/// Arrays and objects inside each other beyond this are refused (the bound of `serde_json` too).
pub const DEPTH_LIMIT: u32 = 128;

/// The text is not JSON, or too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct ScanError {
    pub what: &'static str,
    pub at: usize,
}

/// How many bytes at the beginning stand for themselves inside a string of JSON: no quote, no backslash, no control
/// character.
pub(crate) fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // Eight bytes at a time: the high bit of a byte is set where the difference went below zero.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGH;
    let (words, rest) = text.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let found = below(word, 0x20) | is(b'"') | is(b'\\');
        if found != 0 {
            return i * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    text.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

/// A position in JSON text. The text must be valid UTF-8 for [`Scan::text_of`] to be exact.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        let bom = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        Self { text, at: bom }
    }

    /// Where the next byte stands.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space, unread.
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Reads one exact byte after white space.
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), ScanError> {
        match self.peek() == Some(byte) {
            true => self.at += 1,
            false => return Err(self.error(what)),
        }
        Ok(())
    }

    /// Nothing but white space may be left.
    pub fn end(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("unexpected text after the JSON value")),
        }
    }

    /// Goes on at another byte of the text.
    pub(crate) fn jump(&mut self, at: usize) {
        self.at = at.min(self.text.len());
    }

    /// Walks an object's members: `each` gets the decoded key and must read the value.
    pub fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.members(|scan, key| {
            let key = scan.text_of(&key)?;
            each(scan, key)
        })
    }

    /// Walks an object's members: `each` gets the key's range, quotes included, and must read the value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, Range<usize>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.pairs(|scan| {
            let key = scan.string()?;
            scan.expect(b':', "expected a colon")?;
            each(scan, key)
        })
    }

    /// Walks an object: `each` must read a key, the colon and the value.
    pub(crate) fn pairs(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.expect(b'{', "expected an object")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            if self.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Walks a list's elements: `each` must read one.
    pub(crate) fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.expect(b'[', "expected a list")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            if self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// Skips one value of any kind and answers its range, white space around it excluded.
    pub fn value(&mut self) -> Result<Range<usize>, ScanError> {
        self.nested(0)
    }

    /// Reads a string and answers its range, quotes included.
    pub fn string(&mut self) -> Result<Range<usize>, ScanError> {
        self.quoted().map(|(span, _)| span)
    }

    /// Reads a string and answers its range, quotes included, and whether it is known to stand for itself.
    pub(crate) fn quoted(&mut self) -> Result<(Range<usize>, bool), ScanError> {
        /// Most are no longer, and then a search costs more than it saves.
        const SHORT: usize = 32;
        self.expect(b'"', "expected a string")?;
        let start = self.at - 1;
        self.at += plain(&self.text[self.at..self.text.len().min(self.at + SHORT)]);
        if self.skip_if(|byte| byte == b'"') {
            return Ok((start..self.at, true));
        }
        loop {
            let rest = &self.text[self.at..];
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(ScanError { what: "unterminated string", at: start });
            };
            if rest[found] == b'"' {
                self.at += found + 1;
                return Ok((start..self.at, false));
            }
            self.at += (found + 2).min(rest.len());
        }
    }

    /// Reads a string that has no control characters and only escapes that exist, and answers its range, quotes
    /// included.
    pub(crate) fn proper_string(&mut self) -> Result<Range<usize>, ScanError> {
        self.expect(b'"', "expected a string")?;
        let start = self.at - 1;
        let bad = |what| Err(ScanError { what, at: start });
        loop {
            self.at += plain(&self.text[self.at..]);
            match &self.text[self.at..] {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|hex| hex.is_ascii_hexdigit()) => {
                    self.at += 6
                }
                [b'\\', ..] => return bad("unknown escape in a string"),
                [_, ..] => return bad("control character in a string"),
                [] => return bad("unterminated string"),
            }
        }
    }

    /// The meaning of the string at `span`.
    pub fn text_of(&self, span: &Range<usize>) -> Result<Cow<'a, str>, ScanError> {
        let bad = ScanError { what: "malformed string", at: span.start };
        let quoted = &self.text[span.clone()];
        let inner = &quoted[1..quoted.len() - 1];
        match inner.contains(&b'\\') {
            false => std::str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| bad),
            true => serde_json::from_slice(quoted).map(Cow::Owned).map_err(|_| bad),
        }
    }

    /// The text at `span`.
    pub fn slice(&self, span: &Range<usize>) -> &'a [u8] {
        &self.text[span.clone()]
    }

    fn nested(&mut self, depth: u32) -> Result<Range<usize>, ScanError> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => return self.string(),
            Some(b'{' | b'[') if depth >= DEPTH_LIMIT => return Err(self.error("nested too deeply")),
            Some(b'{') => self.members(|scan, _| scan.nested(depth + 1).map(drop))?,
            Some(b'[') => self.elements(|scan| scan.nested(depth + 1).map(drop))?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.error("expected a JSON value")),
            None => return Err(self.error("unexpected end of the JSON text")),
        }
        Ok(start..self.at)
    }

    /// After a member or element: true if `close` ended the container, false after a comma.
    pub(crate) fn more(&mut self, close: u8) -> Result<bool, ScanError> {
        match self.peek() {
            Some(b',') => self.at += 1,
            Some(byte) if byte == close => {
                self.at += 1;
                return Ok(true);
            }
            Some(_) => return Err(self.error("expected a comma or the end of the container")),
            None => return Err(self.error("unexpected end of the JSON text")),
        }
        Ok(false)
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), ScanError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("expected a JSON value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// `-? int frac? exp?`
    fn number(&mut self) -> Result<(), ScanError> {
        self.skip_if(|b| b == b'-');
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.skip_if(|b| b == b'.') {
            self.digits()?;
        }
        if self.skip_if(|b| matches!(b, b'e' | b'E')) {
            self.skip_if(|b| matches!(b, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let count = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error("malformed number"));
        }
        self.at += count;
        Ok(())
    }

    fn skip_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let hit = self.text.get(self.at).is_some_and(|b| wanted(*b));
        self.at += usize::from(hit);
        hit
    }

    fn error(&self, what: &'static str) -> ScanError {
        ScanError { what, at: self.at }
    }
}
