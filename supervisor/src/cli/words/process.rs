//! Processes: how they are, and what is done to them.

use super::{Instance, Nothing, Plain, Spoken};
use crate::cli::deed::Deed;
use crate::settings::quantity;
use clap::{Args, Subcommand};
use protocol::control::ControlRequest;

#[derive(Subcommand)]
pub(in crate::cli) enum Task {
    /// Show how a running instance and its providers are doing.
    Status(Plain<StatusFlags>),
    /// Say why a provider is in its state.
    Why(Plain<OneProvider>),
    /// Replace a provider's process (or `router`) by a new one; calls in flight are finished.
    Restart(Plain<RestartFlags>),
    /// Send a provider no new calls.
    Drain(Plain<DrainFlags>),
    /// Send a drained provider calls again.
    Resume(Plain<OneProvider>),
    /// Read the configuration file again.
    Reload(Plain<Nothing>),
    /// Replace every process by the executable that now stands where this instance was started from.
    Upgrade(Plain<Nothing>),
    /// Finish what runs, then stop everything.
    Shutdown(Plain<Nothing>),
    /// Make a new master key and wrap every stored secret anew.
    RotateMasterKey(Plain<Nothing>),
    /// A new link to the page where the first user is made.
    SetupLink(Plain<Nothing>),
}

#[derive(Args)]
pub(in crate::cli) struct StatusFlags {
    /// Show it again every second, until interrupted.
    #[arg(short, long)]
    watch: bool,
}

#[derive(Args)]
pub(in crate::cli) struct OneProvider {
    /// Its name in the configuration.
    provider: String,
}

#[derive(Args)]
pub(in crate::cli) struct RestartFlags {
    /// Its name in the configuration, or `router`.
    provider: String,
    /// Wait until the new process serves.
    #[arg(long)]
    wait: bool,
}

#[derive(Args)]
pub(in crate::cli) struct DrainFlags {
    /// Its name in the configuration.
    provider: String,
    /// Cut what is left after this time, such as 30s.
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    within: Option<u64>,
    /// Wait until its last call has ended.
    #[arg(long)]
    wait: bool,
}

fn milliseconds(text: &str) -> Result<u64, String> {
    let duration = quantity::duration(text).map_err(|error| error.to_string())?;
    u64::try_from(duration.as_millis()).map_err(|error| error.to_string())
}

fn ask(request: ControlRequest, at: Instance) -> Spoken {
    (Deed::Ask(Box::new(request)), at)
}

fn ask_and_wait(request: ControlRequest, process: String, wait: bool, at: Instance) -> Spoken {
    let request = Box::new(request);
    (if wait { Deed::Await { request, process } } else { Deed::Ask(request) }, at)
}

impl Task {
    pub(super) fn spoken(self) -> Spoken {
        match self {
            Task::Status(it) if it.flags.watch => (Deed::WatchStatus, it.at),
            Task::Status(it) => ask(ControlRequest::Status, it.at),
            Task::Why(it) => ask(ControlRequest::Why { provider: it.flags.provider }, it.at),
            Task::Restart(it) => {
                let RestartFlags { provider, wait } = it.flags;
                ask_and_wait(ControlRequest::Restart { provider: provider.clone() }, provider, wait, it.at)
            }
            Task::Drain(it) => {
                let DrainFlags { provider, within, wait } = it.flags;
                let request = ControlRequest::Drain { provider: provider.clone(), within_ms: within };
                ask_and_wait(request, provider, wait, it.at)
            }
            Task::Resume(it) => ask(ControlRequest::Resume { provider: it.flags.provider }, it.at),
            Task::Reload(it) => ask(ControlRequest::Reload, it.at),
            Task::Upgrade(it) => ask(ControlRequest::Upgrade, it.at),
            Task::Shutdown(it) => ask(ControlRequest::Shutdown, it.at),
            Task::RotateMasterKey(it) => ask(ControlRequest::RotateMasterKey, it.at),
            Task::SetupLink(it) => ask(ControlRequest::SetupLink, it.at),
        }
    }
}
