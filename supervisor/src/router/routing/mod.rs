//! Which (provider, model) pairs may serve a call, in which order, and who is fit to take it now.
//!
//! ```text
//! table     every public name with its candidates, worked out once per configuration
//! plan      the candidates of one call in order: the app's steps, rule, fallback; alternatives after a sunset
//! rule      priority, round robin, weighted, least connections, latency; sticky sessions
//! vitals    what is known of a pair at run time: pace, calls in flight, breaker, rate limits, the key
//! breaker   when to keep calls away and when to try again
//! dry       what would happen to a call, in words
//! ```
//!
//! It never opens a stream, never waits and never decides about a retry. Times are parameters.

mod breaker;
mod candidate;
mod dry;
mod nearest;
mod pace;
pub(crate) mod pattern;
mod plan;
mod register;
mod rule;
mod standing;
mod table;
mod verdict;
mod vitals;
mod way;

pub(crate) use candidate::{Candidate, Route};
pub(crate) use dry::report as dry_run;
pub(crate) use plan::{LeftOut, Moment, Plan, Traits, Turnstile, Wanted, plan};
pub(crate) use register::of_provider;
pub(crate) use standing::Standing;
pub(crate) use table::{PublicModel, Table};
pub(crate) use vitals::{Entry, Vitals};
