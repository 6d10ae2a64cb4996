//! One provider in a process of its own: bytes in from the router, HTTPS out, translation between.
//!
//! The order of a worker's life is fixed: hello, configuration, sandbox, report, key, ready. It owns the
//! provider's key and its upstream connections; it never opens the store, never starts a process and never
//! listens on a network.
//!
//! * [`life`]: the control conversation with the supervisor.
//! * [`serve`]: data connections from routers, one task per call, drain.
//! * [`call`]: the life of one call; [`plan`]: how it will be answered; [`body`]: the request on its way out;
//!   [`relay`]: the answer on its way back.
//! * [`translate`]: both of them in another dialect; [`adapt`]: what must change on the way; [`count`]: tokens;
//!   [`continuation`]: the second half of an answer that broke off elsewhere.
//! * [`probe`]: an operator's test of the provider.
//! * [`upstream`]: the way out. [`demo`]: the provider that needs none.
//! * [`sandbox`]: the walls.

mod adapt;
mod body;
mod call;
mod continuation;
mod count;
mod demo;
mod life;
mod plan;
mod probe;
mod pulse;
mod relay;
pub mod sandbox;
mod serve;
mod translate;
pub mod upstream;

pub use life::{Args, run};
