//! A child process: the one place that starts processes. Owns the process until it is reaped, its control
//! socket and its standard error; decides nothing.
//!
//! Three tasks a child: one waits for the process, reads its control socket and delivers signals; one
//! writes to the control socket, so that a child that does not read delays nobody; one captures stderr.
//!
//! Before the supervisor executes another program the conversation comes to rest between two messages
//! ([`Child::rest`]); the new program takes the child over from there ([`adopt`]).

use super::exit::Exit;
use super::output::{self, Tag, Tail};
use super::pause::Pause;
use super::process::Process;
use super::spec::{Invocation, Key};
use nix::sys::signal::{Signal, kill};
use protocol::ipc::control::{FromChild, ToChild};
use protocol::transport::control::{ControlReceiver, ControlSender, supervisor_end};
use protocol::transport::inherit::{self, CONTROL, FIRST_LISTENER, SPOOL};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe::Receiver as Pipe;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

/// What every process of the tree is called in the process list.
const ARGV0: &str = "llm-link";
/// Messages waiting for a child that reads slowly; beyond that it counts as not reading at all.
const MAX_OUTGOING: usize = 32;
/// After its death: for its last messages and its last words, should someone else hold their other end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Which process an event is about; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChildId(pub(crate) u64);

/// Something a child did.
#[derive(Debug)]
pub(crate) enum ChildEvent {
    /// With the body that came with it.
    Said(FromChild, Zeroizing<Vec<u8>>),
    /// Its control socket closed.
    Eof,
    /// It sent what is no message.
    Garbled(String),
    /// It is dead and reaped. The last event of a child.
    Exited(Exit),
}

/// What a child is started with.
pub(crate) struct Start {
    pub(crate) id: ChildId,
    pub(crate) invocation: Invocation,
    /// Inherited from fd 4 on.
    pub(crate) listeners: Vec<OwnedFd>,
    /// A router's.
    pub(crate) spool: Option<OwnedFd>,
    pub(crate) tag: Tag,
    /// Never to appear in what is logged of it.
    pub(crate) secret: Option<Key>,
}

/// A running child, from outside. Dropping it stops the messages, not the process.
pub(crate) struct Child {
    pub(crate) id: ChildId,
    pub(crate) pid: u32,
    pub(crate) tail: Tail,
    /// A second descriptor of the control socket and of the pipe of its stderr, to be handed over.
    pub(crate) control: OwnedFd,
    pub(crate) stderr: OwnedFd,
    outgoing: mpsc::Sender<(ToChild, Zeroizing<Vec<u8>>)>,
    signals: mpsc::Sender<Signal>,
    pause: Arc<Pause>,
}

impl Child {
    /// Asks the conversation to come to rest between two messages; resolves when it has, or the child is dead.
    pub(crate) fn rest(&self) -> impl Future<Output = ()> + Send + 'static {
        self.pause.begin()
    }

    /// Nothing waits to be sent to it.
    pub(crate) fn is_quiet(&self) -> bool {
        self.outgoing.capacity() == self.outgoing.max_capacity()
    }

    /// The conversation goes on.
    pub(crate) fn go_on(&self) {
        self.pause.end();
    }

    /// Sends a message, or says why it cannot be taken: the child has not read for a long time.
    pub(crate) fn send(&self, message: ToChild, body: Zeroizing<Vec<u8>>) -> Result<(), &'static str> {
        match self.outgoing.try_send((message, body)) {
            // Closed: it is dead, and the event that says so is on its way.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err("it does not read its control socket"),
        }
    }

    /// Delivers a signal unless the process is gone.
    pub(crate) fn signal(&self, signal: Signal) {
        // A full queue holds signals enough; a closed one means it is gone.
        let _ = self.signals.try_send(signal);
    }
}

/// Becomes another program: the same process, the same children. The descriptors kept for it and what `image` names
/// survive; the service manager's marks of descriptors that are used up are taken away. Returns only on failure.
pub(crate) fn become_program(program: &Path, mark: &str, image: RawFd) -> io::Error {
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(mark, image.to_string());
    for used_up in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        command.env_remove(used_up);
    }
    command.exec()
}

/// Starts a child. Must be called on the main thread: the parent-death signal is bound to the thread.
///
/// # Errors
/// The system's: no memory, no processes or descriptors left, no program.
pub(crate) fn spawn(
    start: Start,
    tasks: &TaskTracker,
    events: mpsc::Sender<(ChildId, ChildEvent)>,
) -> io::Result<Child> {
    let Start { id, invocation, listeners, spool, tag, secret } = start;
    let (ours, theirs) = UnixStream::pair()?;
    let passed = std::iter::once((theirs.into(), CONTROL))
        .chain(listeners.into_iter().zip(FIRST_LISTENER..))
        .chain(spool.map(|file| (file, SPOOL)));
    let mut process = fork(invocation, passed.collect())?;
    let pid = process.id().unwrap_or_default();
    let stderr = process.stderr.take().ok_or_else(|| io::Error::other("no pipe for its stderr"))?;
    let held = Held {
        id,
        pid,
        process: Process::Own(process),
        control: ours.into(),
        stderr: stderr.into_owned_fd()?,
    };
    converse(held, tag, secret, tasks, events)
}

/// What is known of a child that the supervisor's former program started.
pub(crate) struct Adoption {
    pub(crate) id: ChildId,
    pub(crate) pid: u32,
    pub(crate) control: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) tag: Tag,
    pub(crate) secret: Option<Key>,
}

