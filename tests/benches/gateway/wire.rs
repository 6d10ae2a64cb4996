//! Just enough HTTP/1.1 to measure with: where a message ends, and what its body says.
//!
//! It never validates; a byte it does not expect is an error that ends the measurement.

use anyhow::{Context, Result, bail};

/// How much of a message is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Head,
    /// So many body bytes.
    Length(usize),
    /// A chunk's size line comes next.
    Size,
    /// So many bytes of a chunk, its CRLF included.
    Chunk(usize),
    /// The CRLF after the last chunk.
    Last,
}

/// Reads one message after another from one connection.
pub(crate) struct Reader {
    buf: Vec<u8>,
    rest: Rest,
    /// Status of the answer whose head was read last; 0 for a request.
    pub(crate) status: u16,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { buf: Vec::with_capacity(16 * 1024), rest: Rest::Head, status: 0 }
    }

    /// Takes bytes off the wire and appends the message's body to `body`.
    /// True = the message is complete. One message at a time: there is no pipelining here.
    pub(crate) fn feed(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<bool> {
        self.buf.extend_from_slice(bytes);
        let mut at = 0;
        let done = self.advance(&mut at, body)?;
        self.buf.drain(..at);
        if done {
            if !self.buf.is_empty() {
                bail!("{} bytes after the end of a message", self.buf.len());
            }
            self.rest = Rest::Head;
        }
        Ok(done)
    }

    fn advance(&mut self, at: &mut usize, body: &mut Vec<u8>) -> Result<bool> {
        loop {
            let left = &self.buf[*at..];
            match self.rest {
                Rest::Head => {
                    let Some(end) = find(left, b"\r\n\r\n") else { return Ok(false) };
                    let (status, rest) = read_head(&left[..end + 2])?;
                    (self.status, self.rest) = (status, rest);
                    *at += end + 4;
                }
                Rest::Length(0) => return Ok(true),
                Rest::Length(n) => {
                    let take = n.min(left.len());
                    body.extend_from_slice(&left[..take]);
                    *at += take;
                    self.rest = Rest::Length(n - take);
                    if take == 0 {
                        return Ok(false);
                    }
                }
                Rest::Size => {
                    let Some(end) = find(left, b"\r\n") else { return Ok(false) };
                    let digits = std::str::from_utf8(&left[..end])?.split(';').next().unwrap_or_default();
                    let size = usize::from_str_radix(digits.trim(), 16).context("size of a chunk")?;
                    *at += end + 2;
                    self.rest = if size == 0 { Rest::Last } else { Rest::Chunk(size + 2) };
                }
                Rest::Chunk(n) => {
                    let take = n.min(left.len());
                    body.extend_from_slice(&left[..take.min(n.saturating_sub(2))]);
                    *at += take;
                    self.rest = if n == take { Rest::Size } else { Rest::Chunk(n - take) };
                    if take == 0 {
                        return Ok(false);
                    }
                }
                Rest::Last => {
                    if left.len() < 2 {
                        return Ok(false);
                    }
                    *at += 2;
                    return Ok(true);
                }
            }
        }
    }
}

fn read_head(head: &[u8]) -> Result<(u16, Rest)> {
    let text = std::str::from_utf8(head)?;
    let first = text.lines().next().unwrap_or_default();
    let status = match first.strip_prefix("HTTP/1.1 ") {
        Some(s) => s.get(..3).unwrap_or_default().parse().with_context(|| first.to_owned())?,
        None => 0,
    };
    let mut rest = Rest::Length(0);
    for line in text.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            rest = Rest::Length(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            rest = Rest::Size;
        }
    }
    Ok((status, rest))
}

/// Where `needle` begins in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

/// Takes whole events (up to a blank line) off the front of `body` and shows each.
pub(crate) fn take_events(body: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
    let mut at = 0;
    while let Some(end) = find(&body[at..], b"\n\n") {
        each(&body[at..at + end]);
        at += end + 2;
    }
    body.drain(..at);
}
