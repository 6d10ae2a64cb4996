//! The upstream client against real sockets: keep-alive, broken connections, proxies, TLS, HTTP/2.

#![expect(clippy::unwrap_used, reason = "the servers of these tests are tests too, without the attribute")]

mod connections;
mod proxies;
mod server;
mod tls;
