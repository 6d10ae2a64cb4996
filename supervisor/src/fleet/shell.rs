//! Does what machines want done: starts processes, sends, signals, sets alarms. Decides nothing.

use super::alarm::{Alarms, Due};
use super::child::{self, ChildEvent, ChildId, Start};
use super::exit::Cause;
use super::happening::Happening;
use super::machine::{Blow, Effect, Input, Message};
use super::member::{Live, Member, MemberId, Work};
use super::output::Tag;
use super::routing::Routing;
use super::spec::{Grounds, Identity, ProviderSpec, RouterSpec};
use nix::sys::signal::Signal;
use protocol::control::ExitReport;
use protocol::ipc::control::{Role, ToChild};
use protocol::transport::local::{LocalListener, MAX_PATH};
use protocol::transport::precedence::Precedence;
use sha2::{Digest, Sha256};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

/// Length of a generation's token.
const TOKEN: usize = 32;

/// The means of the owner, beside the tree itself.
pub(crate) struct Shell {
    pub(crate) grounds: Grounds,
    pub(crate) alarms: Alarms,
    pub(crate) tasks: TaskTracker,
    pub(crate) events: mpsc::Sender<(ChildId, ChildEvent)>,
    /// Number of the configuration in force, for the workers.
    pub(crate) epoch: u64,
    /// Numbers given out so far.
    pub(crate) members: u64,
    pub(crate) children: u64,
    /// Start children from this executable instead: the one that is to follow ours.
    pub(crate) program: Option<PathBuf>,
}

impl Shell {
    pub(crate) fn next_member(&mut self) -> MemberId {
        self.members += 1;
        MemberId(self.members)
    }

    /// Starts the next process of `member`; the answer is the machine's next input.
    pub(crate) fn spawn(&mut self, member: &mut Member, generation: u64, alone: bool) -> Input {
        let name = member.name().to_owned();
        member.generation = generation;
        (member.report, member.pulse) = (None, None);
        member.places.clear();
        match self.start(member, &name, generation) {
            Ok(live) => {
                let pid = live.child.pid;
                tracing::info!(%name, generation, pid, "{} started", role_name(member.work.role()));
                if member.work.role() == Role::Router {
                    self.recall(&live, alone);
                }
                member.live = Some(live);
                (self.grounds.tell)(Happening::started(member, pid));
                Input::Spawned { generation }
            }
            Err(error) => Input::SpawnFailed(error.to_string()),
        }
    }

    /// A router hears first what its predecessor knew and did; `alone` = that one is gone.
    fn recall(&mut self, live: &Live, alone: bool) {
        let memory = (self.grounds.recollect)(&self.grounds.memory, alone);
        if !memory.is_empty() {
            // A child that takes nothing will be found out by what follows.
            let _ = live.child.send(ToChild::Recall, Zeroizing::new(memory.clone()));
            // Should this one die before it says a word, the one after it needs the same.
            self.grounds.memory = memory;
        }
    }

    /// Another router left the service or ended: the one in service hears what it did, as far as it does not know.
    pub(crate) fn remind(&mut self, router: &Member, alone: bool) {
        if let Some(live) = &router.live {
            self.recall(live, alone);
        }
    }

    fn start(&mut self, member: &Member, name: &str, generation: u64) -> io::Result<Live> {
        self.children += 1;
        let id = ChildId(self.children);
        let role = member.work.role();
        let identity = Identity { role, name: name.to_owned(), generation };
        let mut invocation = (self.grounds.invoke)(&identity);
        if let Some(program) = &self.program {
            invocation.program.clone_from(program);
        }
        let mut token = Zeroizing::new(vec![0; TOKEN]);
        getrandom::fill(&mut token).map_err(|error| io::Error::other(error.to_string()))?;
        let (socket, listeners, spool, secret) = match &member.work {
            Work::Worker(spec) => {
                let socket = LocalListener::bind(&self.socket_path(name, generation))?;
                let listeners = vec![socket.descriptor()?];
                (Some(socket), listeners, None, spec.key.clone())
            }
            Work::Router(spec) => (None, copies(spec)?, self.spool(generation), None),
        };
        let tag = Tag { role: role_name(role), name: name.to_owned(), generation };
        let start = Start { id, invocation, listeners, spool, tag, secret };
        let child = child::spawn(start, &self.tasks, self.events.clone())?;
        Ok(Live { child, socket, token, stands: Precedence::Usual, greed: None })
    }

    /// Without one the router serves all the same, and counts what it cannot record.
    fn spool(&self, generation: u64) -> Option<OwnedFd> {
        let made = (self.grounds.spool)(generation);
        made.inspect_err(|error| tracing::error!("calls will not be recorded: {error}")).ok()
    }

