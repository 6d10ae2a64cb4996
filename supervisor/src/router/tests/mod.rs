//! The router over real sockets: a client in front, scripted workers behind.

mod calls;
mod child;
mod failover;
mod limits;
mod rig;
mod worker;
