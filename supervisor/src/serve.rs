//! The supervisor role, put together: settings and what is stored become sockets, directories and a fleet;
//! signals, file changes and operators become orders to it. Holds no state of its own.

mod care;
mod directory;
mod ground;
mod image;
mod keeper;
mod kept;
mod notices;
mod open;
mod plan;
mod recollection;
mod reload;
mod sockets;
mod succession;

use crate::cli::{Source, out};
use crate::control::{
    Changes, Desk, Force, Keyring, Means, Probes, Processes, SOCKET, Staff, Upgrade, now, socket,
};
use crate::fleet::{Fleet, Outcome, Owner, StopMode, Upward};
use crate::lifecycle::{self, Signal, Signals, Watchdog, notify};
use crate::logging;
use crate::people::People;
use crate::record::Record;
use crate::settings::{Account, Base, Host, Secrets, Settings, load};
use crate::telemetry::LogRing;
use ground::Ground;
use image::Image;
use keeper::{Keeper, Shelf};
use kept::Kept;
use open::Opened;
use protocol::ipc::configure::Upstream;
use protocol::transport::local::LocalListener;
use protocol::transport::precedence::give_way;
use reload::Reload;
use sd_notify::NotifyState;
use sockets::Sockets;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use succession::Estate;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Words of children that may wait to be taken.
const UPWARD: usize = 128;
/// At the end: for what is being answered, and for the databases to be closed.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// Runs the whole system until it is told to stop. On the main thread.
pub(crate) fn run(source: Source, account: Account) -> ExitCode {
    let loaded = load(&source.origin, &source.overrides, &Host, account);
    let (base, settings) = match loaded.outcome {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            drop(write!(out::stderr(), "{mistakes}"));
            return ExitCode::from(crate::cli::EXIT_CONFIGURATION);
        }
    };
    let ring = logging::start(&settings.log.filter, settings.log.format);
    match live((source, account), base, settings, ring) {
        Ok(Outcome::Stopped) => ExitCode::SUCCESS,
        Ok(Outcome::Escalated(_)) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("cannot start: {error:#}");
            ExitCode::from(open::exit_code(&error))
        }
    }
}

fn live(origin: (Source, Account), base: Base, settings: Settings, ring: LogRing) -> anyhow::Result<Outcome> {
    // First of all: what the service manager passed on has numbers that anything else could be given.
    let former = Image::find(Host.env(image::MARK).as_deref())?;
    let sockets = match &former {
        Some(image) => image.sockets()?,
        None => Sockets::new(lifecycle::activated()?),
    };
    ground::harden();
    ground::widen();
    // What is done beside the main thread can wait.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.on_thread_start(give_way).enable_all().build()?;
    runtime.block_on(async {
        let ground = Ground::lay(&settings, sockets, former.is_some())?;
        let opened = open::open(&settings).await?;
        People::prepare(&opened.config, &opened.vault).await?;
        let keyring = Keyring::default();
        let mut shelf = Shelf { store: opened.config.clone(), vault: opened.vault.clone(), keyring };
        let (snapshot, stored) = shelf.read().await?;
        let reload = Reload::new(origin, base, ground, (snapshot, &stored))?;
        serve(reload, shelf, opened, former, ring).await
    })
}

