//! More than one HTTP/2 connection to a host that multiplexes.
//!
//! A server allows some number of streams per connection (at least 100 is recommended, RFC 9113, 6.5.2)
//! and answers last for minutes here: on one connection the hundred-and-first call would wait for another
//! to end. A lane is a connection pool of its own that takes at most [`STREAMS`] calls when it may be
//! multiplexed. Over HTTP/1.1 everything stays in the first lane, where one pool reuses best.

use super::connector::Connector;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type RequestBody = UnsyncBoxBody<Bytes, BoxError>;
pub(super) type Pool = legacy::Client<Connector, RequestBody>;

/// Calls on one connection.
const STREAMS: usize = 100;
/// A pooled connection is given up after that; most servers close theirs sooner.
const IDLE: Duration = Duration::from_secs(90);
/// Bytes in flight to us: per stream little, so that a slow reader holds little, and per connection enough
/// that slow readers cannot starve the others on it.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 100 * STREAM_WINDOW;
/// A silent HTTP/2 connection with calls on it is pinged, and given up without an answer.
const PING_AFTER: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

const UNKNOWN: u8 = 0;
const EXCLUSIVE: u8 = 1;
const MULTIPLEXED: u8 = 2;

/// All pools of a client.
pub(super) struct Lanes {
    connector: Connector,
    pool_idle: usize,
    lanes: Mutex<Vec<Lane>>,
    protocol: AtomicU8,
}

struct Lane {
    pool: Pool,
    flights: Arc<AtomicUsize>,
}

/// A call's place in its lane; dropped when its answer is complete or abandoned.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<AtomicUsize>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the destination can be reached over HTTP/2 at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Plain,
    Negotiated,
}

impl Lanes {
    pub(super) fn new(connector: Connector, pool_idle: usize) -> Self {
        Self { connector, pool_idle, lanes: Mutex::new(Vec::new()), protocol: AtomicU8::new(UNKNOWN) }
    }

    /// The pool for the next call, and its place there.
    pub(super) fn take(&self, protocol: Protocol) -> (Pool, Flight) {
        let seen = self.protocol.load(Ordering::Relaxed);
        let shared = protocol == Protocol::Negotiated && seen != EXCLUSIVE;
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |lane: &Lane| !shared || lane.flights.load(Ordering::Relaxed) < STREAMS;
        let index = lanes.iter().position(has_room).unwrap_or(lanes.len());
        if index == lanes.len() {
            lanes.push(Lane { pool: self.pool(), flights: Arc::default() });
        }
        let lane = &lanes[index];
        lane.flights.fetch_add(1, Ordering::Relaxed);
        (lane.pool.clone(), Flight { flights: Arc::clone(&lane.flights) })
    }

    /// An answer over TLS came in this version.
    pub(super) fn saw(&self, version: http::Version) {
        let known = if version == http::Version::HTTP_2 { MULTIPLEXED } else { EXCLUSIVE };
        // One multiplexing endpoint is enough to need lanes.
        self.protocol.fetch_max(known, Ordering::Relaxed);
    }

    fn pool(&self) -> Pool {
        legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(self.pool_idle)
            .retry_canceled_requests(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(self.connector.clone())
    }
}
