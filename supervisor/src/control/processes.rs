//! What operators ask of processes: how they are and why, restart, drain, resume, stop.

use super::{Force, Upgrade};
use crate::BUILD;
use crate::fleet::{Ask, Fleet, StopMode};
use crate::lifecycle::notify;
use protocol::control::{ControlReply, ControlRequest, ProviderStatus, RefusalKind, SystemStatus};
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;

/// See the module.
pub(crate) struct Processes {
    fleet: Fleet,
    force: Force,
    upgrade: Arc<Upgrade>,
    started_ms: u64,
}

impl Processes {
    pub(crate) fn new(fleet: Fleet, force: Force, upgrade: Arc<Upgrade>, started_ms: u64) -> Processes {
        Processes { fleet, force, upgrade, started_ms }
    }

    /// Answers what is about processes.
    pub(crate) async fn answer(&self, request: ControlRequest) -> ControlReply {
        match request {
            ControlRequest::Status => self.status().await,
            ControlRequest::Why { provider } => self.why(&provider).await,
            ControlRequest::Restart { provider } => self.order(Ask::Restart { target: provider }).await,
            ControlRequest::Drain { provider, within_ms } => {
                self.order(Ask::Drain { provider, within: within_ms.map(Duration::from_millis) }).await
            }
            ControlRequest::Resume { provider } => self.order(Ask::Resume { provider }).await,
            ControlRequest::Reload => match self.force.reload().await {
                Ok(epoch) => ControlReply::Done(format!("configuration {epoch} is in force")),
                Err(refusal) => ControlReply::Refused(refusal),
            },
            ControlRequest::Shutdown => {
                notify(&[NotifyState::Stopping]);
                self.fleet.stop(StopMode::Drain).await;
                ControlReply::Done("llm-link finishes what runs and stops".to_owned())
            }
            ControlRequest::Upgrade => self.upgrade.run().await,
            _other => ControlReply::refused(RefusalKind::Internal, "this is nothing about processes"),
        }
    }

    async fn order(&self, ask: Ask) -> ControlReply {
        match self.fleet.ask(ask).await {
            Ok(text) => ControlReply::Done(text),
            Err(text) => ControlReply::refused(RefusalKind::Conflict, text),
        }
    }

    async fn status(&self) -> ControlReply {
        let Some(fleet) = self.fleet.status().await else { return stopping() };
        let picture = self.force.now();
        ControlReply::Status(Box::new(SystemStatus {
            version: BUILD.to_owned(),
            pid: std::process::id(),
            started_ms: self.started_ms,
            epoch: picture.epoch,
            config: picture.origin.clone(),
            reload_error: picture.reload_error.clone(),
            listeners: picture.listeners.clone(),
            router: fleet.router,
            providers: fleet.providers,
        }))
    }

    async fn why(&self, provider: &str) -> ControlReply {
        let Some(fleet) = self.fleet.status().await else { return stopping() };
        match fleet.providers.iter().find(|status| status.name == provider) {
            Some(status) => ControlReply::Done(sentences(status)),
            None => ControlReply::refused(
                RefusalKind::NotFound,
                format!("there is no process for a provider `{provider}`"),
            ),
        }
    }
}

fn stopping() -> ControlReply {
    ControlReply::refused(RefusalKind::Unavailable, "llm-link is stopping")
}

/// A provider's state in sentences, the most important first.
fn sentences(status: &ProviderStatus) -> String {
    let state = format!("{:?}", status.state).to_lowercase();
    let mut out = vec![format!("{} is {state}: {}.", status.name, status.reason)];
    out.extend(status.change.iter().map(|change| format!("A change is not in force: {change}.")));
    if let Some(current) = &status.current {
        let calls = current.pulse.map_or(0, |pulse| pulse.in_flight);
        out.push(format!("Generation {} serves with {calls} calls in flight.", current.generation));
        let missing = current.sandbox.iter().flat_map(|report| &report.missing);
        out.extend(missing.map(|line| format!("Its sandbox is incomplete: {line}.")));
    }
    if status.restarts > 0 {
        out.push(format!("It was restarted {} times unasked.", status.restarts));
    }
    if let Some(exit) = &status.last_exit {
        out.push(format!("The last process ended by {}.", exit.cause));
        out.extend(exit.stderr.iter().rev().take(3).rev().map(|line| format!("It wrote: {line}")));
    }
    out.join("\n")
}
