//! How the program is heard: log lines, kept for a while in a ring that operators can read and follow.

mod layer;
mod redact;
mod ring;

pub(crate) use layer::RingLayer;
pub(crate) use ring::{LogRing, Wanted};
