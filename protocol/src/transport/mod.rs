//! The only part of the crate with I/O: local sockets, and the tokio shell of [`crate::ipc::mux`].

pub mod link;
mod local;

pub use local::{LocalError, bind, connect};
