//! The canonical vocabulary. Types only: how they are spelled on a wire belongs to [`crate::dialect`].

mod failure;
mod loss;
mod usage;

pub use failure::{Blame, Failure, FailureKind, Retry};
pub use loss::{Loss, LossReason};
pub use usage::{Usage, UsageSource};
