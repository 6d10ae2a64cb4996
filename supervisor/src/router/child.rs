//! The router's side of the control conversation, from hello to shutdown. Decides nothing: it does as the
//! supervisor says, and ends when the supervisor is gone.

use super::asker::{self, Asking};
use super::crew::{Crew, Layout};
use super::front::CallersError;
use super::live;
use super::memory::{self, Report};
use super::question;
use super::shared::{Shared, Stage};
use super::snapshot::Snapshot;
use super::spool::Spool;
use futures_util::FutureExt;
use nix::sys::prctl;
use protocol::ipc::configure::RouterConfig;
use protocol::ipc::control::{FromChild, Role, ToChild};
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use protocol::transport::control::{ControlError, ControlReceiver, ControlSender, child_end};
use protocol::transport::inherit::{self, InheritError};
use protocol::transport::pulse;
use protocol::transport::slack::Slack;
use std::future::{Future, pending};
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// "Never restart me as I am": the configuration is wrong (`EX_CONFIG`, sysexits.h).
const EXIT_CONFIG: u8 = 78;
/// A shard later than this answers nobody: the supervisor gets no answer either, and will act on it.
const STUCK: Duration = Duration::from_secs(2);
/// What a drain gives those who were cut at its end to say so to their clients.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the command line tells a router; nothing secret, it stands in the process list.
#[derive(Clone, Debug)]
pub(crate) struct Args {
    pub(crate) generation: u64,
    pub(crate) build: String,
}

