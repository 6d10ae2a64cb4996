//! The configuration: found, read, checked and resolved.
//!
//! Owns the TOML file and everything it refers to. This is the only place that reads the environment and
//! files of its user. Two types carry it: [`raw::Raw`] is what was typed, with places; [`Settings`] is what it
//! means, with nothing left to interpret. Between them every mistake is collected and reported at once.
//! Never starts, stops or tells anybody anything: it makes the messages ([`Settings::router_config`],
//! [`Provider::worker_config`]) that others send.
//!
//! ```text
//! Origin ─read─▶ text ─Cursor─▶ Raw ─(flags)─▶ resolve ─▶ Settings ─▶ RouterConfig, WorkerConfig
//!                                 └──────── Findings ────────┘  or Mistakes
//! ```

mod configure;
mod cursor;
mod directories;
pub(crate) mod document;
mod host;
mod load;
mod master;
mod mistake;
mod place;
pub(crate) mod quantity;
pub(crate) mod raw;
mod resolve;
pub(crate) mod resolved;
mod secret;
mod sources;
mod stored;
mod suggest;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod watch;

pub(crate) use configure::Standing;
pub(crate) use host::{Account, Host};
pub(crate) use load::{Base, Loaded, Origin, Overrides, find_directories, load};
pub(crate) use master::{MasterKeyAt, master_key};
pub(crate) use mistake::{Findings, Mistakes, StoredMistake};
pub(crate) use place::{Place, SpotKind, Typed};
pub(crate) use raw::KeySource;
pub(crate) use resolved::{Enabled, Listener, LogFormat, Provider, Retention, Runtime, Settings};
pub(crate) use secret::{Secret, SecretError, Secrets, hex};
pub(crate) use stored::{Merged, Stored, StoredApp, StoredProvider, check_setting};
pub(crate) use suggest::did_you_mean;
