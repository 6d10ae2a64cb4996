//! A streamed answer as a client sees it: events with their times, and how it ended.

use crate::client::Connection;
use anyhow::Result;
use bytes::BytesMut;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Longest silence any stream of a test may have.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server-sent event.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Instant,
    /// Its `data`, lines joined.
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or(Value::Null)
    }

    fn parse(text: &str, at: Instant) -> Option<Self> {
        let lines: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("data:")).collect();
        let data = lines.iter().map(|l| l.strip_prefix(' ').unwrap_or(l)).collect::<Vec<_>>().join("\n");
        (!lines.is_empty()).then_some(Self { at, data })
    }
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// `[DONE]`, then an orderly end of the body.
    Done,
    /// An error event, then an orderly end, and no `[DONE]`.
    Error(Value),
    /// An orderly end with neither: a client would take it for success.
    Silent,
    /// The body was cut.
    Cut,
    /// Something after the terminator, or a terminator after an error: against the protocol.
    Wrong(String),
}

/// A whole stream.
#[derive(Clone, Debug)]
pub struct Story {
    pub events: Vec<Event>,
    pub end: End,
    /// From the request to the first content-bearing event.
    pub first: Option<Duration>,
    pub took: Duration,
}

impl Story {
    /// The text of all deltas.
    pub fn text(&self) -> String {
        let content = |e: &Event| e.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
        self.events.iter().filter_map(content).collect()
    }

    /// Longest time between two events.
    pub fn longest_gap(&self) -> Duration {
        let gaps = self.events.windows(2).map(|w| w[1].at - w[0].at);
        gaps.max().unwrap_or_default()
    }
}

/// A stream being read. Dropping it hangs up.
pub struct Stream {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    buf: BytesMut,
    asked: Instant,
    cut: bool,
    _connection: Connection,
}

impl Stream {
    pub(crate) fn new(connection: Connection, response: Response<Incoming>, asked: Instant) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            buf: BytesMut::new(),
            asked,
            cut: false,
            _connection: connection,
        }
    }

    /// The next event; `None` = the body ended.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some(end) = memchr::memmem::find(&self.buf, b"\n\n") {
                let text = self.buf.split_to(end + 2);
                if let Some(event) = Event::parse(&String::from_utf8_lossy(&text), Instant::now()) {
                    return Ok(Some(event));
                }
            }
            match tokio::time::timeout(PATIENCE, self.body.frame()).await? {
                None => return Ok(None),
                Some(Err(_)) => {
                    self.cut = true;
                    return Ok(None);
                }
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.buf.extend_from_slice(&bytes);
                    }
                }
            }
        }
    }

    /// Reads so many content-bearing events.
    pub async fn read_content(&mut self, count: usize) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        while events.len() < count {
            let Some(event) = self.next().await? else { break };
            if is_content(&event) {
                events.push(event);
            }
        }
        Ok(events)
    }

    /// Reads to the end.
    pub async fn finish(mut self) -> Result<Story> {
        let mut events = Vec::new();
        let mut end = None;
        while let Some(event) = self.next().await? {
            end = match (end, &event) {
                (Some(before), event) => Some(End::Wrong(format!("{:?} after {before:?}", event.data))),
                (None, event) if event.data == "[DONE]" => Some(End::Done),
                (None, event) => event.json().get("error").map(|e| End::Error(e.clone())),
            };
            events.push(event);
        }
        let end = match end {
            Some(End::Done) if self.cut => End::Wrong("cut after [DONE]".to_owned()),
            Some(end) => end,
            None if self.cut => End::Cut,
            None if !self.buf.is_empty() => {
                End::Wrong(format!("half an event: {:?}", String::from_utf8_lossy(&self.buf)))
            }
            None => End::Silent,
        };
        let first = events.iter().find(|e| is_content(e)).map(|e| e.at - self.asked);
        Ok(Story { events, end, first, took: self.asked.elapsed() })
    }
}

/// The event says something to the user.
fn is_content(event: &Event) -> bool {
    event.json()["choices"][0]["delta"]["content"].as_str().is_some_and(|s| !s.is_empty())
}
