//! Standard error as the journal wants it: each line begins with its priority (sd-daemon(3)), so that
//! `journalctl -p warning` finds warnings. Anywhere else lines are as they are.

use crate::settings::{Host, Secrets};
use nix::sys::stat::fstat;
use std::io::{self, Stderr, Write};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    prefixed: bool,
}

/// Writes one line of some priority.
pub(crate) struct Line {
    prefix: Option<&'static str>,
    to: Stderr,
}

impl Lines {
    /// Looks where standard error goes.
    pub(crate) fn of_stderr() -> Lines {
        Lines { prefixed: Host.env("JOURNAL_STREAM").is_some_and(|stream| is_stderr(&stream)) }
    }
}

/// `DEVICE:INODE`, as systemd.exec(5) says which stream is the journal's: a child of a service may write elsewhere.
fn is_stderr(stream: &str) -> bool {
    let Some((device, inode)) = stream.split_once(':') else { return false };
    let Ok(found) = fstat(io::stderr()) else { return false };
    device.parse() == Ok(found.st_dev) && inode.parse() == Ok(found.st_ino)
}

fn prefix(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        Line { prefix: self.prefixed.then_some("<6>"), to: io::stderr() }
    }

    fn make_writer_for(&'w self, meta: &Metadata<'_>) -> Line {
        Line { prefix: self.prefixed.then(|| prefix(meta.level())), to: io::stderr() }
    }
}

impl Write for Line {
    /// The line comes in one piece; its prefix goes out with it, or another writer's line could come between.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(prefix) = self.prefix.take() else { return self.to.write(line) };
        self.to.write_all(&with_prefix(prefix, line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Every line of it: an event of several lines keeps its priority.
fn with_prefix(prefix: &str, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + prefix.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_an_event_has_its_priority() {
        assert_eq!(with_prefix(prefix(&Level::WARN), b"a\nb\n"), b"<4>a\n<4>b\n");
        assert_eq!(with_prefix(prefix(&Level::ERROR), b"a"), b"<3>a");
    }

    #[test]
    fn only_the_stream_that_was_named_is_the_journal() {
        let own = fstat(io::stderr()).unwrap();
        assert!(is_stderr(&format!("{}:{}", own.st_dev, own.st_ino)));
        assert!(!is_stderr(&format!("{}:{}", own.st_dev, own.st_ino + 1)));
        assert!(!is_stderr("") && !is_stderr("8"));
    }
}
