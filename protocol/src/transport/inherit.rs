//! Descriptors handed from the supervisor to a child at fixed numbers, and the few things a child process
//! must be before its program starts; the one word to the allocator, and the one to the scheduler. The one file of the
//! project with `unsafe`; it never reads or writes a descriptor, and knows no message.
//!
//! Parent: [`prepare`] installs one hook that runs in the child between `fork` and `exec`:
//!
//! 1. die with the parent (`PR_SET_PDEATHSIG`, then a look at `getppid` for the race);
//! 2. a process group of its own, so that a terminal's signals reach the parent alone, default signal actions, an empty
//!    signal mask. Not a session: where each session has its share of the processors (`autogroup`, sched(7)), the
//!    children's places among each other ([`super::precedence`]) would mean nothing;
//! 3. everything from fd 3 on is closed by `exec` (`close_range(2)`), except what is passed on purpose.
//!
//! The hook makes system calls only: no allocation, no lock, no formatting (`signal-safety(7)`).
//! `PR_SET_PDEATHSIG` fires when the *thread* that forked ends: spawn from the main thread only.
//!
//! A supervisor that replaces its own program ([`keep`], [`resume`]) hands descriptors to itself: copies with
//! numbers from [`FIRST_KEPT`] on survive its exec, and the program that comes takes them over by number.
//!
//! Child: [`adopt_control`], [`adopt_tcp_listener`], [`adopt_unix_listener`], [`adopt_spool`], first thing in `main`,
//! before anything else opens a descriptor.

#![expect(unsafe_code, reason = "descriptors cross an exec as bare numbers; this is the one audited place")]

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::socket::{
    AddressFamily, SockType, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt,
};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{Pid, getpid, getppid, setpgid};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Number of the control socket in every child.
pub const CONTROL: RawFd = 3;
/// Number of the first listener in a child; the others follow without a gap.
pub const FIRST_LISTENER: RawFd = 4;
/// Most descriptors a child can be given, the control socket included.
pub const MAX_PASSED: usize = 64;
/// Number of the router's spool: the last one, so that no number of listeners moves it.
pub const SPOOL: RawFd = CONTROL + MAX_PASSED as RawFd - 1;

/// What every process of the tree is called in `ps -o comm` and `/proc/PID/comm`.
const PROCESS_NAME: &std::ffi::CStr = c"llm-link";

/// Least number of a descriptor that a supervisor hands to itself: above everything that a start opens before
/// it takes them over.
pub const FIRST_KEPT: RawFd = 200;

/// Gives what is free inside the allocator's heap back to the system (malloc_trim(3)): a few milliseconds for some tens
/// of megabytes, to be done when nothing is under way.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer, and is safe to call at any time from any thread (MT-Safe, malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Schedules a thread by that policy, with that nice value, in turns of that length (sched_setattr(2)).
pub(super) fn schedule(thread: Pid, policy: i32, nice: i32, turn: Duration) -> Result<(), Errno> {
    let mut attributes = scheduling(thread)?;
    attributes.sched_policy = policy.cast_unsigned();
    attributes.sched_nice = nice;
    attributes.sched_runtime = u64::try_from(turn.as_nanos()).unwrap_or_default();
    // SAFETY: the structure lives until the call returns, begins with its own size, and is only read.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, thread.as_raw(), &raw const attributes, 0) };
    Errno::result(done).map(drop)
}

/// How a thread is scheduled (sched_getattr(2)).
pub(super) fn scheduling(thread: Pid) -> Result<libc::sched_attr, Errno> {
    // SAFETY: a structure of integers, for which zeroes are values.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    attributes.size = u32::try_from(size).unwrap_or_default();
    // SAFETY: at most as many bytes as the structure has are written, and it is ours alone.
    let done = unsafe {
        libc::syscall(libc::SYS_sched_getattr, thread.as_raw(), &raw mut attributes, attributes.size, 0)
    };
    Errno::result(done).map(|_| attributes)
}

