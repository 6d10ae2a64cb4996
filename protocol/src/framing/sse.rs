//! Server-sent events (WHATWG HTML, "event stream interpretation"): an incremental decoder and the writer's half.
//!
//! Differences from the browser's algorithm, all needed on the wire: a last event without its blank line is
//! delivered at the end (some vendors close right after it); blocks without data (comments, keep-alive blank lines)
//! are delivered too, because a pass-through must forward them; and a `data:` line that ends in `}` followed by one
//! that begins with `{` or is `[DONE]` are two events, because hosts exist that leave the blank line out and no JSON
//! text goes on like that.

use super::{FRAME_LIMIT, FrameError};
use bytes::{Bytes, BytesMut};
use memchr::memchr2;
use std::ops::Range;

/// One block of a stream: everything up to and including the blank line that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// The exact bytes, line ends and comments included.
    pub raw: Bytes,
    /// Where `raw` stands in the stream.
    pub range: Range<u64>,
    /// The value of the last `event:` line.
    pub event: Option<Bytes>,
    /// The `data:` lines joined by LF; `None` when the block has none (a comment or a keep-alive).
    pub data: Option<Bytes>,
    /// False for a block that the end of the stream cut off before its blank line.
    pub terminated: bool,
}

/// Bytes to [`SseEvent`]s. Time is linear in the bytes pushed, memory is bounded by the limit plus one push.
#[derive(Debug)]
pub struct SseDecoder {
    buf: BytesMut,
    limit: usize,
    /// Stream position of `buf[0]`.
    offset: u64,
    /// Start of the line being read, in `buf`.
    line: usize,
    /// First byte of that line not yet looked at.
    scan: usize,
    /// How the line before ended; decides whether a CR at the end of the buffer may be acted upon.
    last_end: LineEnd,
    fields: FieldRanges,
}

/// What the lines of the current block said so far, as ranges of the buffer.
#[derive(Debug, Default)]
struct FieldRanges {
    event: Option<Range<usize>>,
    data: Vec<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    /// No line of this block yet.
    Start,
    Lf,
    Cr,
    CrLf,
    /// A lone CR ended the block; a LF that follows belongs to it but comes with the next block's bytes.
    CrBlock,
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::with_limit(FRAME_LIMIT)
    }
}

