//! The way out: HTTP to one provider. The only part of a worker that opens connections.
//!
//! Owns sockets, TLS, proxies, names, the key's headers, URLs, and what a broken connection means. Never
//! reads a body, never retries a call that may have been processed, never decides a fallback.
//!
//! * [`Client`] sends a request and gives an answer whose errors are [`Failure`]s already;
//! * [`Credential`] holds the key and presents it; [`headers`] decides what passes; [`url`] where it goes;
//! * [`Deadlines`] says when to stop waiting.
//!
//! [`Failure`]: protocol::model::Failure

mod answer;
mod auth;
mod classify;
mod client;
mod connector;
mod deadline;
pub mod headers;
mod lanes;
mod resolve;
mod route;
mod tls;
pub mod url;

pub use answer::AnswerBody;
pub use auth::{Credential, CredentialError, Key};
pub use client::{Client, UpstreamError};
pub use connector::Established;
pub use deadline::{Deadlines, Limit, Shape};
pub use route::Routes;
