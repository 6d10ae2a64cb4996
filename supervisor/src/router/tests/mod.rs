//! The router over real sockets: a client in front, scripted workers behind.

mod calls;
mod child;
mod failover;
mod hedge;
mod limits;
mod rig;
mod worker;

pub(super) use rig::{empty as empty_config, provider as plain_provider, shared as rig_shared};
