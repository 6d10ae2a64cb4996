//! Keeps what happened to calls: once each, without ever making a call wait for the disk.
//!
//! Owns the supervisor's end of the spools on which routers leave calls, the bounded queue in front of the usage
//! database, its batches, when keys were last used, the counters of what had to be dropped, and what is removed when. It never decides what a
//! call cost, and holds no SQL.

pub(crate) mod collector;
pub(crate) mod key_use;
pub(crate) mod recorder;
pub(crate) mod retention;
mod spool;
pub(crate) mod spools;
pub(crate) mod tail;

#[cfg(test)]
mod tests;
