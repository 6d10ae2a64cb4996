//! The operator's way in: a local socket that carries [`protocol::control`], and the client of it that the
//! command line uses. It forwards; the supervisor's owner executes.

pub(crate) mod client;
pub(crate) mod socket;

/// Name of the socket in the runtime directory.
pub(crate) const SOCKET: &str = "ctl.sock";