/// Takes over a child of this very process, started by the program it was before.
///
/// # Errors
/// Its descriptors cannot be used.
pub(crate) fn adopt(
    adoption: Adoption,
    tasks: &TaskTracker,
    events: mpsc::Sender<(ChildId, ChildEvent)>,
) -> io::Result<Child> {
    let Adoption { id, pid, control, stderr, tag, secret } = adoption;
    converse(Held { id, pid, process: Process::Adopted(pid), control, stderr }, tag, secret, tasks, events)
}

/// A process and the ends of its pipes.
struct Held {
    id: ChildId,
    pid: u32,
    process: Process,
    control: OwnedFd,
    stderr: OwnedFd,
}

fn converse(
    held: Held,
    tag: Tag,
    secret: Option<Key>,
    tasks: &TaskTracker,
    events: mpsc::Sender<(ChildId, ChildEvent)>,
) -> io::Result<Child> {
    let Held { id, pid, process, control, stderr } = held;
    let (control_copy, stderr_copy) = (control.try_clone()?, stderr.try_clone()?);
    let (sender, receiver) = supervisor_end(control.into())?;
    let (outgoing, to_send) = mpsc::channel(MAX_OUTGOING);
    let (signals, to_deliver) = mpsc::channel(8);
    let (tail, capture) = output::capture(Pipe::from_owned_fd(stderr)?, tag, secret);
    let captured = tasks.spawn(capture);
    let pause = Arc::new(Pause::default());
    tasks.spawn(write(sender, to_send, Arc::clone(&pause)));
    let attend = Attend {
        id,
        process,
        receiver,
        to_deliver,
        events,
        tail: tail.clone(),
        captured,
        pause: Arc::clone(&pause),
    };
    tasks.spawn(attend.run());
    Ok(Child { id, pid, tail, control: control_copy, stderr: stderr_copy, outgoing, signals, pause })
}

fn fork(invocation: Invocation, passed: Vec<(OwnedFd, RawFd)>) -> io::Result<tokio::process::Child> {
    let mut command = std::process::Command::new(&invocation.program);
    command.arg0(ARGV0).args(&invocation.arguments);
    command.env_clear().envs(invocation.environment);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    inherit::prepare(&mut command, passed)?;
    let mut command = Command::from(command);
    command.kill_on_drop(true).spawn()
}

async fn write(
    mut sender: ControlSender<ToChild>,
    mut to_send: mpsc::Receiver<(ToChild, Zeroizing<Vec<u8>>)>,
    pause: Arc<Pause>,
) {
    loop {
        let next = tokio::select! {
            biased;
            next = to_send.recv() => next,
            // Only when nothing waits to be sent.
            () = pause.wanted() => {
                pause.rest().await;
                continue;
            }
        };
        let Some((message, body)) = next else { break };
        if let Err(error) = sender.send(&message, &body).await {
            // The reading side sees the same end, and tells the owner.
            tracing::debug!("control message not delivered: {error}");
            break;
        }
    }
    pause.arrive();
}

/// The task that owns the process.
struct Attend {
    id: ChildId,
    process: Process,
    receiver: ControlReceiver<FromChild>,
    to_deliver: mpsc::Receiver<Signal>,
    events: mpsc::Sender<(ChildId, ChildEvent)>,
    tail: Tail,
    captured: tokio::task::JoinHandle<()>,
    pause: Arc<Pause>,
}

impl Attend {
    async fn run(mut self) {
        let mut reading = true;
        let status = loop {
            let between = self.receiver.is_between_messages();
            tokio::select! {
                biased;
                status = self.process.wait(!reading) => break status,
                Some(signal) = self.to_deliver.recv() => self.deliver(signal),
                () = self.pause.wanted(), if between => self.pause.rest().await,
                event = listen(&mut self.receiver), if reading => {
                    reading = matches!(event, ChildEvent::Said(..));
                    self.tell(event).await;
                }
            }
        };
        self.pause.arrive();
        // What it said before it died comes before the news of its death.
        while reading {
            match timeout(LAST_WORDS, listen(&mut self.receiver)).await {
                Ok(event @ ChildEvent::Said(..)) => self.tell(event).await,
                Ok(_) | Err(_) => reading = false,
            }
        }
        let _ = timeout(LAST_WORDS, &mut self.captured).await;
        let exit = self.exit(status);
        self.tell(ChildEvent::Exited(exit)).await;
    }

    fn exit(&self, status: io::Result<ExitStatus>) -> Exit {
        match status {
            Ok(status) => Exit::read(status, &self.tail.lines()),
            Err(error) => {
                tracing::error!("cannot wait for a child: {error}");
                Exit::Code(-1)
            }
        }
    }

    /// The process is only reaped by this task, so its number cannot belong to anyone else yet.
    fn deliver(&self, signal: Signal) {
        let Some(pid) = self.process.pid() else { return };
        if let Err(error) = kill(pid, signal) {
            tracing::warn!(%pid, "{signal} not delivered: {error}");
        }
    }

    async fn tell(&self, event: ChildEvent) {
        // Without an owner there is nobody to tell; the process dies with this task.
        let _ = self.events.send((self.id, event)).await;
    }
}

/// Cancel-safe.
async fn listen(receiver: &mut ControlReceiver<FromChild>) -> ChildEvent {
    match receiver.receive().await {
        Ok(Some(received)) => ChildEvent::Said(received.message, received.body),
        Ok(None) => ChildEvent::Eof,
        Err(error) => ChildEvent::Garbled(error.to_string()),
    }
}
