//! How a child ended, and why. Pure: reads a wait status and the last lines the child wrote.

use nix::sys::signal::Signal;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// "Never restart me as I am" (`EX_CONFIG` of sysexits.h).
const CONFIG: i32 = 78;
/// A Rust program that panicked on its main thread.
const PANIC: i32 = 101;

/// How a process ended, as the kernel and its last words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    /// SIGABRT after an allocation failed: the memory limit.
    OomAbort,
}

impl Exit {
    /// Reads a wait status; `tail` is what the process wrote last.
    pub(crate) fn read(status: ExitStatus, tail: &[String]) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) if signal == Signal::SIGABRT as i32 && out_of_memory(tail) => Self::OomAbort,
            (None, Some(signal)) => Self::Signal(signal),
            // Neither an exit nor a signal: `wait` does not report that without being asked to.
            (None, None) => Self::Code(-1),
        }
    }
}

/// The words of Rust's allocation error and of C++ and C libraries that may be linked.
fn out_of_memory(tail: &[String]) -> bool {
    let said = |line: &String| {
        line.contains("memory allocation of") || line.contains("out of memory") || line.contains("bad_alloc")
    };
    tail.iter().rev().take(10).any(said)
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(CONFIG) => write!(f, "exit code 78: its configuration, key or sandbox is wrong"),
            Self::Code(PANIC) => write!(f, "exit code 101: it panicked"),
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::OomAbort => write!(f, "out of memory: its memory limit was reached"),
        }
    }
}

/// Why a child is gone, or has to go, although it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// It ended by itself.
    Exit(Exit),
    /// It could not be started at all.
    Spawn(String),
    /// Not ready in time.
    StartTimeout,
    /// No answer to pings.
    Watchdog,
    /// It is not the program this supervisor knows: another protocol version, role or generation.
    Mismatch(String),
    /// It broke the rules of the conversation.
    Protocol(String),
    /// The sandbox it reached is less than what is required.
    Sandbox(String),
    /// It refused its configuration.
    Rejected(String),
    /// Its control socket closed while it went on running.
    ControlLost,
}

impl Cause {
    /// Starting it again as it is cannot help.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::Exit(Exit::Code(code)) => *code == CONFIG,
            Self::Sandbox(_) | Self::Rejected(_) | Self::Mismatch(_) => true,
            Self::Exit(Exit::Signal(_) | Exit::OomAbort) | Self::Spawn(_) => false,
            Self::StartTimeout | Self::Watchdog | Self::Protocol(_) | Self::ControlLost => false,
        }
    }

    /// Killed from outside (an operator, the kernel's OOM killer): says nothing about the program's state.
    pub(crate) fn is_foreign_kill(&self) -> bool {
        *self == Self::Exit(Exit::Signal(Signal::SIGKILL as i32))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(exit) => exit.fmt(f),
            Self::Spawn(error) => write!(f, "cannot be started: {error}"),
            Self::StartTimeout => write!(f, "not ready in time"),
            Self::Watchdog => write!(f, "no answer to pings"),
            Self::Mismatch(what) => write!(f, "not the program of this supervisor: {what}"),
            Self::Protocol(what) => write!(f, "protocol error: {what}"),
            Self::Sandbox(what) => write!(f, "the sandbox is required but incomplete: {what}"),
            Self::Rejected(what) => write!(f, "configuration refused: {what}"),
            Self::ControlLost => write!(f, "its control socket closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_are_told_apart() {
        let words = [String::from("memory allocation of 1099511627776 bytes failed")];
        let cases = [
            (0, &[][..], "exit code 0"),
            (78 << 8, &[], "exit code 78: its configuration, key or sandbox is wrong"),
            (9, &[], "killed by SIGKILL"),
            (6, &[], "killed by SIGABRT"),
            (6, &words, "out of memory: its memory limit was reached"),
            (9, &words, "killed by SIGKILL"),
            (60, &[], "killed by signal 60"),
        ];
        for (raw, tail, text) in cases {
            assert_eq!(Exit::read(ExitStatus::from_raw(raw), tail).to_string(), text);
        }
    }

    #[test]
    fn only_what_cannot_heal_is_permanent() {
        assert!(Cause::Exit(Exit::Code(78)).is_permanent());
        assert!(Cause::Sandbox("no landlock".into()).is_permanent());
        for cause in [Cause::Exit(Exit::Code(1)), Cause::Watchdog, Cause::Spawn("no memory".into())] {
            assert!(!cause.is_permanent(), "{cause}");
        }
    }
}
