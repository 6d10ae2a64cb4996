//! The supervisor role, put together: settings become sockets, directories and a fleet; signals, file changes
//! and operators become orders to it. Holds no state of its own beyond the configuration in force.

mod directory;
mod ground;
mod plan;
mod reload;
mod sockets;

use crate::cli::{Source, out};
use crate::control::{SOCKET, socket};
use crate::fleet::{Ask, Fleet, Outcome, Owner, StopMode};
use crate::lifecycle::{self, Signal, Signals, Watchdog, notify};
use crate::settings::{Account, Host, Settings, load};
use crate::{BUILD, logging};
use ground::Ground;
use protocol::control::{ControlReply, ControlRequest, RefusalKind, SystemStatus};
use protocol::transport::local::LocalListener;
use reload::Reload;
use sd_notify::NotifyState;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Questions that may wait for the one that is being answered.
const ASKED: usize = 16;

/// Runs the whole system until it is told to stop. On the main thread.
pub(crate) fn run(source: Source, account: Account) -> ExitCode {
    let loaded = load(&source.origin, &source.overrides, &Host, account);
    let settings = match loaded.outcome {
        Ok(settings) => settings,
        Err(mistakes) => {
            drop(write!(out::stderr(), "{mistakes}"));
            return ExitCode::from(crate::cli::EXIT_CONFIGURATION);
        }
    };
    logging::start(&settings.log.filter, settings.log.format);
    match live(source, account, settings, loaded.watch) {
        Ok(Outcome::Stopped) => ExitCode::SUCCESS,
        Ok(Outcome::Escalated(_)) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("cannot start: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn live(
    source: Source,
    account: Account,
    settings: Settings,
    watch: Vec<std::path::PathBuf>,
) -> anyhow::Result<Outcome> {
    // First of all: what the service manager passed on has numbers that anything else could be given.
    let activated = lifecycle::activated()?;
    ground::harden();
    ground::widen();
    settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ground = Ground::lay(&settings, activated)?;
        let reload = Reload::new(source, account, settings, watch, ground)?;
        serve(reload).await
    })
}

async fn serve(mut reload: Reload) -> anyhow::Result<Outcome> {
    let mut signals = Signals::new()?;
    let control = LocalListener::bind(&reload.ground.runtime_dir.join(SOCKET))?;
    let (owner, fleet) = Owner::new(reload.ground.grounds(&reload.settings), reload.spec(), None);
    let (asked, mut asks) = mpsc::channel(ASKED);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(socket::serve(control.acceptor()?, asked, stop.clone()));
    tasks.spawn(announce(fleet.clone(), reload.ground.sockets.addresses()));
    let mut desk = Desk { fleet, started: SystemTime::now() };
    let mut watchdog = Watchdog::new();
    let mut look = tokio::time::interval(Duration::from_secs(1));
    // A task of its own: it must go on while this one waits for its answers. Still the main thread.
    let mut owner = tasks.spawn(owner.run());
    let outcome = loop {
        tokio::select! {
            outcome = &mut owner => break outcome?,
            signal = signals.next() => desk.signal(signal, &mut reload).await,
            Some((request, reply)) = asks.recv() => {
                // Whoever asked may be gone by now; that changes nothing.
                let _ = reply.send(desk.answer(request.request, &mut reload).await);
            }
            _ = look.tick() => if reload.changed() { desk.reload(&mut reload).await },
            () = watchdog.feed() => {}
        }
    };
    stop.cancel();
    tasks.close();
    let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
    Ok(outcome)
}

/// Says where it listens, once somebody answers there.
async fn announce(mut fleet: Fleet, addresses: Vec<(std::net::SocketAddr, bool)>) {
    fleet.serving().await;
    notify(&[NotifyState::Ready]);
    for (address, open) in &addresses {
        match open {
            true => tracing::info!("listening on http://{address} (open: any key or none)"),
            false => tracing::info!("listening on http://{address} (an app's key is needed)"),
        }
    }
}

/// Answers signals and operators.
struct Desk {
    fleet: Fleet,
    started: SystemTime,
}

impl Desk {
    async fn signal(&mut self, signal: Signal, reload: &mut Reload) {
        match signal {
            Signal::Stop => self.stop(StopMode::Drain).await,
            Signal::Fast => self.stop(StopMode::Fast).await,
            Signal::Cut => self.stop(StopMode::Cut).await,
            Signal::Reload => self.reload(reload).await,
        }
    }

    async fn stop(&mut self, mode: StopMode) {
        notify(&[NotifyState::Stopping]);
        self.fleet.stop(mode).await;
    }

    /// The whole new configuration, or none of it.
    async fn reload(&mut self, reload: &mut Reload) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
        match reload.read() {
            Ok(spec) => match self.fleet.adopt(spec).await {
                Ok(()) => tracing::info!("configuration {} is in force", reload.epoch),
                Err(why) => tracing::warn!("the configuration was not taken over: {why}"),
            },
            Err(why) => tracing::error!("the configuration was rejected, the old one stays:\n{why}"),
        }
        notify(&[NotifyState::Ready]);
    }

    async fn answer(&mut self, request: ControlRequest, reload: &mut Reload) -> ControlReply {
        let ask = match request {
            ControlRequest::Status => return self.status(reload).await,
            ControlRequest::Reload => {
                self.reload(reload).await;
                return match &reload.error {
                    None => ControlReply::Done(format!("configuration {} is in force", reload.epoch)),
                    Some(why) => ControlReply::refused(RefusalKind::Invalid, why.clone()),
                };
            }
            ControlRequest::Shutdown => {
                self.stop(StopMode::Drain).await;
                return ControlReply::Done("llm-link finishes what runs and stops".to_owned());
            }
            ControlRequest::Restart { provider } => Ask::Restart { target: provider },
            ControlRequest::Drain { provider, within_ms } => {
                Ask::Drain { provider, within: within_ms.map(Duration::from_millis) }
            }
            ControlRequest::Resume { provider } => Ask::Resume { provider },
            _other => {
                return ControlReply::refused(
                    RefusalKind::Unavailable,
                    "this needs the store, which is not open",
                );
            }
        };
        match self.fleet.ask(ask).await {
            Ok(text) => ControlReply::Done(text),
            Err(text) => ControlReply::refused(RefusalKind::Conflict, text),
        }
    }

    async fn status(&self, reload: &Reload) -> ControlReply {
        let Some(fleet) = self.fleet.status().await else {
            return ControlReply::refused(RefusalKind::Unavailable, "llm-link is stopping");
        };
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        ControlReply::Status(Box::new(SystemStatus {
            version: BUILD.to_owned(),
            pid: std::process::id(),
            started_ms: started.as_millis() as u64,
            epoch: reload.epoch,
            config: reload.origin(),
            reload_error: reload.error.clone(),
            listeners: reload.ground.sockets.status(),
            router: fleet.router,
            providers: fleet.providers,
        }))
    }
}
