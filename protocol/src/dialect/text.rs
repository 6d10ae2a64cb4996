//! A JSON text that was checked in one pass, with the ends of its long values: whoever reads it later, level by level,
//! steps over them instead of walking through them again.
//!
//! Owns: the check of the whole text, the ends, the path of a place. Never: builds a tree, reads a value.

use super::codec::DecodeError;
use super::fields::Member;
use super::scan::{DEPTH_LIMIT, Scan, ScanError};
use crate::model::join;
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// Values shorter than this are walked through again: remembering their ends would cost more than it saves.
const LONG: usize = 24;

/// So many ends are looked at before the search begins.
const NEAR: usize = 8;

/// A whole body.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    text: &'a str,
    /// Where long values begin and end, in the order of their beginnings.
    ends: Vec<(u32, u32)>,
    /// Where in `ends` the last one was found: readers go forward, the next is near.
    last: Cell<usize>,
    /// Emptied lists of members, for the next object that is read.
    spare: RefCell<Vec<Vec<Member>>>,
}

impl<'a> Text<'a> {
    /// Checks a body's syntax.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(body).map_err(|e| DecodeError::new("", format!("not UTF-8: {e}")))?;
        Self::check(text).map_err(|error| DecodeError::new("", error.to_string()))
    }

    fn check(text: &'a str) -> Result<Self, ScanError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ScanError { what: "too long", at: 0 });
        }
        let mut check = Check { scan: Scan::new(text.as_bytes()), ends: Vec::new() };
        check.value(0)?;
        check.scan.end()?;
        Ok(Self { text, ends: check.ends, last: Cell::new(0), spare: RefCell::default() })
    }

    /// Where the value begins.
    pub(crate) fn start(&self) -> usize {
        let mut scan = Scan::new(self.text.as_bytes());
        scan.peek();
        scan.position()
    }

    /// The text at a span that a reader of this text answered.
    pub(crate) fn slice(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// A reader that stands at a byte of this text.
    pub(crate) fn scan(&self, at: usize) -> Scan<'a> {
        let mut scan = Scan::new(self.text.as_bytes());
        scan.jump(at);
        scan
    }

    /// An empty list of members.
    pub(super) fn spare(&self) -> Vec<Member> {
        self.spare.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(8))
    }

    /// Takes a list of members for the next object.
    pub(super) fn keep(&self, mut members: Vec<Member>) {
        members.clear();
        self.spare.borrow_mut().push(members);
    }

    /// Steps over the value that the reader stands before, and answers its span.
    pub(crate) fn step(&self, scan: &mut Scan<'a>) -> Result<Range<usize>, ScanError> {
        if !matches!(scan.peek(), Some(b'{' | b'[' | b'"')) {
            return scan.value();
        }
        let start = scan.position();
        match self.end(start) {
            None => scan.value(),
            Some(end) => {
                scan.jump(end);
                Ok(start..end)
            }
        }
    }

    fn end(&self, start: usize) -> Option<usize> {
        let begins = |(start, _): &(u32, u32)| *start as usize;
        let last = self.last.get();
        let (behind, ahead) = self.ends.split_at(last);
        // The first that does not begin before the value.
        let near = match ahead.iter().take(NEAR).position(|entry| begins(entry) >= start) {
            Some(0) => {
                behind.iter().rev().take(NEAR).position(|entry| begins(entry) < start).map(|i| last - i)
            }
            Some(i) => Some(last + i),
            None => None,
        };
        let found = near.unwrap_or_else(|| self.ends.partition_point(|entry| begins(entry) < start));
        let (begin, end) = self.ends.get(found)?;
        self.last.set(found);
        (*begin as usize == start).then_some(*end as usize)
    }

    /// The path of the value at a byte, as `messages[2].content`. Only errors need it, so it is looked for, not kept.
    pub(crate) fn path(&self, at: usize) -> String {
        let mut path = String::new();
        let mut scan = self.scan(self.start());
        // A text that was checked has no errors; each turn goes one level deeper.
        while scan.peek().is_some() && scan.position() < at {
            let found = match scan.peek() {
                Some(b'{') => self.member_over(&mut scan, at).map(|key| join(&path, &key)),
                Some(b'[') => self.element_over(&mut scan, at).map(|i| format!("{path}[{i}]")),
                _ => None,
            };
            match found {
                Some(deeper) => path = deeper,
                None => break,
            }
        }
        path
    }

    /// Goes to the value of the member that holds a byte, and answers its key.
    fn member_over(&self, scan: &mut Scan<'a>, at: usize) -> Option<String> {
        let (mut inside, mut found) = (*scan, None);
        let walked = inside.members(|scan, key| {
            scan.peek();
            let before = *scan;
            let span = self.step(scan)?;
            if span.contains(&at) {
                found = Some((before, scan.text_of(&key)?.into_owned()));
            }
            Ok(())
        });
        walked.ok()?;
        let (before, key) = found?;
        *scan = before;
        Some(key)
    }

    fn element_over(&self, scan: &mut Scan<'a>, at: usize) -> Option<usize> {
        let (mut inside, mut found, mut i) = (*scan, None, 0);
        let walked = inside.elements(|scan| {
            scan.peek();
            let before = *scan;
            if self.step(scan)?.contains(&at) {
                found = Some((before, i));
            }
            i += 1;
            Ok(())
        });
        walked.ok()?;
        let (before, i) = found?;
        *scan = before;
        Some(i)
    }
}

