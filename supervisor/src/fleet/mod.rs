//! The process tree: which children run, and what happens when they don't.
//!
//! * [`machine`]: the life of one child, pure. [`policy`]: when to restart. [`exit`]: how a child ended.
//!
//! It never sees a client's byte, never opens the store, and knows nothing of HTTP.

pub(crate) mod exit;
pub(crate) mod machine;
pub(crate) mod policy;
