//! The router process: HTTP in, routing, the one retry loop, lanes to the workers.
//!
//! ```text
//! child    the conversation with the supervisor: configuration in, pulse out
//! asker    operators' questions to the supervisor; question: the supervisor's to us
//! crew     threads and runtimes; each runs a shard
//! shard    client connections and lanes of one runtime
//! reception  every request: the console's, the admin API's or the client APIs'
//! console  the pages of the web console, embedded
//! admin    HTTP for operators, in front of the supervisor
//! front    HTTP for apps: who, what, the retry loop, the answer
//! web      what both need of HTTP
//! routing  which (provider, model) pairs, in which order (pure)
//! notices  what the supervisor is told unasked: events, changes of memory
//! allowance  how many calls may be hedged (pure)
//! limits   how much apps may do: rates, calls at once, budgets
//! memory   what the next router must know
//! live     the live page's stream, log lines as they come, figures for Prometheus
//! lane     one multiplexed connection per worker
//! settled  a call that is over, as it is recorded; spool: where the supervisor finds it
//! ```
//!
//! It parses what clients send and nothing that providers send; it holds no provider key, opens no database
//! and no outbound connection. It imports neither the fleet nor the store nor the vault.

mod admin;
mod allowance;
mod asker;
mod child;
mod console;
mod crew;
mod dry_run;
mod front;
mod gauge;
mod lane;
mod limits;
mod live;
mod memory;
mod notices;
mod portion;
mod question;
mod reception;
mod routing;
mod settled;
mod shard;
mod shared;
mod shed;
mod snapshot;
mod spool;
mod strain;
mod trace;
mod web;

pub(crate) use child::{Args, run};

#[cfg(test)]
mod tests;
