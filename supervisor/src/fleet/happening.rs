//! What happens to children, in words that are worth keeping. Said to whoever the composition root names; the fleet
//! neither keeps it nor waits.

use super::exit::Cause;
use super::machine::Machine;
use super::member::Member;
use super::shell::role_name;
use protocol::ipc::configure::WorkerState;

/// Said of a worker that is let run in turns only.
pub(super) const HELD: &str = "held back: it takes a whole processor, which its calls do not explain";

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Info,
    Warning,
    Critical,
}

/// One thing that happened to one child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) weight: Weight,
    /// In one dotted word: `worker.exited`.
    pub(crate) kind: String,
    /// The provider's name, or `router`.
    pub(crate) subject: String,
    pub(crate) generation: u64,
    /// One sentence.
    pub(crate) message: String,
    /// What it wrote last, if it is dead.
    pub(crate) last_words: Vec<String>,
}

impl Happening {
    fn of(member: &Member, weight: Weight, what: &str, message: String) -> Self {
        Self {
            weight,
            kind: format!("{}.{what}", role_name(member.work.role())),
            subject: member.name().to_owned(),
            generation: member.generation,
            message,
            last_words: Vec::new(),
        }
    }

    pub(super) fn started(member: &Member, pid: u32) -> Self {
        let message = match member.machine.restarts() {
            0 => format!("process {pid} started"),
            n => format!("process {pid} started; it is restart number {n}"),
        };
        Self::of(member, Weight::Info, "started", message)
    }

    pub(super) fn ready(member: &Member) -> Self {
        Self::of(member, Weight::Info, "ready", "it is ready for calls".to_owned())
    }

    pub(super) fn held(member: &Member) -> Self {
        Self::of(member, Weight::Warning, "held", HELD.to_owned())
    }

    pub(super) fn died(member: &Member, cause: &Cause, last_words: Vec<String>) -> Self {
        Self { last_words, ..Self::of(member, Weight::Warning, "exited", format!("it died: {cause}")) }
    }

    /// What a change of state means, if it is worth a word.
    pub(super) fn changed(member: &Member, before: WorkerState) -> Option<Self> {
        use WorkerState as S;
        let why = |machine: &Machine| machine.explain();
        Some(match (before, member.machine.state()) {
            (S::Failed, S::Failed) | (S::Degraded, S::Degraded) => return None,
            (_, S::Failed) => Self::of(member, Weight::Critical, "failed", why(&member.machine)),
            (_, S::Degraded) => Self::of(member, Weight::Warning, "degraded", why(&member.machine)),
            (S::Degraded, S::Ready) => {
                Self::of(member, Weight::Info, "recovered", "it answers in time again".to_owned())
            }
            (S::Starting | S::Ready | S::Degraded, S::Draining) => Self::of(
                member,
                Weight::Info,
                "draining",
                "it finishes its calls and takes no new ones".to_owned(),
            ),
            (S::Draining | S::Starting | S::Ready | S::Degraded, S::Stopped) => {
                Self::of(member, Weight::Info, "stopped", "it has ended in order".to_owned())
            }
            _other => return None,
        })
    }
}
