//! What children write to stderr: cut into lines, tagged, bounded, redacted, and the last lines kept for crash
//! reports. A child that floods costs little and is never blocked for long; what is dropped is counted.
//!
//! Lines of our own children are JSON (see `telemetry`): their level and message are taken over; any other
//! text is logged as it is.

use super::spec::Key;
use protocol::ipc::credentials::Credentials;
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer lines are cut.
const MAX_LINE: usize = 8 * 1024;
/// Lines kept for a crash report.
const KEPT: usize = 50;
/// Bytes per second that are logged, and how much may come at once.
const RATE: usize = 256 * 1024;
const BURST: usize = 1024 * 1024;
/// The same for lines: a line costs more than its bytes, and a flood is mostly of short ones.
const LINE_RATE: usize = 1000;
const LINE_BURST: usize = 3000;
/// While dropping: this much is read in one go, then a pause. The child writes against a slow pipe, the
/// supervisor stays idle most of the time.
const GULP: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(2);
/// Shorter secrets would redact ordinary text.
const MIN_SECRET: usize = 6;

/// Whose output it is.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) role: &'static str,
    pub(crate) name: String,
    pub(crate) generation: u64,
}

/// The last lines of a child's output. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Tail {
    /// Oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn push(&self, line: &str) {
        let mut lines = self.lock();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `stderr` to its end. The future is to be run on a tracked task; it ends with the child's last writer.
pub(crate) fn capture<R>(stderr: R, tag: Tag, secret: Option<Key>) -> (Tail, impl Future<Output = ()>)
where
    R: AsyncRead + Unpin,
{
    let capture = Capture::new(tag, secret);
    (capture.tail.clone(), capture.run(stderr))
}

struct Capture {
    tag: Tag,
    tail: Tail,
    secret: Option<Key>,
    line: Vec<u8>,
    /// The rest of an overlong line is being skipped.
    cut: bool,
    bytes: Budget,
    lines: Budget,
    /// Bytes dropped since the last report.
    dropped: usize,
    reported: Instant,
}

impl Capture {
    fn new(tag: Tag, secret: Option<Key>) -> Self {
        let now = Instant::now();
        Self {
            tag,
            tail: Tail::default(),
            secret: secret.filter(|key| key.copy().len() >= MIN_SECRET),
            line: Vec::new(),
            cut: false,
            bytes: Budget::new(RATE, BURST, now),
            lines: Budget::new(LINE_RATE, LINE_BURST, now),
            dropped: 0,
            reported: now,
        }
    }

    async fn run<R: AsyncRead + Unpin>(mut self, mut stderr: R) {
        let mut buf = vec![0; GULP];
        loop {
            let n = match stderr.read(&mut buf).await {
                Ok(0) | Err(_) => break,
                Ok(n) => n,
            };
            let now = Instant::now();
            let left = if self.bytes.take(n, now) { self.feed(&buf[..n], now) } else { n };
            if left == 0 {
                continue;
            }
            self.dropped += left;
            (self.cut, self.line) = (true, Vec::new());
            self.report(now);
            tokio::time::sleep(PAUSE).await;
        }
        self.end_line();
        self.reported -= Duration::from_secs(1);
        self.report(Instant::now());
    }

    /// Says how many bytes are too many: those from the first line on that is one too many.
    fn feed(&mut self, mut bytes: &[u8], now: Instant) -> usize {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let counts = at > 0 || !self.line.is_empty();
            if counts && !self.lines.take(1, now) {
                return bytes.len();
            }
            self.extend(&bytes[..at]);
            self.end_line();
            bytes = &bytes[at + 1..];
        }
        self.extend(bytes);
        0
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.cut {
            return;
        }
        let room = MAX_LINE - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut = bytes.len() > room;
    }

    fn end_line(&mut self) {
        self.cut = false;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        let text =
            redact(&line, self.secret.as_ref().map(Key::copy).as_ref().map(|secret| secret.as_slice()));
        let spoken = Spoken::of(&text);
        self.tail.push(&spoken.text);
        self.say(&spoken);
    }

    fn say(&self, spoken: &Spoken) {
        let (role, name, generation, text) =
            (self.tag.role, &self.tag.name, self.tag.generation, &spoken.text);
        match spoken.level.as_str() {
            "ERROR" => tracing::error!(target: "child", role, %name, generation, "{text}"),
            "WARN" => tracing::warn!(target: "child", role, %name, generation, "{text}"),
            "DEBUG" | "TRACE" => tracing::debug!(target: "child", role, %name, generation, "{text}"),
            _ => tracing::info!(target: "child", role, %name, generation, "{text}"),
        }
    }

    /// At most once a second.
    fn report(&mut self, now: Instant) {
        if self.dropped == 0 || now.duration_since(self.reported) < Duration::from_secs(1) {
            return;
        }
        let (dropped, Tag { role, name, generation }) = (std::mem::take(&mut self.dropped), &self.tag);
        tracing::warn!(target: "child", role, %name, generation, "{dropped} bytes of output dropped");
        self.reported = now;
    }
}

