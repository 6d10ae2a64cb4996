//! Every format two parties must agree on.
//!
//! * [`model`]: the canonical vocabulary of a call (request, response, events, usage, failure, loss).
//! * [`dialect`]: the wire APIs, one folder each: pure codecs between bytes and [`model`].
//! * [`framing`]: bytes to frames (SSE, NDJSON), independent of any dialect.
//! * [`preset`]: vendors as rows of data.
//! * [`ipc`]: what supervisor, router and workers say to each other.
//! * [`control`]: what an operator can ask for.
//! * [`transport`]: the only part with I/O: local sockets, inherited descriptors, the tokio shell of [`ipc::mux`].
//!
//! Invariants: outside `transport` nothing here knows tokio, the clock, the environment or randomness;
//! times and ids are parameters. Nothing outside `preset` names a vendor except the dialect folders.

pub mod control;
pub mod dialect;
pub mod framing;
pub mod ipc;
pub mod model;
pub mod preset;
pub mod transport;
