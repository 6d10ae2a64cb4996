//! Where log lines go: standard error, as text or JSON. Children always write JSON, one object a line; the
//! supervisor reads it back, tags it and writes it in the form that was asked for (see `fleet::output`).

use crate::journal::Lines;
use crate::settings::LogFormat;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Starts logging in the supervisor. The filter was checked with the configuration.
pub(crate) fn start(filter: &str, format: LogFormat) {
    let builder =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(Lines::of_stderr());
    match format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => {
            builder.with_target(false).with_ansi(io::stderr().is_terminal()).init();
        }
    }
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
