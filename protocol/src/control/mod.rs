//! What an operator can ask for and learn, as one closed vocabulary. The command line speaks it over the
//! control socket; the admin API speaks the same words over the router's control conversation.
//!
//! * [`ask`]: who asks, and what ([`Ask`], [`Caller`], [`ControlRequest`])
//! * [`answer`]: what comes back ([`ControlReply`], [`Refusal`], [`Changed`])
//! * [`access`]: which permission each request needs; the only place that says so
//! * nouns, one file each: [`status`], [`provider`], [`model`], [`app`], [`route`], [`people`], [`record`],
//!   [`meter`], [`live`], [`document`]
//!
//! On the control socket: one JSON [`Ask`] on a line, one JSON [`ControlReply`] on a line, over a local socket
//! of mode 0600 whose peer must run as the same user. Between router and supervisor: the same JSON as bodies of
//! `FromChild::Ask` and `ToChild::Answer`. Types only; who executes them is the supervisor's business.
//!
//! Instants are milliseconds since 1970 (`*_ms`, `at`), durations carry their unit in the name, ids of rows are
//! numbers, things are addressed by their names. Secrets go in as [`SecretText`] and never come out, except a new
//! app key, once.

pub mod access;
pub mod answer;
pub mod app;
pub mod ask;
pub mod document;
pub mod live;
pub mod meter;
pub mod model;
pub mod people;
pub mod provider;
pub mod record;
pub mod route;
pub mod secret_text;
pub mod status;

pub use access::{Access, Permission};
pub use answer::{Changed, ControlReply, FieldError, Pending, Refusal, RefusalKind};
pub use ask::{Ask, Caller, ControlRequest};
pub use secret_text::SecretText;
pub use status::{ChildStatus, ExitReport, ListenerStatus, ProviderStatus, SystemStatus};

/// Longest request or reply line in bytes.
pub const MAX_LINE: usize = 4 * 1024 * 1024;
