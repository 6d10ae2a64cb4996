//! The client's side of streams: many paced ones at once, or few as fast as they go.

use crate::clock;
use crate::load::{self, histogram};
use crate::poller::{self, Got, Poller};
use crate::wire::{self, Reader};
use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A gap between two chunks of a paced stream that a reader would notice.
const STALL: u64 = 250_000_000;

/// What was seen of streams.
pub(crate) struct Seen {
    /// From the upstream's write to our read, nanoseconds, per chunk.
    pub(crate) chunk: Histogram<u64>,
    /// From the request to its first chunk, nanoseconds, per stream.
    pub(crate) first: Histogram<u64>,
    pub(crate) stalls: u64,
    pub(crate) streams: u64,
    pub(crate) seconds: f64,
}

impl Seen {
    fn new() -> Result<Self> {
        Ok(Self { chunk: histogram()?, first: histogram()?, stalls: 0, streams: 0, seconds: 0.0 })
    }

    pub(crate) fn chunks_per_second(&self) -> f64 {
        self.chunk.len() as f64 / self.seconds
    }
}

struct Listener {
    socket: TcpStream,
    reader: Reader,
    body: Vec<u8>,
    /// When the request went out; 0 once the first chunk has come.
    asked: u64,
    /// When the last chunk came.
    last: u64,
    done: bool,
    success: bool,
}

impl Listener {
    fn open(to: SocketAddr, poller: &Poller, token: usize) -> Result<Self> {
        let socket = poller::connect(to)?;
        poller.add(&socket, token)?;
        let reader = Reader::new();
        Ok(Self { socket, reader, body: Vec::new(), asked: 0, last: 0, done: false, success: false })
    }

    fn ask(&mut self, request: &[u8]) -> Result<()> {
        (self.asked, self.last, self.done, self.success) = (clock::now()?, 0, false, false);
        let n = poller::write(&mut self.socket, request)?;
        ensure!(n == request.len(), "the socket took {n} bytes of a request");
        Ok(())
    }

    /// Reads once and counts what came.
    fn turn(&mut self, buf: &mut [u8], seen: &mut Seen) -> Result<()> {
        let n = match poller::read(&mut self.socket, buf)? {
            Got::Bytes(n) => n,
            Got::Nothing => return Ok(()),
            Got::Closed => bail!("a stream was cut"),
        };
        let now = clock::now()?;
        self.done = self.reader.feed(&buf[..n], &mut self.body)?;
        ensure!(self.reader.status == 200 || !self.done, "status {}", self.reader.status);
        let (asked, last, success) = (&mut self.asked, &mut self.last, &mut self.success);
        wire::take_events(&mut self.body, |event| {
            if event == b"data: [DONE]" {
                *success = true;
            }
            let Some(sent) = moment(event) else { return };
            seen.chunk.saturating_record(now.saturating_sub(sent).max(1));
            if *asked > 0 {
                seen.first.saturating_record(now - *asked);
                *asked = 0;
            } else if now - *last > STALL {
                seen.stalls += 1;
            }
            *last = now;
        });
        if self.done {
            ensure!(self.success, "a stream ended without [DONE]");
            seen.streams += 1;
        }
        Ok(())
    }
}

/// The moment a chunk was written.
fn moment(event: &[u8]) -> Option<u64> {
    let at = wire::find(event, b"\"@")? + 2;
    std::str::from_utf8(event.get(at..at + 20)?).ok()?.parse().ok()
}

/// `count` streams of one chunk per `pace_ms`, all at once; they begin within a second and last for `time`.
pub(crate) fn paced(
    to: SocketAddr,
    provider: &str,
    count: usize,
    pace_ms: u64,
    time: Duration,
) -> Result<Seen> {
    let chunks = u64::try_from(time.as_millis())? / pace_ms;
    let request = load::request(to, &format!("{provider}/s-{chunks}-{pace_ms}"));
    let mut poller = Poller::new()?;
    let mut listeners = Vec::with_capacity(count);
    let mut seen = Seen::new()?;
    let (mut ready, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
    let begin = clock::now()?;
    let deadline = begin + u64::try_from(time.as_nanos())? + 30_000_000_000;
    while seen.streams < count as u64 {
        let now = clock::now()?;
        ensure!(now < deadline, "{} of {count} streams came to their end", seen.streams);
        while listeners.len() < count && now >= begin + listeners.len() as u64 * 1_000_000_000 / count as u64
        {
            let mut listener = Listener::open(to, &poller, listeners.len())?;
            listener.ask(&request)?;
            listeners.push(listener);
        }
        let wait = if listeners.len() < count { 1 } else { 1000 };
        poller.wait(Duration::from_millis(wait), &mut ready)?;
        for token in ready.iter().copied() {
            let listener = listeners.get_mut(token).context("a token of ours")?;
            listener.turn(&mut buf, &mut seen)?;
        }
    }
    seen.seconds = (clock::now()? - begin) as f64 / 1e9;
    Ok(seen)
}

/// `connections` streams of 200 chunks at full speed, one after the other, for `time`.
pub(crate) fn full_speed(to: SocketAddr, provider: &str, connections: usize, time: Duration) -> Result<Seen> {
    let request = load::request(to, &format!("{provider}/s-200-0"));
    let mut poller = Poller::new()?;
    let mut listeners = Vec::with_capacity(connections);
    for token in 0..connections {
        let mut listener = Listener::open(to, &poller, token)?;
        listener.ask(&request)?;
        listeners.push(listener);
    }
    let mut seen = Seen::new()?;
    let (mut ready, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
    let begin = clock::now()?;
    let end = begin + u64::try_from(time.as_nanos())?;
    loop {
        poller.wait(Duration::from_secs(5), &mut ready)?;
        ensure!(!ready.is_empty(), "no chunk for 5 s");
        for token in ready.iter().copied() {
            let listener = listeners.get_mut(token).context("a token of ours")?;
            listener.turn(&mut buf, &mut seen)?;
            if listener.done {
                listener.ask(&request)?;
            }
        }
        let now = clock::now()?;
        if now >= end {
            seen.seconds = (now - begin) as f64 / 1e9;
            return Ok(seen);
        }
    }
}
