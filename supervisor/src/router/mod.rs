//! The router process: HTTP in, routing, the one retry loop, lanes to the workers.
//!
//! ```text
//! child    the conversation with the supervisor: configuration in, pulse out
//! crew     threads and runtimes; each runs a shard
//! shard    client connections and lanes of one runtime
//! front    HTTP: who, what, the retry loop, the answer
//! routing  which (provider, model) pairs, in which order (pure)
//! web      what all of HTTP here shares
//! lane     one multiplexed connection per worker
//! ```
//!
//! It parses what clients send and nothing that providers send; it holds no provider key, opens no database
//! and no outbound connection. It imports neither the fleet nor the store nor the vault.

#[allow(dead_code, unused_imports)]
mod admin;
#[allow(dead_code)]
mod asker;
mod child;
mod crew;
mod front;
mod lane;
mod pulse;
mod routing;
mod shard;
mod shared;
mod snapshot;
mod trace;
mod web;

pub(crate) use child::{Args, run};

#[cfg(test)]
mod tests;
