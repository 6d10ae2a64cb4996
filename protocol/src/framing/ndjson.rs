//! Lines of JSON (`application/x-ndjson`): an incremental decoder.

use super::{FRAME_LIMIT, FrameError};
use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// One line of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdjsonLine {
    /// The exact bytes, line end included.
    pub raw: Bytes,
    /// Where `raw` stands in the stream.
    pub range: Range<u64>,
    /// The line without surrounding white space; `None` when it is blank.
    pub json: Option<Bytes>,
    /// False for a last line without its line end.
    pub terminated: bool,
}

/// Bytes to [`NdjsonLine`]s, in linear time.
#[derive(Debug)]
pub struct NdjsonDecoder {
    buf: BytesMut,
    limit: usize,
    offset: u64,
    scan: usize,
}

impl Default for NdjsonDecoder {
    fn default() -> Self {
        Self::with_limit(FRAME_LIMIT)
    }
}

impl NdjsonDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that refuses a line of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self { buf: BytesMut::new(), limit, offset: 0, scan: 0 }
    }

    /// Adds bytes. Call [`Self::next_line`] until it answers `None` before the next push.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buf.extend_from_slice(chunk);
    }

    /// The next complete line.
    pub fn next_line(&mut self) -> Result<Option<NdjsonLine>, FrameError> {
        if let Some(found) = memchr::memchr(b'\n', &self.buf[self.scan..]) {
            return Ok(Some(self.cut(self.scan + found + 1, true)));
        }
        self.scan = self.buf.len();
        if self.buf.len() > self.limit {
            return Err(FrameError::TooLarge { at: self.offset, limit: self.limit });
        }
        Ok(None)
    }

    /// After the last byte: what is left, if anything. Call [`Self::next_line`] to its end first.
    pub fn finish(&mut self) -> Option<NdjsonLine> {
        (!self.buf.is_empty()).then(|| self.cut(self.buf.len(), false))
    }

    fn cut(&mut self, end: usize, terminated: bool) -> NdjsonLine {
        let raw = self.buf.split_to(end).freeze();
        let range = self.offset..self.offset + end as u64;
        (self.offset, self.scan) = (range.end, 0);
        let text = raw.trim_ascii();
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let json = (!text.is_empty()).then(|| raw.slice_ref(text));
        NdjsonLine { raw, range, json, terminated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<NdjsonLine> {
        let mut decoder = NdjsonDecoder::new();
        let mut out = Vec::new();
        for chunk in chunks {
            decoder.push(chunk);
            while let Some(line) = decoder.next_line().unwrap() {
                out.push(line);
            }
        }
        out.extend(decoder.finish());
        out
    }

    #[test]
    fn any_split_gives_the_same_lines() {
        let text = "{\"a\":\"你\"}\r\n\n{\"b\":1}\n{\"c\":2}".as_bytes();
        let whole = decode(&[text]);
        let json: Vec<_> = whole.iter().map(|l| l.json.as_deref()).collect();
        assert_eq!(json, [Some("{\"a\":\"你\"}".as_bytes()), None, Some(b"{\"b\":1}"), Some(b"{\"c\":2}")]);
        assert!(!whole[3].terminated);
        for i in 0..text.len() {
            assert_eq!(decode(&[&text[..i], &text[i..]]), whole, "split at {i}");
        }
        assert_eq!(whole.iter().flat_map(|l| l.raw.to_vec()).collect::<Vec<_>>(), text);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut decoder = NdjsonDecoder::with_limit(8);
        decoder.push(&[b'x'; 9]);
        assert_eq!(decoder.next_line(), Err(FrameError::TooLarge { at: 0, limit: 8 }));
    }
}
