//! The worker's side of the control conversation, from hello to shutdown. Decides nothing about restarts:
//! it does as the supervisor says, and ends when the supervisor is gone.

use crate::pulse::Heart;
use crate::sandbox;
use crate::serve::{Account, Desk, Provider};
use crate::upstream::{Client, Credential, CredentialError, Key, UpstreamError};
use protocol::dialect::QuirksError;
use protocol::ipc::configure::{Upstream, WorkerConfig};
use protocol::ipc::control::{FromChild, Role, ToChild};
use protocol::ipc::credentials::Credentials;
use protocol::ipc::question::Reply;
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use protocol::transport::control::{ControlError, ControlReceiver, ControlSender, child_end};
use protocol::transport::inherit::{self, InheritError};
use protocol::transport::slack::Slack;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// "Never restart me as I am": the configuration, the key or the sandbox is wrong (`EX_CONFIG`, sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// What the command line tells a worker; nothing secret, it stands in the process list.
#[derive(Clone, Debug)]
pub struct Args {
    pub provider: String,
    pub generation: u64,
    pub build: String,
}

/// Why a worker ends by itself.
#[derive(Debug, thiserror::Error)]
enum LifeError {
    #[error(transparent)]
    Inherit(#[from] InheritError),
    #[error("cannot start the runtime: {0}")]
    Runtime(#[from] io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("the supervisor sent {0} before the configuration")]
    OutOfOrder(&'static str),
    #[error("the configuration cannot be read: {0}")]
    Configuration(#[from] serde_json::Error),
    #[error(transparent)]
    Sandbox(#[from] sandbox::SandboxError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error(transparent)]
    Quirks(#[from] QuirksError),
}

impl LifeError {
    fn exit_code(&self) -> u8 {
        match self {
            LifeError::Configuration(_)
            | LifeError::Sandbox(_)
            | LifeError::Upstream(_)
            | LifeError::Credential(_)
            | LifeError::Quirks(_) => EXIT_CONFIG,
            LifeError::Inherit(_)
            | LifeError::Runtime(_)
            | LifeError::Control(_)
            | LifeError::OutOfOrder(_) => 1,
        }
    }
}

/// The whole life of a worker process. Call it on the main thread, before any other thread exists.
pub fn run(args: &Args) -> ExitCode {
    match live(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(provider = %args.provider, "worker ends: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn live(args: &Args) -> Result<(), LifeError> {
    inherit::name_process();
    let control = inherit::adopt_control()?;
    let listener = inherit::adopt_unix_listener(0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (sender, receiver) = child_end(control)?;
        let listener = UnixListener::from_std(listener)?;
        Life { args, sender, receiver }.run(listener).await
    })
}

struct Life<'a> {
    args: &'a Args,
    sender: ControlSender<FromChild>,
    receiver: ControlReceiver<ToChild>,
}

impl Life<'_> {
    async fn run(mut self, listener: UnixListener) -> Result<(), LifeError> {
        self.tell(FromChild::Hello {
            role: Role::Worker,
            protocol_min: PROTOCOL_MIN,
            protocol_max: PROTOCOL_MAX,
            build: self.args.build.clone(),
            generation: self.args.generation,
        })
        .await?;
        let Some((epoch, config)) = self.configuration().await? else { return Ok(()) };
        let Some(provider) = self.prepare(&config).await? else { return Ok(()) };
        let desk = Arc::new(Desk::new(config, provider));
        let accepting = desk.open(listener);
        self.tell(FromChild::Ready { epoch }).await?;
        let ended = self.obey(epoch, &desk).await;
        accepting.abort();
        desk.cut().await;
        ended
    }

    async fn tell(&mut self, message: FromChild) -> Result<(), LifeError> {
        Ok(self.sender.send(&message, &[]).await?)
    }

    async fn reply(&mut self, seq: u64, reply: &Reply) -> Result<(), LifeError> {
        let body = serde_json::to_vec(reply).unwrap_or_default();
        Ok(self.sender.send(&FromChild::Answer { seq }, &body).await?)
    }

    /// Waits for the first configuration. `None` = told to end before that.
    async fn configuration(&mut self) -> Result<Option<(u64, WorkerConfig)>, LifeError> {
        loop {
            let Some(received) = self.receiver.receive().await? else { return Ok(None) };
            match received.message {
                ToChild::Configure { epoch } => {
                    return Ok(Some((epoch, serde_json::from_slice(&received.body)?)));
                }
                ToChild::Ping { seq } => self.tell(FromChild::Pong(Heart::start().pulse(seq))).await?,
                ToChild::Shutdown | ToChild::Drain { .. } => return Ok(None),
                ToChild::Secret => return Err(LifeError::OutOfOrder("a key")),
                ToChild::Resume | ToChild::Ask { .. } | ToChild::Answer { .. } | ToChild::Recall => {}
            }
        }
    }

    /// Walls up, report, key in. The client reads its certificates before the walls stand.
    async fn prepare(&mut self, config: &WorkerConfig) -> Result<Option<Provider>, LifeError> {
        let Upstream::Http(http) = &config.upstream else {
            self.wall_in(config, &[]).await?;
            return Ok(Some(Provider::demo()));
        };
        let client = Client::new(http, &config.timeouts, config.limits.pool_idle)?;
        self.wall_in(config, &sandbox::ports(http)?).await?;
        let secret = match http.needs_key {
            true => match self.secret().await? {
                Some(secret) => secret,
                None => return Ok(None),
            },
            false => Zeroizing::default(),
        };
        let secret = Credentials::from_bytes(&secret);
        if let Some(login) = secret.proxy_login {
            client.log_in(&http.proxy, login)?;
        }
        let key = secret.key.map(|key| Key::new(key.to_vec()));
        let credential = Credential::new(&http.auth, http.needs_key, key)?.with_headers(&secret.headers)?;
        Ok(Some(Provider::Http(Box::new(Account::new(client, credential, http.clone())?))))
    }

    async fn wall_in(&mut self, config: &WorkerConfig, ports: &[u16]) -> Result<(), LifeError> {
        let report = sandbox::enter(config.sandbox, &config.limits, ports)?;
        for missing in &report.missing {
            tracing::warn!(provider = %config.provider, "sandbox incomplete: {missing}");
        }
        tracing::info!(provider = %config.provider, level = ?report.level, "sandbox entered");
        self.tell(FromChild::Sandboxed(report)).await
    }

    async fn secret(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, LifeError> {
        loop {
            let Some(mut received) = self.receiver.receive().await? else { return Ok(None) };
            match received.message {
                ToChild::Secret => return Ok(Some(std::mem::take(&mut received.body))),
                ToChild::Ping { seq } => self.tell(FromChild::Pong(Heart::start().pulse(seq))).await?,
                ToChild::Shutdown | ToChild::Drain { .. } => return Ok(None),
                ToChild::Configure { .. } | ToChild::Resume => {}
                ToChild::Ask { .. } | ToChild::Answer { .. } | ToChild::Recall => {}
            }
        }
    }

    /// Ready: answers the supervisor until it says stop or is gone.
    async fn obey(&mut self, mut epoch: u64, desk: &Arc<Desk>) -> Result<(), LifeError> {
        let (mut heart, mut slack) = (Heart::start(), Slack::default());
        let (replies, mut replied) = mpsc::channel(8);
        let mut key_news = desk.provider.key_news();
        let mut drained: Option<tokio::task::JoinHandle<()>> = None;
        loop {
            let received = tokio::select! {
                received = self.receiver.receive() => received?,
                () = heart.beat() => continue,
                Ok(()) = key_news.changed() => {
                    let news = *key_news.borrow_and_update();
                    if let Some(news) = news {
                        self.tell(FromChild::Key(news)).await?;
                    }
                    continue;
                }
                Some((seq, reply)) = replied.recv() => {
                    self.reply(seq, &reply).await?;
                    continue;
                }
                () = finished(&mut drained) => {
                    drained = None;
                    self.tell(FromChild::Drained).await?;
                    continue;
                }
            };
            let Some(received) = received else { return Ok(()) };
            match received.message {
                ToChild::Ping { seq } => {
                    let (in_flight, calls) = desk.counts();
                    slack.look(in_flight, calls);
                    let mut pulse = heart.pulse(seq);
                    (pulse.epoch, pulse.in_flight, pulse.calls) = (epoch, in_flight, calls);
                    let moved = serde_json::to_vec(&desk.moved()).unwrap_or_default();
                    self.sender.send(&FromChild::Pong(pulse), &moved).await?;
                }
                ToChild::Configure { epoch: next } => {
                    epoch = next;
                    desk.reconfigure(serde_json::from_slice(&received.body)?);
                    self.tell(FromChild::Acked { epoch }).await?;
                }
                ToChild::Drain { within_ms } => {
                    drained = Some(desk.drain(Duration::from_millis(within_ms)));
                }
                ToChild::Resume => {
                    if let Some(task) = drained.take() {
                        task.abort();
                    }
                    desk.resume();
                }
                ToChild::Shutdown => return Ok(()),
                ToChild::Ask { seq } => desk.question(seq, received.body.to_vec(), &replies),
                ToChild::Answer { .. } | ToChild::Recall => {}
                ToChild::Secret => return Err(LifeError::OutOfOrder("a second key")),
            }
        }
    }
}

/// Pending for ever while there is no task; a drain that was aborted never reports.
async fn finished(task: &mut Option<tokio::task::JoinHandle<()>>) {
    match task {
        Some(task) => {
            let _ = task.await;
        }
        None => std::future::pending().await,
    }
}
