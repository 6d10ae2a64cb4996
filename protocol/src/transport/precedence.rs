//! Who goes first at the processors: where threads of ours stand towards each other and the rest of the machine.
//!
//! Owns what the places mean to the scheduler. Never decides who stands where.

use super::inherit::{schedule, scheduling};
use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, getpid};
use std::io;
use std::time::Duration;

/// How a thread stands towards others that want the same processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// As the system has it.
    Usual,
    /// Its share is as large as before, but whoever wakes up need not wait for the end of its turn: its turns are
    /// long, and shorter ones come first (sched_setattr(2), `sched_runtime`; Linux 6.12. Without effect before). Only
    /// whoever has just run beside it waits all the same: it has had more than its share.
    Later,
    /// The same with about a tenth of a share (sched(7), nice values), of which hardly anybody takes too much.
    Lesser,
    /// After everybody: it gets what nobody else wants (`SCHED_IDLE`, sched(7)). Now and then the scheduler finds that
    /// it is owed a moment all the same; so its turns are the shortest there are.
    Last,
}

/// The turns of those who stand behind: from and to what the system takes (sched_setattr(2)).
const LONG_TURN: Duration = Duration::from_millis(20);
const SHORTEST_TURN: Duration = Duration::from_micros(100);

/// Nice values (sched(7)): ten of them leave a tenth of a share.
const LESS: i32 = 10;
const LEAST: i32 = 19;

/// Lets a thread stand so; 0 is the calling one. As usual is as the first thread of the calling process stands, which
/// is not to be moved.
///
/// # Errors
/// The system's: `EPERM` when it is somebody else's, or must not come back from [`Precedence::Lesser`] or
/// [`Precedence::Last`] (sched(7): `RLIMIT_NICE`), `ESRCH` when there is none.
pub fn set_precedence(thread: Pid, precedence: Precedence) -> Result<(), Errno> {
    let usual = scheduling(getpid())?.sched_nice;
    match precedence {
        // 0: the system's own.
        Precedence::Usual => schedule(thread, libc::SCHED_OTHER, usual, Duration::ZERO),
        Precedence::Later => schedule(thread, libc::SCHED_OTHER, usual, LONG_TURN),
        Precedence::Lesser => schedule(thread, libc::SCHED_OTHER, (usual + LESS).min(LEAST), LONG_TURN),
        // The length of its turns is taken from the usual policy only, and stays.
        Precedence::Last => {
            let own = scheduling(thread)?.sched_nice;
            schedule(thread, libc::SCHED_OTHER, own, SHORTEST_TURN)?;
            schedule(thread, libc::SCHED_IDLE, own, SHORTEST_TURN)
        }
    }
}

/// The calling thread gives way from now on, for its work can wait ([`Precedence::Later`]; but not for ever: people look
/// at what it does, also while others want all of the processors).
pub fn give_way() {
    // Where the system does not let it, it stands as before.
    let _ = set_precedence(Pid::from_raw(0), Precedence::Later);
}

/// Lets every thread of a process stand so, and with them those that they start.
///
/// # Errors
/// As [`set_precedence`], of the first thread that does not.
pub fn set_precedence_of_process(process: Pid, precedence: Precedence) -> Result<(), Errno> {
    for thread in threads(process) {
        match set_precedence(thread, precedence) {
            // It ended meanwhile.
            Err(Errno::ESRCH) if thread != process => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Its first one at least: the others of a process that nobody may look into are not shown everywhere (proc(5),
/// `hidepid`).
fn threads(process: Pid) -> Vec<Pid> {
    let listed = || -> io::Result<Vec<Pid>> {
        let entries = std::fs::read_dir(format!("/proc/{process}/task"))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.parse().ok()).map(Pid::from_raw).collect())
    };
    listed().ok().filter(|threads| !threads.is_empty()).unwrap_or_else(|| vec![process])
}

/// How it stands.
///
/// # Errors
/// The system's.
pub fn precedence(thread: Pid) -> Result<Precedence, Errno> {
    let (usual, attributes) = (scheduling(getpid())?.sched_nice, scheduling(thread)?);
    Ok(match attributes.sched_policy.cast_signed() {
        libc::SCHED_IDLE => Precedence::Last,
        _ if attributes.sched_nice > usual => Precedence::Lesser,
        _ if u128::from(attributes.sched_runtime) >= LONG_TURN.as_nanos() => Precedence::Later,
        _ => Precedence::Usual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// In a thread of its own: where one does not come back from the last place, it ends there.
    #[test]
    fn a_thread_stands_where_it_is_put() {
        let oneself = Pid::from_raw(0);
        let stands = move |wanted| set_precedence(oneself, wanted).and_then(|()| precedence(oneself));
        let tried = move || {
            let first = precedence(oneself);
            let later = stands(Precedence::Later);
            let (lesser, last) = (stands(Precedence::Lesser), stands(Precedence::Last));
            (first, later, [lesser, last], stands(Precedence::Usual))
        };
        let (first, later, low, usual) = std::thread::Builder::new().spawn(tried).unwrap().join().unwrap();
        assert_eq!(first, Ok(Precedence::Usual));
        assert_eq!(low, [Ok(Precedence::Lesser), Ok(Precedence::Last)]);
        // Before Linux 6.12 turns have one length.
        assert!(matches!(later, Ok(Precedence::Later | Precedence::Usual)), "{later:?}");
        assert!(matches!(usual, Ok(Precedence::Usual) | Err(Errno::EPERM)), "{usual:?}");
    }

    #[test]
    fn a_process_that_is_not_there_stands_nowhere() {
        let mut child = Command::new("/bin/true").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        child.wait().unwrap();
        assert_eq!(set_precedence(pid, Precedence::Later), Err(Errno::ESRCH));
    }
}