/// A token bucket.
struct Budget {
    /// Tokens per second, and how many there may be.
    rate: usize,
    burst: usize,
    left: usize,
    at: Instant,
}

impl Budget {
    fn new(rate: usize, burst: usize, now: Instant) -> Self {
        Self { rate, burst, left: burst, at: now }
    }

    fn take(&mut self, n: usize, now: Instant) -> bool {
        let earned = now.duration_since(self.at).as_micros() as usize * self.rate / 1_000_000;
        if earned > 0 {
            self.left = self.burst.min(self.left + earned);
            self.at = now;
        }
        match self.left.checked_sub(n) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}

/// One line and how loud it is.
struct Spoken {
    level: String,
    text: String,
}

impl Spoken {
    /// Reads the JSON that our own children write; anything else is plain text.
    fn of(line: &str) -> Self {
        #[derive(Deserialize)]
        struct Line {
            level: String,
            fields: serde_json::Map<String, serde_json::Value>,
        }
        let plain = || Self { level: "INFO".to_owned(), text: line.to_owned() };
        let Ok(Line { level, mut fields }) = serde_json::from_str(line) else { return plain() };
        let Some(serde_json::Value::String(mut text)) = fields.shift_remove("message") else {
            return plain();
        };
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!(" {name}={value}"));
        }
        Self { level, text }
    }
}

/// The text with every occurrence of what is secret replaced.
fn redact(line: &[u8], secret: Option<&[u8]>) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    let all = Credentials::from_bytes(secret.unwrap_or_default());
    let long = all.texts().filter(|secret| secret.len() >= MIN_SECRET);
    for secret in long.filter_map(|secret| std::str::from_utf8(secret).ok()) {
        if text.contains(secret) {
            text = text.replace(secret, "[key]");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> Tag {
        Tag { role: "worker", name: "a".into(), generation: 1 }
    }

    async fn tail_of(text: &[u8], secret: Option<&str>) -> Vec<String> {
        let secret = secret.map(|s| Key::new(s.as_bytes()));
        let (tail, run) = capture(text, tag(), secret);
        run.await;
        tail.lines()
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_and_json_is_read() {
        let mut text = String::new();
        for n in 0..80 {
            text += &format!("line {n}\n");
        }
        text += r#"{"level":"WARN","fields":{"message":"low","left":3},"target":"x"}"#;
        let tail = tail_of(text.as_bytes(), None).await;
        assert_eq!(tail.len(), KEPT);
        assert_eq!((tail[0].as_str(), tail[KEPT - 1].as_str()), ("line 31", "low left=3"));
    }

    #[tokio::test]
    async fn a_key_never_gets_through_and_long_lines_are_cut() {
        let text = format!("key is sk-canary-1 ok\n{}\nafter\n", "x".repeat(100_000));
        let tail = tail_of(text.as_bytes(), Some("sk-canary-1")).await;
        assert_eq!(tail[0], "key is [key] ok");
        assert_eq!((tail[1].len(), tail[2].as_str()), (MAX_LINE, "after"));
    }

    #[tokio::test]
    async fn a_flood_is_dropped_and_its_end_is_seen() {
        let mut text = "noise noise noise\n".repeat(400_000).into_bytes();
        text.extend_from_slice(b"last\n");
        let (tail, run) = capture(&text[..], tag(), None);
        run.await;
        assert!(tail.lines().len() <= KEPT);
    }

    #[tokio::test]
    async fn a_flood_of_short_lines_is_cut_by_their_number() {
        let text = "x\n".repeat(LINE_BURST + 1000);
        let mut capture = Capture::new(tag(), None);
        let left = capture.feed(text.as_bytes(), capture.lines.at);
        assert_eq!(left, 2000, "{} lines", LINE_BURST);
        assert_eq!(capture.feed(b"\n\n\n", capture.lines.at), 0, "nothing costs nothing");
        assert_eq!(capture.feed(b"y\n", capture.lines.at + Duration::from_secs(1)), 0);
        assert_eq!(capture.tail.lines().last().map(String::as_str), Some("y"));
    }

    #[test]
    fn the_budget_refills() {
        let now = Instant::now();
        let mut budget = Budget::new(RATE, BURST, now);
        assert!(budget.take(BURST, now));
        assert!(!budget.take(1, now));
        assert!(budget.take(RATE, now + Duration::from_secs(1)));
        assert!(!budget.take(RATE, now + Duration::from_secs(1)));
    }
}