/// Why descriptors could not be passed on or taken over.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    #[error("descriptor {number} cannot be passed on: numbers are 3 to {max}, each once", max = 3 + MAX_PASSED - 1)]
    Number { number: RawFd },
    #[error(
        "descriptor {number} was not inherited (routers and workers are started by the supervisor, not by hand)"
    )]
    Missing { number: RawFd },
    #[error(
        "descriptor {number} is not {wanted} (routers and workers are started by the supervisor, not by hand)"
    )]
    Kind { number: RawFd, wanted: &'static str },
    #[error("descriptor {number} was taken over before")]
    Taken { number: RawFd },
    #[error("descriptor {number}: {source}")]
    System { number: RawFd, source: Errno },
}

/// Makes the next spawn of `command` pass exactly these descriptors at these numbers (3 and up, each once)
/// besides stdin, stdout and stderr. The command owns them; dropping it closes the parent's copies.
///
/// # Errors
/// [`InheritError::Number`] for a number out of range or used twice, [`InheritError::System`] when the
/// numbers cannot be reserved. What goes wrong in the child itself is the error of `spawn`.
pub fn prepare(command: &mut Command, passed: Vec<(OwnedFd, RawFd)>) -> Result<(), InheritError> {
    check_numbers(&passed)?;
    let placeholders = reserve(&passed)?;
    let above = passed.iter().map(|(_, number)| number + 1).max().unwrap_or(CONTROL);
    let mut staged: Vec<RawFd> = vec![-1; passed.len()];
    let parent = getpid();
    let hook = move || {
        let _held = &placeholders;
        die_with(parent)?;
        setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        reset_signals()?;
        close_on_exec_from(CONTROL)?;
        for ((source, _), stage) in passed.iter().zip(staged.iter_mut()) {
            *stage = fcntl(source, FcntlArg::F_DUPFD_CLOEXEC(above))?;
        }
        for ((_, number), stage) in passed.iter().zip(staged.iter()) {
            // SAFETY: both are plain numbers in a process that is about to exec; `stage` was opened just
            // above, and nothing in this single-threaded child owns `number` beyond the exec.
            Errno::result(unsafe { libc::dup2(*stage, *number) })?;
        }
        Ok(())
    };
    // SAFETY: the hook only makes async-signal-safe system calls on values prepared before the fork; it
    // neither allocates nor locks, and its errors are plain errno values.
    unsafe { command.pre_exec(hook) };
    Ok(())
}

/// A copy of `fd` that survives an exec of this process, and its number. Dropping it closes the copy: should the
/// exec fail, nothing is left behind.
///
/// # Errors
/// No descriptor is left.
pub fn keep(fd: impl AsFd) -> Result<OwnedFd, InheritError> {
    let kept = fcntl(fd, FcntlArg::F_DUPFD(FIRST_KEPT))
        .map_err(|source| InheritError::System { number: FIRST_KEPT, source })?;
    // SAFETY: `kept` was opened by the call above and is owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(kept) })
}

/// Descriptors taken over by [`resume`] so far.
static RESUMED: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// Takes over what this process kept ([`keep`]) before it executed the program it now is: close-on-exec. Whoever
/// calls it has the number from a memory of that time, and calls before anything else opens a descriptor.
///
/// # Errors
/// When there is no such descriptor, or it was taken over before.
pub fn resume(number: RawFd) -> Result<OwnedFd, InheritError> {
    if number < FIRST_KEPT {
        return Err(InheritError::Number { number });
    }
    if !RESUMED.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
        return Err(InheritError::Taken { number });
    }
    // SAFETY: changes a flag of a number that may or may not be open; EBADF is the answer then.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(InheritError::Missing { number });
    }
    // SAFETY: the number is open, `RESUMED` says that nobody took it over, and the start of this program opens
    // nothing with so high a number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Gives this process the name every process of the tree has; `exec` of `/proc/self/exe` leaves `exe`.