/// Why a router ends by itself.
#[derive(Debug, thiserror::Error)]
enum LifeError {
    #[error(transparent)]
    Inherit(#[from] InheritError),
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
    #[error("cannot give up privileges: {0}")]
    Privileges(#[from] nix::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] Unusable),
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Callers(#[from] CallersError),
}

impl LifeError {
    fn exit_code(&self) -> u8 {
        match self {
            LifeError::Configuration(_) => EXIT_CONFIG,
            LifeError::Inherit(_)
            | LifeError::Start(_)
            | LifeError::Privileges(_)
            | LifeError::Control(_) => 1,
        }
    }
}

/// The whole life of a router process. Call it on the main thread, before any other thread exists.
pub(crate) fn run(args: &Args) -> ExitCode {
    match live(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("router ends: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn live(args: &Args) -> Result<(), LifeError> {
    inherit::name_process();
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)?;
    let control = inherit::adopt_control()?;
    let spool = spool();
    let adopt = |index| inherit::adopt_tcp_listener(index).map_err(LifeError::from);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(converse(args, control, spool, adopt))
}

/// Without one, calls are served and not recorded.
fn spool() -> Spool {
    match inherit::adopt_spool() {
        Ok(file) => Spool::new(Some(file)),
        Err(error) => {
            tracing::error!("calls will not be recorded: {error}");
            Spool::new(None)
        }
    }
}

/// Talks with the supervisor until one of them ends. `adopt` takes over the listener of an index.
async fn converse<E>(
    args: &Args,
    control: UnixStream,
    spool: Spool,
    adopt: impl Fn(u32) -> Result<std::net::TcpListener, E>,
) -> Result<(), LifeError>
where
    LifeError: From<E>,
{
    let (sender, receiver) = child_end(control)?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (asker, asking) = asker::asker();
    let mut life = Life { sender, receiver, asking, slack: Slack::default(), recalled: None, started };
    life.tell(FromChild::Hello {
        role: Role::Router,
        protocol_min: PROTOCOL_MIN,
        protocol_max: PROTOCOL_MAX,
        build: args.build.clone(),
        generation: args.generation,
    })
    .await?;
    let Some((epoch, config)) = life.configuration().await? else { return Ok(()) };
    let snapshot = life.snapshot(&config, None)?;
    let listeners = config.listeners.iter().map(|l| Ok((l.index, adopt(l.index)?)));
    let listeners: Vec<_> = listeners.collect::<Result<_, LifeError>>()?;
    let shared = Arc::new(Shared::new(snapshot, asker, spool));
    if let Some(body) = life.recalled.take() {
        memory::recall(&shared, &body);
    }
    let crew = Crew::start(&shared, Layout::of(config.runtime, config.threads), &listeners, life.started)?;
    life.tell(FromChild::Ready { epoch }).await?;
    let live = async {
        live::run(Arc::clone(&shared)).await;
        pending().await
    };
    let ended = tokio::select! {
        ended = life.obey(epoch, &shared, &crew) => ended,
        () = live => Ok(()),
    };
    shared.cut();
    crew.join().await;
    if let lost @ 1.. = shared.spool.lost() {
        tracing::error!(calls = lost, "calls could not be written to the spool");
    }
    ended
}

struct Life {
    sender: ControlSender<FromChild>,
    receiver: ControlReceiver<ToChild>,
    asking: Asking,
    slack: Slack,
    /// What was known before there was a configuration to apply it to.
    recalled: Option<Zeroizing<Vec<u8>>>,
    started: u64,
}

/// Something that the supervisor will hear of.
type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Life {
    async fn tell(&mut self, message: FromChild) -> Result<(), LifeError> {
        Ok(self.sender.send(&message, &[]).await?)
    }

    fn snapshot(&self, config: &RouterConfig, before: Option<&Snapshot>) -> Result<Snapshot, Unusable> {
        Ok(Snapshot::new(config, before, self.started)?)
    }

    /// Waits for the first configuration. `None` = told to end before that.
    async fn configuration(&mut self) -> Result<Option<(u64, RouterConfig)>, LifeError> {
        loop {
            let Some(received) = self.receiver.receive().await? else { return Ok(None) };
            match received.message {
                ToChild::Configure { epoch } => {
                    let config = serde_json::from_slice(&received.body).map_err(Unusable::from)?;
                    return Ok(Some((epoch, config)));
                }
                ToChild::Ping { seq } => self.tell(FromChild::Pong(pulse::read(seq))).await?,
                ToChild::Shutdown | ToChild::Drain { .. } => return Ok(None),
                ToChild::Recall => self.recalled = Some(received.body),
                ToChild::Secret | ToChild::Resume | ToChild::Answer { .. } | ToChild::Ask { .. } => {}
            }
        }
    }

    /// Ready: answers the supervisor until it says stop or is gone.
    async fn obey(&mut self, mut epoch: u64, shared: &Arc<Shared>, crew: &Crew) -> Result<(), LifeError> {
        // Resolves when nobody is left.
        let mut drain: Option<Waiting<()>> = None;
        // Resolves when what is configured is so; the supervisor sends no other until it is told.
        let mut settling: Option<Waiting<u64>> = None;
        let mut report = Report::default();
        loop {
            let received = tokio::select! {
                received = self.receiver.receive() => received?,
                (ask, body) = self.asking.next() => {
                    self.sender.send(&ask, &body).await?;
                    continue;
                }
                (told, body) = report.next(shared) => {
                    self.sender.send(&told, &body).await?;
                    continue;
                }
                () = finished(&mut drain) => {
                    drain = None;
                    self.tell(FromChild::Drained).await?;
                    continue;
                }
                epoch = finished(&mut settling) => {
                    settling = None;
                    self.tell(FromChild::Acked { epoch }).await?;
                    continue;
                }
            };
            let Some(received) = received else { return Ok(()) };
            match received.message {
                ToChild::Ping { seq } => self.answer(seq, epoch, shared, crew).await?,
                ToChild::Configure { epoch: next } => {
                    if let Err(error) = self.apply(&received.body, shared) {
                        let reason = error.to_string();
                        self.tell(FromChild::Rejected { epoch: next, reason }).await?;
                        continue;
                    }
                    epoch = next;
                    let settled = crew.settled(Arc::clone(shared));
                    settling = Some(Box::pin(settled.map(move |()| next)));
                }
                ToChild::Drain { within_ms } => {
                    shared.enter(Stage::Draining);
                    drain = Some(Box::pin(drained(Arc::clone(shared), Duration::from_millis(within_ms))));
                }
                ToChild::Resume => {
                    drain = None;
                    shared.enter(Stage::Serving);
                }
                ToChild::Shutdown => return Ok(()),
                ToChild::Answer { seq } => self.asking.answered(seq, received.body),
                ToChild::Ask { seq } => {
                    let reply = question::answer(&received.body, shared, crew);
                    self.sender.send(&FromChild::Answer { seq }, &reply).await?;
                }
                ToChild::Recall => memory::recall(shared, &received.body),
                // A router has no key; whoever sent one is mistaken, and it is forgotten here.
                ToChild::Secret => tracing::warn!("the supervisor sent a key to the router"),
            }
        }
    }

    async fn answer(&mut self, seq: u64, epoch: u64, shared: &Shared, crew: &Crew) -> Result<(), LifeError> {
        let lag = crew.lag();
        if lag > STUCK {
            tracing::error!(lag_ms = lag.as_millis() as u64, "a thread of the router is stuck");
            return Ok(());
        }
        let (in_flight, calls) = shared.counts();
        self.slack.look(in_flight, calls);
        let mut pulse = pulse::read(seq);
        (pulse.epoch, pulse.in_flight, pulse.calls) = (epoch, in_flight, calls);
        pulse.loop_lag_us = lag.as_micros() as u64;
        self.tell(FromChild::Pong(pulse)).await
    }

    /// A configuration is used whole or not at all.
    fn apply(&self, body: &[u8], shared: &Shared) -> Result<(), Unusable> {
        let config: RouterConfig = serde_json::from_slice(body)?;
        let snapshot = self.snapshot(&config, Some(&shared.snapshot()))?;
        shared.replace(snapshot);
        Ok(())
    }
}

/// Resolves when every client is gone, or was cut because the time was over.
async fn drained(shared: Arc<Shared>, within: Duration) {
    if timeout(within, shared.connections.empty()).await.is_ok() {
        return;
    }
    tracing::warn!(connections = shared.connections.taken(), "the drain took too long: the rest is cut");
    shared.cut();
    // Whoever is still there after that is not listening.
    let _ = timeout(LAST_WORDS, shared.connections.empty()).await;
}

/// Pending for ever while there is nothing to wait for.
async fn finished<T>(waiting: &mut Option<Waiting<T>>) -> T {
    match waiting {
        Some(waiting) => waiting.await,
        None => pending().await,
    }
}

/// The conversation with listeners of the test's own; true = it ended as it should.
#[cfg(test)]
pub(super) async fn converse_for_test(
    args: &Args,
    control: UnixStream,
    adopt: impl Fn(u32) -> io::Result<std::net::TcpListener>,
) -> bool {
    converse(args, control, Spool::new(None), adopt).await.is_ok()
}