    /// `w-NAME-gN.sock`; a name too long for a socket's path is cut and told apart by its hash.
    fn socket_path(&self, name: &str, generation: u64) -> PathBuf {
        let path = self.grounds.runtime_dir.join(format!("w-{name}-g{generation}.sock"));
        if path.as_os_str().len() <= MAX_PATH {
            return path;
        }
        let hash = Sha256::digest(name.as_bytes());
        let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        self.grounds.runtime_dir.join(format!("w-{hash}-g{generation}.sock"))
    }

    /// Does one thing that needs no answer.
    pub(crate) fn perform(
        &mut self,
        member: &mut Member,
        effect: Effect,
        routing: &Routing,
    ) -> Option<Input> {
        match effect {
            Effect::Send(message) => self.send(member, message, routing),
            Effect::Signal(blow) => {
                if let Some(live) = &member.live {
                    live.child.signal(signal(blow));
                }
                None
            }
            Effect::Arm { timer, number, after } => {
                let due = Due::Timer { member: member.id, timer, number };
                self.alarms.set(Instant::now() + after, due);
                None
            }
            Effect::Crashed(cause) => {
                let last_words = crashed(member, &cause);
                (self.grounds.tell)(Happening::died(member, &cause, last_words));
                None
            }
            // The owner's own.
            Effect::Spawn | Effect::Publish | Effect::Escalate(_) => None,
        }
    }

    fn send(&self, member: &mut Member, message: Message, routing: &Routing) -> Option<Input> {
        let (message, body) = match self.message(member, message, routing) {
            Ok(both) => both,
            Err(error) => return Some(Input::Garbled(format!("its configuration cannot be sent: {error}"))),
        };
        let live = member.live.as_ref()?;
        live.child.send(message, body).err().map(|why| Input::Garbled(why.to_owned()))
    }

    fn message(
        &self,
        member: &mut Member,
        message: Message,
        routing: &Routing,
    ) -> Result<(ToChild, Zeroizing<Vec<u8>>), serde_json::Error> {
        let none = Zeroizing::default();
        Ok(match message {
            Message::Configure => self.configuration(member, routing)?,
            Message::Secret => (ToChild::Secret, key(&member.work)),
            Message::Ping { seq } => (ToChild::Ping { seq }, none),
            Message::Drain(within) => (ToChild::Drain { within_ms: millis(within) }, none),
            Message::Resume => (ToChild::Resume, none),
            Message::Shutdown => (ToChild::Shutdown, none),
        })
    }

    fn configuration(
        &self,
        member: &mut Member,
        routing: &Routing,
    ) -> Result<(ToChild, Zeroizing<Vec<u8>>), serde_json::Error> {
        match &member.work {
            Work::Worker(spec) => {
                let token = member.live.as_ref().map(|live| live.token.to_vec()).unwrap_or_default();
                let body = worker_body(spec, member.generation, token)?;
                member.sent = self.epoch;
                Ok((ToChild::Configure { epoch: self.epoch }, body))
            }
            Work::Router(spec) => {
                let body = routing.body(spec)?;
                member.sent = routing.revision();
                Ok((ToChild::Configure { epoch: member.sent }, body))
            }
        }
    }
}

/// Uniformly random in 0..1; the middle if the system has no randomness to give.
pub(crate) fn chance() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Router => "router",
        Role::Worker => "worker",
    }
}

fn signal(blow: Blow) -> Signal {
    match blow {
        Blow::Terminate => Signal::SIGTERM,
        Blow::Abort => Signal::SIGABRT,
        Blow::Kill => Signal::SIGKILL,
    }
}

fn copies(spec: &RouterSpec) -> io::Result<Vec<OwnedFd>> {
    spec.listeners.iter().map(|bound| bound.socket.as_fd().try_clone_to_owned()).collect()
}

fn key(work: &Work) -> Zeroizing<Vec<u8>> {
    match work {
        Work::Worker(spec) => spec.key.as_ref().map(|key| key.copy()).unwrap_or_default(),
        Work::Router(_) => Zeroizing::default(),
    }
}

fn worker_body(
    spec: &ProviderSpec,
    generation: u64,
    token: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut config = spec.config.clone();
    (config.generation, config.token) = (generation, token);
    serde_json::to_vec(&config).map(Zeroizing::new)
}

/// Notes how it ended; gives its last words.
fn crashed(member: &mut Member, cause: &Cause) -> Vec<String> {
    let (role, generation) = (role_name(member.work.role()), member.generation);
    tracing::warn!(name = %member.name(), generation, "{role} died: {cause}");
    let stderr = std::mem::take(&mut member.last_words);
    let last_words = stderr.clone();
    member.last_exit = Some(ExitReport { at_ms: wall_ms(), cause: cause.to_string(), stderr });
    last_words
}
