//! The client's side: unary calls as fast as they come (closed loop) or at a fixed rate (open loop).

use crate::clock;
use crate::poller::{self, Got, Poller};
use crate::wire::Reader;
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nanoseconds up to a minute, three digits.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000_000, 3)?)
}

/// A whole request for that model, ready for the wire.
pub(crate) fn request(to: SocketAddr, model: &str) -> Vec<u8> {
    let stream = if model.contains("s-") { r#","stream":true"# } else { "" };
    let body = format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"How many roads must a man walk down?"}}]{stream}}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\n\
         authorization: Bearer bench\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What calls took, in nanoseconds.
pub(crate) struct Calls {
    pub(crate) latency: Histogram<u64>,
    pub(crate) seconds: f64,
}

impl Calls {
    pub(crate) fn per_second(&self) -> f64 {
        self.latency.len() as f64 / self.seconds
    }
}

struct Caller {
    socket: TcpStream,
    reader: Reader,
    sent: u64,
}

/// `connections` callers that each send their next call when they have their answer.
pub(crate) fn saturate(to: SocketAddr, model: &str, connections: usize, time: Duration) -> Result<Calls> {
    let request = request(to, model);
    let mut poller = Poller::new()?;
    let mut callers = Vec::with_capacity(connections);
    for token in 0..connections {
        let socket = poller::connect(to)?;
        poller.add(&socket, token)?;
        callers.push(Caller { socket, reader: Reader::new(), sent: 0 });
    }
    let begin = clock::now()?;
    let end = begin + u64::try_from(time.as_nanos())?;
    for caller in &mut callers {
        send(caller, &request)?;
    }
    let mut latency = histogram()?;
    let (mut ready, mut buf, mut body) = (Vec::new(), vec![0; 64 * 1024], Vec::new());
    loop {
        poller.wait(Duration::from_secs(5), &mut ready)?;
        ensure!(!ready.is_empty(), "no answer for 5 s");
        let now = clock::now()?;
        if now >= end {
            return Ok(Calls { latency, seconds: (now - begin) as f64 / 1e9 });
        }
        for token in ready.iter().copied() {
            let caller = callers.get_mut(token).context("a token of ours")?;
            if receive(caller, &mut buf, &mut body)? {
                latency.saturating_record(clock::now()? - caller.sent);
                send(caller, &request)?;
            }
        }
    }
}

fn send(caller: &mut Caller, request: &[u8]) -> Result<()> {
    caller.sent = clock::now()?;
    let n = poller::write(&mut caller.socket, request)?;
    ensure!(n == request.len(), "the socket took {n} bytes of a request");
    Ok(())
}

fn receive(caller: &mut Caller, buf: &mut [u8], body: &mut Vec<u8>) -> Result<bool> {
    match poller::read(&mut caller.socket, buf)? {
        Got::Nothing => Ok(false),
        Got::Closed => anyhow::bail!("the connection was closed"),
        Got::Bytes(n) => {
            body.clear();
            let done = caller.reader.feed(&buf[..n], body)?;
            if done {
                ensure!(caller.reader.status == 200, "status {}", caller.reader.status);
            }
            Ok(done)
        }
    }
}

/// `rate` calls a second for `time`, each at its own planned moment, whatever the others take. Latency
/// counts from the plan, so a late call is a slow call (no coordinated omission).
pub(crate) fn at_rate(to: SocketAddr, model: &str, rate: u32, time: Duration) -> Result<Calls> {
    const CALLERS: u32 = 4;
    let request = request(to, model);
    let begin = clock::now()? + 50_000_000;
    let step = 1_000_000_000 / u64::from(rate);
    let calls = u64::from(rate) * u64::try_from(time.as_millis())? / 1000;
    let parts: Vec<Result<Histogram<u64>>> = std::thread::scope(|scope| {
        let request = &request;
        let start = |caller: u32| {
            let plan = (u64::from(caller)..calls).step_by(CALLERS as usize);
            scope.spawn(move || planned(to, request, plan.map(|i| begin + i * step)))
        };
        let threads: Vec<_> = (0..CALLERS).map(start).collect();
        let joined = threads.into_iter().map(|t| t.join());
        joined.map(|r| r.unwrap_or_else(|_| Err(anyhow::anyhow!("a caller failed")))).collect()
    });
    let mut latency = histogram()?;
    for part in parts {
        latency.add(part?)?;
    }
    Ok(Calls { latency, seconds: time.as_secs_f64() })
}

fn planned(to: SocketAddr, request: &[u8], plan: impl Iterator<Item = u64>) -> Result<Histogram<u64>> {
    nix::sys::prctl::set_timerslack(1)?;
    let mut socket = TcpStream::connect(to)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut latency = histogram()?;
    let (mut reader, mut buf, mut body) = (Reader::new(), vec![0; 64 * 1024], Vec::new());
    for at in plan {
        clock::sleep_until(at)?;
        socket.write_all(request)?;
        body.clear();
        loop {
            let n = socket.read(&mut buf)?;
            ensure!(n > 0, "the connection was closed");
            if reader.feed(&buf[..n], &mut body)? {
                break;
            }
        }
        ensure!(reader.status == 200, "status {}", reader.status);
        latency.saturating_record(clock::now()? - at);
    }
    Ok(latency)
}
