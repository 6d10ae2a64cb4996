//! What operators can do, executed. Questions come from the control socket and from the router; both speak
//! [`protocol::control`].
//!
//! * [`desk`]: every question: who asks, may they, whose business is it
//! * [`force`]: the configuration in force, and how another one gets there
//! * one file a noun: [`processes`] with [`upgrade`], [`probes`]
//! * [`socket`] and [`client`]: the two ends of the control socket

pub(crate) mod client;
mod clock;
mod desk;
mod force;
mod probes;
mod processes;
pub(crate) mod socket;
mod upgrade;

pub(crate) use clock::now;
pub(crate) use desk::{Desk, Staff, Via};
pub(crate) use force::{Force, ForceOrder, Picture};
pub(crate) use probes::Probes;
pub(crate) use processes::Processes;
pub(crate) use upgrade::Upgrade;

/// Name of the socket in the runtime directory.
pub(crate) const SOCKET: &str = "ctl.sock";
