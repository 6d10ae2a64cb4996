//! Where log lines go: standard error, as text or JSON, and the ring that operators read. Children always write JSON,
//! one object a line; the supervisor reads it back, tags it and writes it in the form that was asked for (see
//! `fleet::output`).

use crate::journal::Lines;
use crate::settings::LogFormat;
use crate::telemetry::{LogRing, RingLayer};
use std::io::{self, IsTerminal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts logging in the supervisor; what is logged from here on is in the ring too. The filter was checked with the
/// configuration.
pub(crate) fn start(filter: &str, format: LogFormat) -> LogRing {
    let ring = LogRing::new();
    let written = match format {
        LogFormat::Json => tracing_subscriber::fmt::layer().with_writer(Lines::of_stderr()).json().boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_writer(Lines::of_stderr())
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
    };
    let ringed = RingLayer::new(ring.clone());
    tracing_subscriber::registry().with(EnvFilter::new(filter)).with(written).with(ringed).init();
    ring
}

/// Starts logging in a child.
pub(crate) fn start_child(filter: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_target(false)
        .without_time()
        .json()
        .init();
}
