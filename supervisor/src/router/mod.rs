//! The router process: HTTP in, routing, the one retry loop, lanes to the workers.
//!
//! It parses what clients send and nothing that providers send; it holds no provider key, opens no database
//! and no outbound connection. It imports neither the fleet nor the store nor the vault.

mod front;
mod lane;
mod routing;
mod shard;
mod shared;
mod snapshot;
mod trace;