pub fn name_process() {
    // Cosmetic: it fails only for a bad address, which a constant is not.
    let _ = prctl::set_name(PROCESS_NAME);
}

/// Takes over the control socket from fd 3: close-on-exec, nonblocking.
///
/// # Errors
/// When fd 3 is not a connected local stream socket, with a text for someone who started the role by hand.
pub fn adopt_control() -> Result<UnixStream, InheritError> {
    adopt(CONTROL, Wanted::LocalStream).map(UnixStream::from)
}

/// Takes over the inherited TCP listener of this index (0 is fd 4): close-on-exec, nonblocking.
///
/// # Errors
/// When that descriptor is missing, is no listening TCP socket, or was taken over before.
pub fn adopt_tcp_listener(index: u32) -> Result<TcpListener, InheritError> {
    adopt(listener_number(index)?, Wanted::TcpListener).map(TcpListener::from)
}

/// Takes over the inherited local listener of this index (0 is fd 4): close-on-exec, nonblocking.
///
/// # Errors
/// When that descriptor is missing, is no listening local socket, or was taken over before.
pub fn adopt_unix_listener(index: u32) -> Result<UnixListener, InheritError> {
    adopt(listener_number(index)?, Wanted::LocalListener).map(UnixListener::from)
}

/// Takes over the spool: close-on-exec.
///
/// # Errors
/// When that descriptor is missing, is no file to append to, or was taken over before.
pub fn adopt_spool() -> Result<File, InheritError> {
    adopt(SPOOL, Wanted::Appendable).map(File::from)
}

/// Takes over a listening TCP socket that the service manager left at this number: close-on-exec, nonblocking.
///
/// # Errors
/// When that descriptor is missing, is no listening TCP socket, or was taken over before.
pub fn adopt_activated(number: RawFd) -> Result<TcpListener, InheritError> {
    adopt(number, Wanted::TcpListener).map(TcpListener::from)
}

fn listener_number(index: u32) -> Result<RawFd, InheritError> {
    RawFd::try_from(index)
        .ok()
        .and_then(|i| i.checked_add(FIRST_LISTENER))
        .filter(|number| in_range(*number) && *number < SPOOL)
        .ok_or(InheritError::Number { number: RawFd::MAX })
}

fn in_range(number: RawFd) -> bool {
    (CONTROL..CONTROL + MAX_PASSED as RawFd).contains(&number)
}

fn check_numbers(passed: &[(OwnedFd, RawFd)]) -> Result<(), InheritError> {
    let mut seen = 0u64;
    for (_, number) in passed {
        let bit = if in_range(*number) { 1 << (number - CONTROL) } else { 0 };
        if bit == 0 || seen & bit != 0 {
            return Err(InheritError::Number { number: *number });
        }
        seen |= bit;
    }
    Ok(())
}

/// Occupies the target numbers in the parent, as far as they are free: the pipe through which std reports
/// a failed exec is opened at spawn and must not land on one of them, or the hook would overwrite it.
fn reserve(passed: &[(OwnedFd, RawFd)]) -> Result<Vec<OwnedFd>, InheritError> {
    let mut held = Vec::with_capacity(passed.len());
    for (source, number) in passed {
        let got = fcntl(source, FcntlArg::F_DUPFD_CLOEXEC(*number))
            .map_err(|source| InheritError::System { number: *number, source })?;
        // SAFETY: `got` was opened by the call above and is owned by nobody else.
        let got = unsafe { OwnedFd::from_raw_fd(got) };
        if got.as_raw_fd() == *number {
            held.push(got);
        }
    }
    Ok(held)
}

fn die_with(parent: Pid) -> Result<(), Errno> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The parent may have died before the line above: then nothing will ever kill us.
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Ignored signals and the mask survive an exec; a child starts with neither.
fn reset_signals() -> Result<(), Errno> {
    for number in 1..=libc::SIGSYS {
        // SAFETY: SIG_DFL installs no code. SIGKILL and SIGSTOP answer EINVAL, which is right.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: passes three integers; marks descriptors, closes none.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match Errno::result(done) {
        Ok(_) => Ok(()),
        // Kernels before 5.11 lack the call or its flag; seccomp filters may answer EPERM.
        Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => mark_one_by_one(first),
        Err(errno) => Err(errno),
    }
}

