//! A worker tries to break out of its own sandbox, harmlessly, and says what happened.
//!
//! Each attempt stops at the permission check: it executes a program that does not exist, sends the null
//! signal, removes what it wrote. Used by the demo provider and by fault tests; never part of a real call.

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::{ptrace, signal};
use nix::unistd::{Pid, getppid};
use protocol::transport::precedence::{precedence, set_precedence};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// Run another program.
    Exec,
    /// Read `/etc/passwd`.
    OpenPasswd,
    /// Read the state of LLM Link: the path in the argument, else the usual places.
    OpenState,
    /// Create a file: at the path in the argument, else in the usual places.
    Write,
    /// Connect to a TCP address: the one in the argument, else port 9 of this host.
    Connect,
    /// Serve on a TCP port.
    Bind,
    /// Make another process.
    Fork,
    /// Signal the supervisor.
    SignalParent,
    /// Make a Unix socket, or connect to the one in the argument.
    UnixSocket,
    /// Trace the supervisor.
    PtraceParent,
    /// Read the supervisor's memory or environment.
    ReadParentMem,
    /// Put the supervisor behind everybody else at the processors.
    Outrank,
}

impl Probe {
    pub const ALL: [Probe; 12] = [
        Probe::Exec,
        Probe::OpenPasswd,
        Probe::OpenState,
        Probe::Write,
        Probe::Connect,
        Probe::Bind,
        Probe::Fork,
        Probe::SignalParent,
        Probe::UnixSocket,
        Probe::PtraceParent,
        Probe::ReadParentMem,
        Probe::Outrank,
    ];

    /// The name in `demo-probe=NAME`.
    pub fn name(self) -> &'static str {
        match self {
            Probe::Exec => "exec",
            Probe::OpenPasswd => "open-passwd",
            Probe::OpenState => "open-state",
            Probe::Write => "write",
            Probe::Connect => "connect",
            Probe::Bind => "bind",
            Probe::Fork => "fork",
            Probe::SignalParent => "signal-parent",
            Probe::UnixSocket => "unix-socket",
            Probe::PtraceParent => "ptrace-parent",
            Probe::ReadParentMem => "read-parent-mem",
            Probe::Outrank => "outrank",
        }
    }

    /// The probe of that name.
    pub fn from_name(name: &str) -> Option<Probe> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// What came of it, with the system's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed(String),
    Denied(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Allowed(how) => write!(f, "allowed: {how}"),
            Verdict::Denied(why) => write!(f, "denied: {why}"),
        }
    }
}

/// Makes the attempt. `argument` is a path or an address where the probe takes one, else empty.
/// Blocks for at most a second.
pub fn probe(probe: Probe, argument: &str) -> Verdict {
    match probe {
        Probe::Exec => exec(),
        Probe::OpenPasswd => first_allowed([read(Path::new("/etc/passwd"))]),
        Probe::OpenState => first_allowed(places(argument, &STATE).iter().map(|p| read(p))),
        Probe::Write => first_allowed(places(argument, &WRITABLE).iter().map(|p| write(p))),
        Probe::Connect => connect(argument),
        Probe::Bind => judge("a listening socket", TcpListener::bind(("127.0.0.1", 0)).map(drop)),
        Probe::Fork => fork(),
        Probe::SignalParent => {
            judge("a signal to the parent", signal::kill(getppid(), None).map_err(into_io))
        }
        Probe::UnixSocket => unix_socket(argument),
        Probe::PtraceParent => trace(getppid()),
        Probe::ReadParentMem => memory(getppid()),
        Probe::Outrank => outrank(getppid()),
    }
}

const STATE: [&str; 4] = ["/var/lib/llm-link", "/run/llm-link", ".", "/root"];
const WRITABLE: [&str; 4] = ["/tmp", "/dev/shm", "/var/tmp", "."];

fn places(argument: &str, usual: &[&str]) -> Vec<PathBuf> {
    let usual = usual.iter().filter(|_| argument.is_empty()).map(PathBuf::from);
    usual.chain((!argument.is_empty()).then(|| PathBuf::from(argument))).collect()
}

/// Only a permission error is a denial: a refused connection got past the walls.
fn judge(what: &str, outcome: io::Result<()>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Allowed(what.to_owned()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Verdict::Denied(format!("{what}: {e}")),
        Err(e) => Verdict::Allowed(format!("{what}, which then failed: {e}")),
    }
}

fn into_io(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno as i32)
}

