//! Which (provider, model) pairs may serve a call, in which order, and who is fit to take it now.
//!
//! Pure: built from a [`protocol::ipc::configure::RouterConfig`], read by every call as a snapshot, replaced
//! whole by the next configuration. It never opens a stream, never waits and never decides about a retry.

mod nearest;
mod standing;
mod table;

pub(crate) use standing::Standing;
pub(crate) use table::{Candidate, PublicModel, Route, Table};
