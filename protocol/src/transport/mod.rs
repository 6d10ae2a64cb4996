//! The only part of the crate with I/O.
