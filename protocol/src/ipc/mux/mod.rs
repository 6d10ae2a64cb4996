//! The stream table of a data connection: many calls over one pair of byte streams.
//!
//! Pure: frames and operations go in, frames and wakers come out; the shell ([`crate::transport::link`])
//! moves the bytes. What it guarantees:
//!
//! * a stream's frames keep their order, and streams take turns: at most [`DATA_BODY`] bytes of one stream
//!   stand before another's;
//! * a stream sends only what its receiver granted ([`WINDOW`] at first), so a slow reader stops its own
//!   stream and no other, and memory is bounded by streams × window;
//! * after an end, a reset or the loss of the connection every handle sees exactly one terminal item.
//!
//! [`DATA_BODY`]: super::frame::DATA_BODY

mod batch;
mod stream;
mod table;

pub use batch::Batch;
pub use stream::Item;
pub use table::{Mux, OpenError, Over, Side, Violation};

/// Bytes a side may send on one stream before it is granted more.
pub const WINDOW: u32 = 64 * 1024;

#[cfg(test)]
mod tests;