impl SseDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that refuses a block of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            buf: BytesMut::new(),
            limit,
            offset: 0,
            line: 0,
            scan: 0,
            last_end: LineEnd::Start,
            fields: FieldRanges::default(),
        }
    }

    /// Adds bytes. Call [`Self::next_event`] until it answers `None` before the next push.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buf.extend_from_slice(chunk);
    }

    /// The next complete block.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, FrameError> {
        while let Some((end, next, kind)) = self.line_end(AtEnd::Wait) {
            if let Some(event) = self.take_line(end, next, kind) {
                return Ok(Some(event));
            }
        }
        if self.buf.len() > self.limit {
            return Err(FrameError::TooLarge { at: self.offset, limit: self.limit });
        }
        Ok(None)
    }

    /// After the last byte: the remaining blocks, the last of them perhaps without its blank line.
    /// Call until it answers `None`.
    pub fn finish(&mut self) -> Option<SseEvent> {
        while let Some((end, next, kind)) = self.line_end(AtEnd::Act) {
            if let Some(event) = self.take_line(end, next, kind) {
                return Some(event);
            }
        }
        if self.buf.is_empty() {
            return None;
        }
        let end = self.buf.len();
        if self.line < end {
            if self.begins_anew(self.line..end) {
                return Some(self.cut(self.line, LineEnd::Start, true));
            }
            self.field(self.line..end);
        }
        Some(self.cut(end, LineEnd::Start, false))
    }

    /// Bytes that wait for the rest of their block.
    pub fn pending(&self) -> usize {
        self.buf.len()
    }

    /// The end of the current line: (end of its text, start of the next line, its kind).
    fn line_end(&mut self, at_end: AtEnd) -> Option<(usize, usize, LineEnd)> {
        if self.last_end == LineEnd::CrBlock {
            match self.buf.first() {
                None => return None,
                Some(b'\n') => (self.line, self.scan) = (1, 1),
                Some(_) => {}
            }
            self.last_end = LineEnd::Start;
        }
        let Some(found) = memchr2(b'\n', b'\r', &self.buf[self.scan..]) else {
            self.scan = self.buf.len();
            return None;
        };
        let end = self.scan + found;
        if self.buf[end] == b'\n' {
            return Some((end, end + 1, LineEnd::Lf));
        }
        match self.buf.get(end + 1) {
            Some(b'\n') => Some((end, end + 2, LineEnd::CrLf)),
            Some(_) => Some((end, end + 1, LineEnd::Cr)),
            None if at_end == AtEnd::Act => Some((end, end + 1, LineEnd::Cr)),
            // Only a stream of lone CRs may not wait: its next byte may come much later.
            None if end == self.line && self.last_end == LineEnd::Cr => {
                Some((end, end + 1, LineEnd::CrBlock))
            }
            None => {
                self.scan = end;
                None
            }
        }
    }

    /// Consumes one line; a blank one ends the block.
    fn take_line(&mut self, end: usize, next: usize, kind: LineEnd) -> Option<SseEvent> {
        if end == self.line || (self.is_first_line() && &self.buf[..end] == BOM) {
            let after = if kind == LineEnd::CrBlock { LineEnd::CrBlock } else { LineEnd::Start };
            return Some(self.cut(next, after, true));
        }
        if self.begins_anew(self.line..end) {
            return Some(self.cut(self.line, LineEnd::Start, true));
        }
        self.field(self.line..end);
        (self.line, self.scan, self.last_end) = (next, next, kind);
        None
    }

    fn is_first_line(&self) -> bool {
        self.offset == 0 && self.line == 0
    }

    /// Reads one non-empty line: `name`, `name:value` or `name: value`; a line that starts with `:` is a comment.
    fn field(&mut self, line: Range<usize>) {
        let (name, value) = self.split(line);
        match &self.buf[name] {
            b"data" => self.fields.data.push(value),
            b"event" => self.fields.event = Some(value),
            _ => {}
        }
    }

    /// Where the name and the value of a line are.
    fn split(&self, line: Range<usize>) -> (Range<usize>, Range<usize>) {
        let bom = self.is_first_line() && self.buf[line.clone()].starts_with(BOM);
        let start = if bom { line.start + BOM.len() } else { line.start };
        let text = &self.buf[start..line.end];
        let colon = start + memchr::memchr(b':', text).unwrap_or(text.len());
        let mut value = (colon + 1).min(line.end)..line.end;
        if self.buf[value.clone()].first() == Some(&b' ') {
            value.start += 1;
        }
        (start..colon, value)
    }

    /// The line is data that cannot continue the data before it.
    fn begins_anew(&self, line: Range<usize>) -> bool {
        if !self.fields.data.last().is_some_and(|last| self.buf[last.clone()].ends_with(b"}")) {
            return false;
        }
        let (name, value) = self.split(line);
        let value = &self.buf[value];
        &self.buf[name] == b"data" && (value.starts_with(b"{") || value == b"[DONE]")
    }

    /// Cuts the block that ends before `end` off the buffer.
    fn cut(&mut self, end: usize, last_end: LineEnd, terminated: bool) -> SseEvent {
        let raw = self.buf.split_to(end).freeze();
        let range = self.offset..self.offset + end as u64;
        let event = self.fields.event.take().map(|r| raw.slice(r));
        let data = join(&raw, &self.fields.data);
        self.fields.data.clear();
        (self.offset, self.line, self.scan, self.last_end) = (range.end, 0, 0, last_end);
        SseEvent { raw, range, event, data, terminated }
    }
}

/// Whether a CR at the end of the buffer may already count as a line end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtEnd {
    Wait,
    Act,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

fn join(raw: &Bytes, lines: &[Range<usize>]) -> Option<Bytes> {
    match lines {
        [] => None,
        [one] => Some(raw.slice(one.clone())),
        many => {
            let mut out = Vec::with_capacity(many.iter().map(|r| r.len() + 1).sum());
            for (i, line) in many.iter().enumerate() {
                if i > 0 {
                    out.push(b'\n');
                }
                out.extend_from_slice(&raw[line.clone()]);
            }
            Some(Bytes::from(out))
        }
    }
}

/// Writes one event with the optional name `event`. A line end inside `data` continues it on the next line.
pub fn write_event(out: &mut Vec<u8>, event: Option<&str>, data: &[u8]) {
    if let Some(name) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// Writes a comment: a keep-alive that no client reads as an event.
pub fn write_comment(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests;
