//! The upstream of every gateway: one thread, epoll, answers from memory.
//!
//! The model's name says what it answers: `u` is a 1 KB completion; `s-COUNT-PACE` is a stream of COUNT
//! chunks, one per PACE milliseconds (0 = as fast as the socket takes them). Every chunk carries the moment
//! it was written (`@` and 20 digits, nanoseconds of the monotonic clock), so that its way through the
//! gateway can be timed.

use crate::clock;
use crate::poller::{self, Got, Interest, Poller};
use crate::wire::{self, Reader};
use anyhow::{Context, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Body bytes of the unary answer.
const UNARY: usize = 1024;
/// Bytes given to the kernel per write of an unpaced stream.
const SLICE: usize = 4096;
const LISTENER: usize = usize::MAX;

/// What a model's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Unary,
    Stream { chunks: u32, pace_ms: u64 },
}

fn wish(body: &[u8]) -> Option<Wish> {
    let start = wire::find(body, b"\"model\":\"")? + 9;
    let len = body[start..].iter().position(|b| *b == b'"')?;
    let name = std::str::from_utf8(&body[start..start + len]).ok()?;
    // A plain proxy does not take the provider's name off.
    let name = name.rsplit('/').next()?;
    let mut words = name.split('-');
    match words.next()? {
        "u" => Some(Wish::Unary),
        "s" => {
            let chunks = words.next()?.parse().ok()?;
            Some(Wish::Stream { chunks, pace_ms: words.next()?.parse().ok()? })
        }
        _ => None,
    }
}

fn unary() -> Vec<u8> {
    let body = |text: &str| {
        format!(
            r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1,"model":"u","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":9,"completion_tokens":160,"total_tokens":169}}}}"#
        )
    };
    let text = "x".repeat(UNARY - body("").len());
    let body = body(&text);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn write_event(out: &mut Vec<u8>, data: &[u8]) -> Result<()> {
    write!(out, "{:x}\r\ndata: ", data.len() + 8)?;
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n\r\n");
    Ok(())
}

fn write_chunk(out: &mut Vec<u8>) -> Result<()> {
    let data = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"s","choices":[{{"index":0,"delta":{{"content":"@{:020}"}},"finish_reason":null}}]}}"#,
        clock::now()?
    );
    write_event(out, data.as_bytes())
}

fn write_end(out: &mut Vec<u8>) -> Result<()> {
    write_event(
        out,
        br#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"s","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    )?;
    write_event(out, b"[DONE]")?;
    out.extend_from_slice(b"0\r\n\r\n");
    Ok(())
}

struct Connection {
    socket: TcpStream,
    reader: Reader,
    body: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    interest: Interest,
    /// Chunks still to write, and their pace.
    stream: Option<(u32, u64)>,
}

impl Connection {
    /// Gives the kernel what it takes; true = nothing is left to write.
    fn flush(&mut self) -> Result<bool> {
        while self.sent < self.out.len() {
            let end = self.out.len().min(self.sent + SLICE);
            let n = poller::write(&mut self.socket, &self.out[self.sent..end])?;
            if n == 0 {
                return Ok(false);
            }
            self.sent += n;
        }
        self.out.clear();
        self.sent = 0;
        Ok(true)
    }

    /// An unpaced stream: as many chunks as the socket takes now.
    fn pump(&mut self) -> Result<bool> {
        loop {
            if !self.flush()? {
                return Ok(false);
            }
            let Some((left, 0)) = self.stream else { return Ok(true) };
            let mut left = left;
            while left > 0 && self.out.len() < SLICE {
                write_chunk(&mut self.out)?;
                left -= 1;
            }
            self.stream = Some((left, 0));
            if left == 0 {
                write_end(&mut self.out)?;
                self.stream = None;
            }
        }
    }
}

struct Mock {
    poller: Poller,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// (due, connection) of paced streams.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    unary: Vec<u8>,
    buf: Vec<u8>,
}

/// Serves until its standard input ends; prints its port first.
pub(crate) fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    nix::sys::prctl::set_timerslack(1)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    let poller = Poller::new()?;
    poller.add(&listener, LISTENER)?;
    let mut mock = Mock {
        poller,
        listener,
        connections: Vec::new(),
        free: Vec::new(),
        due: BinaryHeap::new(),
        unary: unary(),
        buf: vec![0; 64 * 1024],
    };
    mock.serve()
}

