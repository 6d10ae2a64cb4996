//! An upgrade without a gap: every child is replaced by one of the executable that now stands where this program was
//! started from, the router first, then the workers one by one; the supervisor itself comes last. Each step is an
//! ordinary replacement, so what does not become ready leaves the old one in service; then all steps are undone.

use crate::fleet::{Ask, Fleet, FleetStatus};
use protocol::control::{ControlReply, RefusalKind};
use protocol::ipc::configure::WorkerState;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};

/// A start takes 10 seconds at most; this is more.
const STEP: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(25);
/// Routers that may still be finishing their clients when another upgrade begins.
const MOST_RETIRING: usize = 1;
const ROUTER: &str = "router";

/// See the module.
pub(crate) struct Upgrade {
    fleet: Fleet,
    /// Where this program was started from.
    program: PathBuf,
    /// Told when only the supervisor itself is left.
    turn: mpsc::Sender<PathBuf>,
    /// One at a time.
    busy: Mutex<()>,
}

impl Upgrade {
    pub(crate) fn new(fleet: Fleet, program: PathBuf, turn: mpsc::Sender<PathBuf>) -> Self {
        Self { fleet, program, turn, busy: Mutex::new(()) }
    }

    /// Replaces all children, and has the supervisor follow. The answer comes before that last step.
    pub(crate) async fn run(&self) -> ControlReply {
        let Ok(_busy) = self.busy.try_lock() else {
            return ControlReply::refused(RefusalKind::Conflict, "an upgrade is under way already");
        };
        match self.replace_all().await {
            Ok(replaced) => {
                // A full queue holds a turn already.
                let _ = self.turn.try_send(self.program.clone());
                ControlReply::Done(format!(
                    "{replaced} processes run {} now; the supervisor follows",
                    self.program.display()
                ))
            }
            Err(why) => ControlReply::refused(RefusalKind::Conflict, why),
        }
    }

    async fn replace_all(&self) -> Result<usize, String> {
        let before = self.status().await?;
        if before.routers_retiring > MOST_RETIRING {
            return Err("an upgrade is in progress: older routers still finish their clients".to_owned());
        }
        let mut targets = vec![ROUTER.to_owned()];
        let serves = |state| matches!(state, WorkerState::Ready | WorkerState::Degraded);
        targets.extend(before.providers.iter().filter(|p| serves(p.state)).map(|p| p.name.clone()));
        self.fleet.use_program(Some(self.program.clone())).await;
        for (done, target) in targets.iter().enumerate() {
            if let Err(why) = self.replace(target).await {
                self.undo(&targets[..done]).await;
                return Err(format!(
                    "{} was refused: {target}: {why}; everything is as it was",
                    self.program.display()
                ));
            }
        }
        Ok(targets.len())
    }

    /// Back to our own executable.
    async fn undo(&self, targets: &[String]) {
        self.fleet.use_program(None).await;
        for target in targets {
            if let Err(why) = self.replace(target).await {
                tracing::error!(name = %target, "cannot be put back: {why}");
            }
        }
    }

    async fn replace(&self, target: &str) -> Result<(), String> {
        let before = generation(&self.status().await?, target);
        self.fleet.ask(Ask::Restart { target: target.to_owned() }).await?;
        let until = Instant::now() + STEP;
        loop {
            let status = self.status().await?;
            let change = change(&status, target);
            if generation(&status, target) > before {
                return Ok(());
            }
            if let Some(why) = change.filter(|change| change.contains("did not become ready")) {
                return Err(why);
            }
            if Instant::now() > until {
                return Err(format!("not ready after {} s", STEP.as_secs()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn status(&self) -> Result<FleetStatus, String> {
        self.fleet.status().await.ok_or_else(|| "llm-link is stopping".to_owned())
    }
}

/// Of the process in service.
fn generation(status: &FleetStatus, target: &str) -> u64 {
    let provider = status.providers.iter().find(|p| p.name == target);
    provider.map_or(status.router.generation, |p| p.generation)
}

fn change(status: &FleetStatus, target: &str) -> Option<String> {
    match status.providers.iter().find(|p| p.name == target) {
        Some(provider) => provider.change.clone(),
        None => status.router_change.clone(),
    }
}