async fn serve(
    reload: Reload,
    shelf: Shelf,
    opened: Opened,
    former: Option<Image>,
    ring: LogRing,
) -> anyhow::Result<Outcome> {
    let mut signals = Signals::new()?;
    let control = LocalListener::bind(&reload.ground.runtime_dir.join(SOCKET))?;
    let started_ms = former.as_ref().map_or_else(|| now().0.unsigned_abs(), |image| image.started_ms);
    let (upward, mut said) = mpsc::channel(UPWARD);
    let state_dir = reload.settings.server.directories.state.clone();
    let kept = Kept::begin(&opened, &reload.ground.spools);
    let (owner, fleet) = Owner::new(
        reload.ground.grounds(&reload.settings, kept.teller(), upward),
        reload.spec(),
        former.map(|image| image.fleet),
    );
    let (orders, ordered) = mpsc::channel(keeper::ORDERS);
    let (picture, pictured) = watch::channel(Arc::new(reload.picture()));
    let force = Force::new(orders, pictured);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let people = People::open(opened.config.clone(), &opened.vault, force.clone()).await?;
    let (turn, mut turns) = mpsc::channel(1);
    let upgrade = Arc::new(Upgrade::new(fleet.clone(), std::env::current_exe()?, turn));
    let processes = Processes::new(fleet.clone(), force.clone(), Arc::clone(&upgrade), started_ms);
    let record = kept.record(&opened, ring);
    let desk = Desk::new(staff(&fleet, &force, &opened, people.clone(), processes, record), tasks.clone());
    let estate = Estate { fleet: fleet.clone(), force: force.clone(), desk: desk.clone(), started_ms };
    let estate = Arc::new(estate);
    tasks.spawn(socket::serve(control.acceptor()?, desk.clone(), stop.clone()));
    let addresses = reload.ground.sockets.addresses();
    tasks.spawn(announce(fleet.clone(), addresses, answers_offline(&reload.settings), people));
    tasks.spawn(until(stop.clone(), care::run(opened.config.clone(), opened.usage.clone(), force.clone())));
    let (journal, told) = (kept.journal(), kept.journal());
    let keeper = Keeper { reload, shelf, fleet: fleet.clone(), orders: ordered, picture, journal };
    tasks.spawn(until(stop.clone(), keeper.run()));
    let (memory, remembered) = watch::channel(Vec::new());
    tasks.spawn(recollection::keep(state_dir, remembered));
    let mut watchdog = Watchdog::new();
    // A task of its own: it must go on while this one waits. Still the main thread.
    let mut owner = tasks.spawn(owner.run());
    let outcome = loop {
        tokio::select! {
            outcome = &mut owner => break outcome?,
            signal = signals.next() => obey(signal, &fleet, &force, &upgrade, &tasks).await,
            Some(program) = turns.recv() => {
                let estate = Arc::clone(&estate);
                tasks.spawn(async move { estate.pass_on(&program).await });
            }
            Some(upward) = said.recv() => match upward {
                Upward::Ask { child, seq, body } => desk.take(&fleet, child, seq, &body),
                Upward::Key { provider, news } => force.key_news(provider, news),
                Upward::Notices { body } => {
                    notices::record(&told, &body);
                }
                Upward::Memory { body } => drop(memory.send_replace(body.to_vec())),
            },
            () = watchdog.feed() => {}
        }
    };
    stop.cancel();
    drop(memory);
    tasks.close();
    let _ = tokio::time::timeout(LAST_TASKS, tasks.wait()).await;
    // Every router has ended: what they left is committed before the store is closed.
    kept.end().await;
    opened.config.close().await;
    opened.usage.close().await;
    Ok(outcome)
}

/// Those who answer operators.
fn staff(
    fleet: &Fleet,
    force: &Force,
    opened: &Opened,
    people: People,
    processes: Processes,
    record: Record,
) -> Staff {
    let Opened { config, vault, .. } = opened;
    let means = Means {
        store: config.clone(),
        vault: vault.clone(),
        force: force.clone(),
        changes: Changes::new(config.clone(), force.clone(), fleet.clone()),
        probes: Probes::new(fleet.clone()),
    };
    Staff::new(people, record, processes, &means, fleet)
}

/// Ends a task that would go on for ever.
async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = task => {}
        () = stop.cancelled() => {}
    }
}

/// The model that answers without a network, if only that one does: what a newcomer can try.
fn answers_offline(settings: &Settings) -> Option<String> {
    match settings.providers.as_slice() {
        [only] if matches!(only.upstream, Upstream::Demo) => Some(only.name.clone()),
        _ => None,
    }
}

/// Says where it listens, once somebody answers there, what can be tried, and where the first user is made.
async fn announce(
    mut fleet: Fleet,
    addresses: Vec<(std::net::SocketAddr, bool)>,
    model: Option<String>,
    people: People,
) {
    fleet.serving().await;
    notify(&[NotifyState::Ready]);
    for (address, open) in &addresses {
        match open {
            true => tracing::info!("listening on http://{address} (open: any key or none)"),
            false => tracing::info!("listening on http://{address} (an app's key is needed)"),
        }
    }
    if let (Some(model), Some((address, _))) = (model, addresses.iter().find(|(_, open)| *open)) {
        tracing::info!(
            "try it: curl -N http://{address}/v1/chat/completions -H 'content-type: application/json' \
             -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'"
        );
    }
    people.invite().await;
}

async fn obey(signal: Signal, fleet: &Fleet, force: &Force, upgrade: &Arc<Upgrade>, tasks: &TaskTracker) {
    let mode = match signal {
        Signal::Stop => StopMode::Drain,
        Signal::Fast => StopMode::Fast,
        Signal::Cut => StopMode::Cut,
        Signal::Reload => {
            let force = force.clone();
            // It says in the log what came of it.
            tasks.spawn(async move { force.reload().await.is_ok() });
            return;
        }
        Signal::Upgrade => {
            let upgrade = Arc::clone(upgrade);
            tasks.spawn(async move { tracing::info!("upgrade: {:?}", upgrade.run().await) });
            return;
        }
    };
    notify(&[NotifyState::Stopping]);
    fleet.stop(mode).await;
}