impl Mock {
    fn serve(&mut self) -> Result<()> {
        let mut ready = Vec::new();
        loop {
            let wait = match self.due.peek() {
                Some(Reverse((at, _))) => Duration::from_nanos(at.saturating_sub(clock::now()?)),
                None => Duration::from_secs(10),
            };
            self.poller.wait(wait, &mut ready)?;
            for token in ready.iter().copied() {
                match token {
                    LISTENER => self.accept()?,
                    token => self.turn(token),
                }
            }
            self.write_due()?;
        }
    }

    fn accept(&mut self) -> Result<()> {
        while let Ok((socket, _)) = self.listener.accept() {
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let token = self.free.pop().unwrap_or(self.connections.len());
            self.poller.add(&socket, token)?;
            let connection = Connection {
                socket,
                reader: Reader::new(),
                body: Vec::new(),
                out: Vec::new(),
                sent: 0,
                interest: Interest::Read,
                stream: None,
            };
            match self.connections.get_mut(token) {
                Some(slot) => *slot = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
        Ok(())
    }

    /// Reads and writes one connection; a connection that fails is closed.
    fn turn(&mut self, token: usize) {
        if !matches!(self.try_turn(token), Ok(true)) {
            self.close(token);
        }
    }

    fn close(&mut self, token: usize) {
        if let Some(slot) = self.connections.get_mut(token)
            && slot.take().is_some()
        {
            self.free.push(token);
            self.due.retain(|Reverse((_, t))| *t != token);
        }
    }

    fn try_turn(&mut self, token: usize) -> Result<bool> {
        let Some(Some(c)) = self.connections.get_mut(token) else { return Ok(true) };
        match poller::read(&mut c.socket, &mut self.buf)? {
            Got::Closed => return Ok(false),
            Got::Nothing => {}
            Got::Bytes(n) => {
                if c.reader.feed(&self.buf[..n], &mut c.body)? {
                    let wish = wish(&c.body).context("the model's name")?;
                    c.body.clear();
                    match wish {
                        Wish::Unary => c.out.extend_from_slice(&self.unary),
                        Wish::Stream { chunks, pace_ms } => {
                            c.out.extend_from_slice(STREAM_HEAD);
                            c.stream = Some((chunks, pace_ms));
                            if pace_ms > 0 {
                                self.due.push(Reverse((clock::now()?, token)));
                            }
                        }
                    }
                }
            }
        }
        let interest = if c.pump()? { Interest::Read } else { Interest::ReadWrite };
        if interest != c.interest {
            c.interest = interest;
            self.poller.change(&c.socket, token, interest)?;
        }
        Ok(true)
    }

    /// One chunk for every paced stream whose time has come. The next one is due at its own time,
    /// however late this one was.
    fn write_due(&mut self) -> Result<()> {
        let now = clock::now()?;
        while let Some(Reverse((at, token))) = self.due.peek().copied() {
            if at > now {
                break;
            }
            self.due.pop();
            if self.step(token, at).is_err() {
                self.close(token);
            }
        }
        Ok(())
    }

    fn step(&mut self, token: usize, at: u64) -> Result<()> {
        let Some(Some(c)) = self.connections.get_mut(token) else { return Ok(()) };
        let Some((left, pace_ms)) = c.stream else { return Ok(()) };
        if left == 0 {
            write_end(&mut c.out)?;
            c.stream = None;
        } else {
            write_chunk(&mut c.out)?;
            c.stream = Some((left - 1, pace_ms));
            self.due.push(Reverse((at + pace_ms * 1_000_000, token)));
        }
        if !c.flush()? && c.interest == Interest::Read {
            c.interest = Interest::ReadWrite;
            self.poller.change(&c.socket, token, Interest::ReadWrite)?;
        }
        Ok(())
    }
}
