//! Keeps what happened to calls: once each, without ever making a call wait for the disk.
//!
//! Owns the bounded queue in front of the usage database, its batches, the counter of what had to be dropped, and
//! what is removed when. It never decides what a call cost beyond arithmetic, and holds no SQL.

pub(crate) mod cost;
pub(crate) mod recorder;
pub(crate) mod retention;

#[cfg(test)]
mod tests;
