//! What operators can do, executed. Questions come from the control socket and from the router; both speak
//! [`protocol::control`].
//!
//! * [`desk`]: every question: who asks, may they, whose business is it; [`repeat`]: asked twice, done once
//! * executors, one file a noun: [`processes`] with [`upgrade`], [`providers`], [`models`], [`apps`], [`configuration`] (with
//!   [`document`] and [`apply`]), [`probes`]; [`means`]: what they work with; [`view`], [`app_view`],
//!   [`effective`]: things as operators see them
//! * [`changes`]: how every change is made, with [`check`] and [`refusal`]; [`force`]: the configuration in force;
//!   [`rows`]: what is stored as the settings take it; [`keyring`]: which key each worker is given
//! * [`socket`] and [`client`]: the two ends of the control socket

mod app_view;
mod apply;
mod apps;
mod changes;
mod check;
pub(crate) mod client;
mod clock;
mod configuration;
mod desk;
mod document;
mod effective;
mod force;
mod keyring;
mod local;
mod means;
mod models;
mod probes;
mod processes;
mod provider_secrets;
mod providers;
mod refusal;
mod repeat;
pub(crate) mod rows;
pub(crate) mod socket;
mod upgrade;
mod view;

pub(crate) use apps::Apps;
pub(crate) use changes::Changes;
pub(crate) use check::Check;
pub(crate) use clock::now;
pub(crate) use configuration::Configuration;
pub(crate) use desk::{Desk, Staff, Via};
pub(crate) use force::{Force, ForceOrder, Picture};
pub(crate) use keyring::Keyring;
pub(crate) use means::Means;
pub(crate) use models::Models;
pub(crate) use probes::Probes;
pub(crate) use processes::Processes;
pub(crate) use providers::Providers;
pub(crate) use refusal::{refused, vault_refused};
pub(crate) use upgrade::Upgrade;

/// Name of the socket in the runtime directory.
pub(crate) const SOCKET: &str = "ctl.sock";
