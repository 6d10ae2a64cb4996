//! The only part of the crate with I/O: descriptors, local sockets, and the tokio shells around the pure
//! conversations of [`crate::ipc`].
//!
//! * [`inherit`]: descriptors handed from the supervisor to a child at fixed numbers.
//! * [`local`]: named sockets in the runtime directory, through `interprocess`.
//! * [`control`]: the conversation on fd 3.
//! * [`link`]: the data connection between a router and a worker.
//! * [`precedence`]: who goes first at the processors.
//! * [`pulse`]: how a process is doing.
//! * [`slack`]: memory that is given back after a busy time.

pub mod control;
pub mod inherit;
pub mod link;
pub mod local;
pub mod precedence;
pub mod pulse;
pub mod slack;
