//! What the processes of LLM Link say to each other.
//!
//! Two conversations share one frame layout ([`frame`]) and one header codec ([`codec`]):
//!
//! * **control**: a socketpair inherited on fd 3 between the supervisor and each child ([`control`],
//!   [`configure`]). End of file means death, in both directions.
//! * **data**: one multiplexed connection per router–worker pair ([`call`], [`mux`]).
//!
//! ```text
//! supervisor                     child (router or worker)
//!    ◀── Hello{protocol, build, generation} ──
//!    ── Configure{epoch} + JSON ──▶
//!    ◀── Sandboxed{level, ...} ──            worker only
//!    ── Secret + [`credentials`] ──▶         worker only, after its report
//!    ◀── Ready{epoch} ──
//!    ── Ping ──▶ ◀── Pong ──                 every second
//!    ── Configure{epoch+1} ──▶ ◀── Acked{epoch+1} ──
//!    ◀── Ask{seq} + JSON ── ── Answer{seq} + JSON ──▶    router: an operator asks
//!    ── Ask{seq} + JSON ──▶ ◀── Answer{seq} + JSON ──    a question to the child ([`question`])
//!    ── Drain{within} ──▶ ◀── Drained ──
//!    ── Shutdown ──▶                         or end of file
//!
//! router                         worker
//!    ── Hello{token, ...} ──▶ ◀── HelloAck ──
//!    ── Open(CallHead) · Data* · END ──▶
//!    ◀── Head(ReplyHead) · Data* · End(Trailer) ──      or Reset(failure) from either side
//!    ◀─▶ Credit, Ping, Pong, GoAway
//! ```
//!
//! Calls that are over cross in a file ([`spool`]), because it survives both of its ends.
//!
//! A struct never changes its shape inside one protocol version: a change is a new message type.

pub mod call;
pub mod codec;
pub mod configure;
pub mod continues;
pub mod control;
pub mod credentials;
pub mod frame;
pub mod mux;
pub mod notice;
pub mod question;
pub mod spool;

/// Protocol versions this build speaks.
pub const PROTOCOL_MIN: u16 = 1;
/// See [`PROTOCOL_MIN`].
pub const PROTOCOL_MAX: u16 = 1;