fn mark_one_by_one(first: RawFd) -> Result<(), Errno> {
    let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    let last = RawFd::try_from(soft.min(65_536)).unwrap_or(65_536);
    for number in first..last {
        // SAFETY: changes a flag of a number; EBADF for the unused ones is expected.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// What a descriptor must be to be taken over.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    LocalStream,
    LocalListener,
    TcpListener,
    Appendable,
}

impl Wanted {
    fn text(self) -> &'static str {
        match self {
            Self::LocalStream => "a connected local socket",
            Self::LocalListener => "a listening local socket",
            Self::TcpListener => "a listening TCP socket",
            Self::Appendable => "a file to append to",
        }
    }

    fn fits(self, fd: &OwnedFd) -> Result<bool, Errno> {
        if matches!(self, Self::Appendable) {
            let kind = SFlag::from_bits_truncate(fstat(fd)?.st_mode) & SFlag::S_IFMT;
            let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
            return Ok(kind == SFlag::S_IFREG && flags.contains(OFlag::O_APPEND));
        }
        if getsockopt(fd, sockopt::SockType)? != SockType::Stream {
            return Ok(false);
        }
        let listens = getsockopt(fd, sockopt::AcceptConn)?;
        let family = getsockname::<SockaddrStorage>(fd.as_raw_fd())?.family();
        let local = family == Some(AddressFamily::Unix);
        let inet = matches!(family, Some(AddressFamily::Inet | AddressFamily::Inet6));
        Ok(match self {
            Self::LocalStream => local && !listens,
            Self::LocalListener => local && listens,
            Self::TcpListener => inet && listens,
            Self::Appendable => false,
        })
    }
}

/// One bit per number from [`CONTROL`] on: an owner exists.
static TAKEN: AtomicU64 = AtomicU64::new(0);

fn adopt(number: RawFd, wanted: Wanted) -> Result<OwnedFd, InheritError> {
    if !in_range(number) {
        return Err(InheritError::Number { number });
    }
    let bit = 1u64 << (number - CONTROL);
    if TAKEN.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
        return Err(InheritError::Taken { number });
    }
    let result = claim(number, wanted);
    if result.is_err() {
        TAKEN.fetch_and(!bit, Ordering::AcqRel);
    }
    result
}

fn claim(number: RawFd, wanted: Wanted) -> Result<OwnedFd, InheritError> {
    // SAFETY: reads a flag of a number that may or may not be open.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(InheritError::Missing { number });
    }
    // SAFETY: the number is open, and `TAKEN` says that nobody in this process owns it: the roles take
    // their descriptors over before they open anything else.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    match wanted.fits(&fd) {
        Ok(true) => {}
        Ok(false) | Err(Errno::ENOTSOCK) => {
            // It is not ours to close.
            let _ = std::os::fd::IntoRawFd::into_raw_fd(fd);
            return Err(InheritError::Kind { number, wanted: wanted.text() });
        }
        Err(source) => {
            let _ = std::os::fd::IntoRawFd::into_raw_fd(fd);
            return Err(InheritError::System { number, source });
        }
    }
    settle(&fd, wanted).map_err(|source| InheritError::System { number, source })?;
    Ok(fd)
}

/// Close-on-exec and nonblocking: a blocking inherited socket would block a whole runtime. Files know no such thing.
fn settle(fd: &OwnedFd, wanted: Wanted) -> Result<(), Errno> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    if matches!(wanted, Wanted::Appendable) {
        return Ok(());
    }
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

impl From<InheritError> for io::Error {
    fn from(error: InheritError) -> Self {
        io::Error::other(error)
    }
}

#[cfg(test)]
mod tests;
