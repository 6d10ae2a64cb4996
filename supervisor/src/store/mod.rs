//! The record: what an operator decided, and what happened to calls.
//!
//! Owns two SQLite files and everything that is SQL. One thread per file; the rest of the program sees
//! [`ConfigStore`] and [`UsageStore`], whose calls are transactions, and row types without secrets.
//! It never has a clock, randomness or a key: instants, ids and sealed bytes are given to it.
//!
//! * core: [`thread`] · [`open`] · [`migrate`] · [`schema`] · [`copy`] · [`ballast`] · [`state_dir`]
//! * ways in: [`config`] (`read`, `change`, `note`) with [`edit`], [`audit`], [`invariants`]; [`usage`]
//! * one file per aggregate: its row types, its checks, its functions on `View`, `Edit` and `Note`

pub(crate) mod alert_history;
pub(crate) mod alerts;
pub(crate) mod aliases;
pub(crate) mod app_keys;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod ballast;
pub(crate) mod calls;
mod check;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod edit;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod foreign;
pub(crate) mod histogram;
pub(crate) mod idempotency;
mod invariants;
pub(crate) mod migrate;
pub(crate) mod models;
mod open;
pub(crate) mod page;
pub(crate) mod prices;
pub(crate) mod provider_keys;
pub(crate) mod providers;
pub(crate) mod rollups;
pub(crate) mod routes;
mod schema;
pub(crate) mod sealed;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod state_dir;
pub(crate) mod sweep;
mod thread;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod words;

pub(crate) use config::ConfigStore;
pub(crate) use edit::{Edit, Stamp};
pub(crate) use error::StoreError;
pub(crate) use sealed::{Sealed, SealedRow, SecretPlace};
pub(crate) use state_dir::StateDir;
pub(crate) use usage::UsageStore;
pub(crate) use words::{ChannelId, ProviderId, ProviderKeyId, UnixMs};

#[cfg(test)]
mod tests;