/// The one pass.
struct Check<'a> {
    scan: Scan<'a>,
    ends: Vec<(u32, u32)>,
}

impl Check<'_> {
    fn value(&mut self, depth: u32) -> Result<(), ScanError> {
        let first = self.scan.peek();
        let start = self.scan.position();
        let slot = self.ends.len();
        match first {
            Some(b'{' | b'[') if depth >= DEPTH_LIMIT => {
                return Err(ScanError { what: "nested too deeply", at: start });
            }
            // The beginnings must be in order, so a container's place is kept before its content's.
            Some(b'{') => {
                self.ends.push((start as u32, 0));
                self.object(depth)?;
            }
            Some(b'[') => {
                self.ends.push((start as u32, 0));
                self.list(depth)?;
            }
            Some(b'"') => {
                let span = self.scan.proper_string()?;
                if span.len() >= LONG {
                    self.ends.push((start as u32, span.end as u32));
                }
                return Ok(());
            }
            Some(_) | None => return self.scan.value().map(drop),
        }
        let end = self.scan.position();
        match end - start >= LONG {
            true => self.ends[slot].1 = end as u32,
            // What is inside a short value is short: nothing was remembered of it.
            false => self.ends.truncate(slot),
        }
        Ok(())
    }

    fn object(&mut self, depth: u32) -> Result<(), ScanError> {
        let mut scan = self.scan;
        scan.pairs(|scan| {
            scan.proper_string()?;
            scan.expect(b':', "expected a colon")?;
            self.inner(scan, depth)
        })?;
        self.scan = scan;
        Ok(())
    }

    fn list(&mut self, depth: u32) -> Result<(), ScanError> {
        let mut scan = self.scan;
        scan.elements(|scan| self.inner(scan, depth))?;
        self.scan = scan;
        Ok(())
    }

    fn inner(&mut self, scan: &mut Scan<'_>, depth: u32) -> Result<(), ScanError> {
        self.scan.jump(scan.position());
        self.value(depth + 1)?;
        scan.jump(self.scan.position());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_values_are_stepped_over() {
        let long = "x".repeat(LONG);
        let body = format!(r#"{{"a":["{long}",1,{{"b":"{long}"}}],"c":{{}}}}"#);
        let text = Text::read(body.as_bytes()).unwrap();
        assert_eq!(text.ends.len(), 5, "{:?}", text.ends);
        for (start, end) in &text.ends {
            let part = text.slice(&(*start as usize..*end as usize));
            assert!(serde_json::from_str::<serde_json::Value>(part).is_ok(), "{part}");
        }
        assert_eq!(text.path(body.rfind(&long).unwrap()), "a[2].b");
        assert_eq!(text.path(body.find('1').unwrap()), "a[1]");
        assert_eq!(text.path(0), "");
        let short = Text::read(br#"{"a":[[[{"b":"c"}]]]}"#).unwrap();
        assert!(short.ends.is_empty());
        assert_eq!(short.path(br#"{"a":[[["#.len()), "a[0][0][0]");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        for bad in ["", "{", "[1,]", "{\"a\"}", "\"\n\"", r#""\x""#, r#""\u12g4""#, "01", "1 2", &deep] {
            assert!(Text::read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Text::read(b"\"\xff\"").is_err());
        assert!(Text::read(b"\xef\xbb\xbf [1, \"\\u00e9\\n\"] ").is_ok());
    }

    proptest! {
        /// The same texts are JSON as for the library.
        #[test]
        fn the_grammar_is_the_librarys(text in r#"[\[\]{},:"\\ntrue01\-.e \x01é]{0,24}"#) {
            let library = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(Text::read(text.as_bytes()).is_ok(), library, "{}", text);
        }
    }
}
