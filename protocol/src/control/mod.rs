//! What an operator can ask for, as one closed vocabulary, and the answers.
//!
//! The command line (over the 0600 socket [`SOCKET`] in the runtime directory) and the admin API are two
//! thin faces of it; the supervisor executes it. On the socket each request and each reply is one line of
//! JSON, at most [`MAX_LINE`] bytes.
//!
//! No provider key is ever part of a request or a reply.

mod reply;
mod request;

pub use reply::{ChildStatus, ControlReply, CrashReport, SupervisorStatus};
pub use request::{ControlRequest, StopMode};

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "ctl.sock";

/// Longest line on the socket in bytes, its newline excluded.
pub const MAX_LINE: usize = 4 * 1024 * 1024;
