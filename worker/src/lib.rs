//! One provider in a process of its own: bytes in from the router, HTTPS out, translation between.
//!
//! The order of a worker's life is fixed: hello, configuration, sandbox, report, key, ready. It owns the
//! provider's key and its upstream connections; it never opens the store, never starts a process and never
//! listens on a network.
//!
//! * [`life`]: the control conversation with the supervisor.
//! * [`serve`]: data connections from routers, one task per call, drain.
//! * [`call`]: the life of one call; [`relay`]: the answer on its way back; [`body`]: the request on its way out.
//! * [`upstream`]: the way out. [`demo`]: the provider that needs none.
//! * [`sandbox`]: the walls.

mod body;
mod call;
mod demo;
mod life;
mod pulse;
mod relay;
pub mod sandbox;
mod serve;
pub mod upstream;

pub use life::{Args, run};