/// One way out is enough.
fn first_allowed(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut why = Vec::new();
    for verdict in verdicts {
        match verdict {
            Verdict::Allowed(_) => return verdict,
            Verdict::Denied(reason) => why.push(reason),
        }
    }
    Verdict::Denied(why.join("; "))
}

/// Missing files say nothing about the walls and count as denied.
fn read(path: &Path) -> Verdict {
    let what = format!("reading {}", path.display());
    let outcome =
        if path.is_dir() { std::fs::read_dir(path).map(drop) } else { std::fs::File::open(path).map(drop) };
    match outcome {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Verdict::Denied(format!("{what}: {e}")),
        other => judge(&what, other),
    }
}

fn write(place: &Path) -> Verdict {
    let name = format!("llm-link-probe-{}", std::process::id());
    let path = if place.is_dir() { place.join(name) } else { place.to_owned() };
    let what = format!("creating {}", path.display());
    match std::fs::File::create_new(&path) {
        Ok(_) => {
            let removed = std::fs::remove_file(&path);
            Verdict::Allowed(if removed.is_ok() { what } else { format!("{what}, and it is still there") })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Verdict::Denied(format!("{what}: {e}")),
        Err(e) => judge(&what, Err(e)),
    }
}

fn connect(argument: &str) -> Verdict {
    let discard = SocketAddr::from(([127, 0, 0, 1], 9));
    let address = if argument.is_empty() { Ok(discard) } else { argument.parse() };
    match address {
        Ok(address) => {
            let outcome = TcpStream::connect_timeout(&address, Duration::from_millis(500));
            judge(&format!("connecting to {address}"), outcome.map(drop))
        }
        Err(e) => Verdict::Denied(format!("{argument} is not an address: {e}")),
    }
}

fn exec() -> Verdict {
    let Err(errno) = nix::unistd::execv(c"/nonexistent/llm-link-probe", &[c"probe"]);
    judge("exec", Err(into_io(errno)))
}

/// The program does not exist, so the new process ends before it runs anything.
fn fork() -> Verdict {
    let spawned = std::process::Command::new("/nonexistent/llm-link-probe").spawn();
    judge("a new process", spawned.map(drop))
}

fn unix_socket(argument: &str) -> Verdict {
    use std::os::unix::net::{UnixDatagram, UnixStream};
    if argument.is_empty() {
        let abstract_too = judge("a pair of Unix sockets", UnixStream::pair().map(drop));
        return first_allowed([judge("a Unix socket", UnixDatagram::unbound().map(drop)), abstract_too]);
    }
    judge(&format!("connecting to {argument}"), UnixStream::connect(argument).map(drop))
}

/// Seizing does not stop the traced process, and it is let go at once.
fn trace(parent: Pid) -> Verdict {
    let seized = ptrace::seize(parent, ptrace::Options::empty());
    if seized.is_ok() {
        let _ = ptrace::interrupt(parent);
        let _ = ptrace::detach(parent, None);
    }
    judge("tracing the parent", seized.map_err(into_io))
}

fn memory(parent: Pid) -> Verdict {
    let by_path =
        ["environ", "mem", "maps"].map(|file| read(&PathBuf::from(format!("/proc/{parent}/{file}"))));
    let mut buffer = [0_u8; 1];
    let mut local = [io::IoSliceMut::new(&mut buffer)];
    // An address that is mapped in no process: past the permission check this is EFAULT.
    let remote = [RemoteIoVec { base: 8, len: 1 }];
    let by_call = process_vm_readv(parent, &mut local, &remote).map(drop).map_err(into_io);
    first_allowed(by_path.into_iter().chain([judge("reading the parent's memory", by_call)]))
}

/// Says again what is so: the permission is checked all the same, and nothing changes.
fn outrank(parent: Pid) -> Verdict {
    let stands = precedence(parent).and_then(|now| set_precedence(parent, now));
    judge("another place for the parent at the processors", stands.map_err(into_io))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for p in Probe::ALL {
            assert_eq!(Probe::from_name(p.name()), Some(p));
        }
        assert_eq!(Probe::from_name("exec "), None);
    }

    #[test]
    fn only_a_permission_error_is_a_denial() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(matches!(judge("x", Err(refused)), Verdict::Allowed(_)));
        assert!(matches!(judge("x", Err(into_io(Errno::EACCES))), Verdict::Denied(_)));
        assert!(matches!(judge("x", Err(into_io(Errno::EPERM))), Verdict::Denied(_)));
        assert_eq!(judge("x", Ok(())).to_string(), "allowed: x");
    }
}
