//! The sandbox from inside: this program starts itself, the child enters the sandbox on its only thread
//! and makes the attempts. It has no libtest harness because that would start a thread first.

use libtest_mimic::{Arguments, Failed, Trial};
use protocol::ipc::configure::{SandboxMode, WorkerLimits};
use protocol::ipc::control::{SandboxLevel, SandboxReport};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::process::{Command, ExitCode};
use worker::sandbox::{Probe, Verdict, enter, probe};

const CHILD: &str = "--sandbox-child";
const LIMITS: WorkerLimits = WorkerLimits { memory: 0, files: 64, max_streams: 1, pool_idle: 1 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some(CHILD) {
        return child(&arguments[2..]);
    }
    libtest_mimic::run(&Arguments::from_args(), trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = Probe::ALL
        .into_iter()
        .map(|p| Trial::test(format!("denied::{}", p.name()), move || denied(p)))
        .collect();
    trials.extend(
        Probe::ALL
            .into_iter()
            .filter(|p| !needs_luck(*p))
            .map(|p| Trial::test(format!("allowed_outside::{}", p.name()), move || allowed_outside(p))),
    );
    trials.push(Trial::test("the_report_is_full", the_report_is_full));
    trials.push(Trial::test("off_reports_none", off_reports_none));
    trials.push(Trial::test("required_refuses_a_second_thread", required_refuses_a_second_thread));
    trials.push(Trial::test("required_reports_what_a_filter_takes_away", under_a_filter));
    trials.push(Trial::test("only_the_given_port_can_be_reached", only_the_given_port));
    trials.push(Trial::test("a_worker_can_still_do_its_work", still_works));
    trials.push(Trial::test("memory_and_files_are_bounded", bounded));
    trials.push(Trial::test("no_side_doors", no_side_doors));
    trials
}

/// Whether an unsandboxed attempt succeeds depends on the machine (no state directory, yama, no such port).
fn needs_luck(p: Probe) -> bool {
    matches!(p, Probe::OpenState | Probe::PtraceParent | Probe::ReadParentMem)
}

fn denied(p: Probe) -> Result<(), Failed> {
    let said = run(&["full", "probe", p.name(), ""])?;
    ensure(said.starts_with("denied: "), &said)
}

/// The same attempt without walls, so that the tests above cannot pass for another reason.
fn allowed_outside(p: Probe) -> Result<(), Failed> {
    let said = run(&["off", "probe", p.name(), ""])?;
    ensure(said.starts_with("allowed: "), &said)
}

fn the_report_is_full() -> Result<(), Failed> {
    let said = run(&["full", "report"])?;
    ensure(said.starts_with("Full true true true true true true true []"), &said)
}

fn off_reports_none() -> Result<(), Failed> {
    let said = run(&["off", "report"])?;
    ensure(said.starts_with("None false false true false false false false"), &said)?;
    ensure(said.contains("switched off"), &said)
}

fn required_refuses_a_second_thread() -> Result<(), Failed> {
    let said = run(&["thread", "report"])?;
    ensure(said.contains("refused: ") && said.contains("1 threads were already running"), &said)
}

fn under_a_filter() -> Result<(), Failed> {
    let said = run(&["filtered", "report"])?;
    ensure(said.contains("refused: ") && said.contains("landlock: ") && said.contains("seccomp: "), &said)
}

fn only_the_given_port() -> Result<(), Failed> {
    let (open, closed) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let (open, closed) = (open.local_addr()?, closed.local_addr()?);
    let said = run(&["full", "connect", &open.to_string(), &closed.to_string()])?;
    ensure(said == "open: true, closed: false", &said)
}

fn still_works() -> Result<(), Failed> {
    let said = run(&["full", "work"])?;
    ensure(said == "work done", &said)
}

fn bounded() -> Result<(), Failed> {
    let said = run(&["small", "allocate"])?;
    ensure(said == "files: true, memory: true", &said)
}

fn no_side_doors() -> Result<(), Failed> {
    let said = run(&["full", "doors"])?;
    ensure(said == "[]", &said)
}

/// Starts the child and returns what it said.
fn run(arguments: &[&str]) -> Result<String, Failed> {
    let output = Command::new(std::env::current_exe()?).arg(CHILD).args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the child ended with {}: {said}{complaint}", output.status).into());
    }
    Ok(said)
}

fn ensure(holds: bool, said: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("the child said: {said}").into()) }
}

// --- the child

fn child(arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = match words.as_slice() {
        [mode, task @ ..] => attempt(mode, task),
        [] => Err("no arguments".to_owned()),
    };
    let (text, code) = match said {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(text) => (text, ExitCode::FAILURE),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

fn attempt(mode: &str, task: &[&str]) -> Result<String, String> {
    let ports = match task {
        ["connect", open, ..] => vec![open.parse::<std::net::SocketAddr>().map_err(text)?.port()],
        ["work"] => vec![53],
        _ => vec![],
    };
    let _runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    let entered = match mode {
        "off" => enter(SandboxMode::Off, &LIMITS, &ports),
        "small" => enter(SandboxMode::Required, &WorkerLimits { memory: 256 << 20, ..LIMITS }, &ports),
        "thread" => {
            let (_keep, wait) = std::sync::mpsc::channel::<()>();
            std::thread::Builder::new().spawn(move || wait.recv()).map_err(text)?;
            enter(SandboxMode::Required, &LIMITS, &ports)
        }
        "filtered" => {
            filter_like_systemd()?;
            enter(SandboxMode::Required, &LIMITS, &ports)
        }
        _ => enter(SandboxMode::Required, &LIMITS, &ports),
    };
    match (entered, task) {
        (Err(e), ["report"]) => Ok(format!("refused: {e}")),
        (Err(e), _) => Err(e.to_string()),
        (Ok(report), ["report"]) => Ok(describe(&report)),
        (Ok(_), ["probe", name, argument]) => match Probe::from_name(name) {
            Some(p) => Ok(probe(p, argument).to_string()),
            None => Err(format!("no probe {name}")),
        },
        (Ok(_), ["connect", open, closed]) => Ok(format!(
            "open: {}, closed: {}",
            TcpStream::connect(open).is_ok(),
            matches!(probe(Probe::Connect, closed), Verdict::Allowed(_))
        )),
        (Ok(_), ["work"]) => work(),
        (Ok(_), ["allocate"]) => allocate(),
        (Ok(_), ["doors"]) => Ok(format!("{:?}", doors())),
        (Ok(_), other) => Err(format!("no task {other:?}")),
    }
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

fn describe(r: &SandboxReport) -> String {
    let level = match r.level {
        SandboxLevel::None => "None",
        SandboxLevel::Partial => "Partial",
        SandboxLevel::Full => "Full",
    };
    format!(
        "{level} {} {} {} {} {} {} {} {:?}",
        r.no_new_privs,
        r.not_dumpable,
        r.rlimits,
        r.landlock_files,
        r.landlock_net,
        r.landlock_scope,
        r.seccomp,
        r.missing
    )
}

/// systemd 252's `@system-service` knows neither Landlock nor seccomp: both calls fail with EPERM.
fn filter_like_systemd() -> Result<(), String> {
    use nix::libc;
    use seccompiler::{SeccompAction, SeccompFilter, TargetArch};
    let numbers = [
        libc::SYS_landlock_create_ruleset,
        libc::SYS_landlock_restrict_self,
        libc::SYS_landlock_add_rule,
        libc::SYS_seccomp,
    ];
    let rules = numbers.iter().map(|nr| (*nr, vec![])).collect();
    let deny = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(text)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, deny, arch).map_err(text)?;
    let program: seccompiler::BpfProgram = filter.try_into().map_err(text)?;
    seccompiler::apply_filter(&program).map_err(text)
}

/// What a worker does all day: threads, name resolution, certificates, clocks, its own vital signs.
fn work() -> Result<String, String> {
    let resolved = std::thread::Builder::new()
        .spawn(|| ("localhost", 80).to_socket_addrs().map(Iterator::count))
        .map_err(text)?
        .join()
        .map_err(|_| "the resolver's thread panicked".to_owned())?
        .map_err(|e| format!("localhost cannot be resolved: {e}"))?;
    if resolved == 0 {
        return Err("localhost has no address".to_owned());
    }
    let certificates = rustls_native_certs::load_native_certs();
    if certificates.certs.is_empty() {
        return Err(format!("no certificates: {:?}", certificates.errors));
    }
    std::fs::read_to_string("/proc/self/statm").map_err(|e| format!("statm: {e}"))?;
    let files = std::fs::read_dir("/proc/self/fd").map_err(|e| format!("fd: {e}"))?.count();
    if files == 0 {
        return Err("no open files are listed".to_owned());
    }
    Ok("work done".to_owned())
}

fn allocate() -> Result<String, String> {
    let files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/etc/hosts").ok()).take(100).collect();
    let mut big: Vec<u8> = Vec::new();
    let refused = big.try_reserve_exact(512 << 20).is_err();
    Ok(format!("files: {}, memory: {refused}", files.len() < 64))
}

/// Ways around the walls that a plain probe does not try; what was possible is returned.
fn doors() -> Vec<&'static str> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
    let inet = |kind, protocol| socket(AddressFamily::Inet, kind, SockFlag::empty(), protocol).is_ok();
    let attempts = [
        ("an ordinary TCP socket is denied", !inet(SockType::Stream, None)),
        ("an ordinary UDP socket is denied", !inet(SockType::Datagram, None)),
        ("a raw socket", inet(SockType::Raw, Some(SockProtocol::Icmp))),
        ("SCTP", inet(SockType::Stream, Some(SockProtocol::Sctp))),
        ("a packet socket", socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None).is_ok()),
        ("a vsock", socket(AddressFamily::Vsock, SockType::Stream, SockFlag::empty(), None).is_ok()),
        ("fast open", fast_open()),
        ("dumpable again", nix::sys::prctl::set_dumpable(true).is_ok()),
        ("a user namespace", nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).is_ok()),
        ("private keys", std::fs::read_dir("/etc/ssl/private").is_ok()),
        ("a shadow file", std::fs::File::open("/etc/shadow").is_ok()),
        ("init's environment", std::fs::File::open("/proc/1/environ").is_ok()),
        ("changing a mode", changes_a_mode()),
        ("killing init", nix::sys::signal::kill(nix::unistd::Pid::from_raw(1), None).is_ok()),
        ("killing everyone", nix::sys::signal::kill(nix::unistd::Pid::from_raw(-1), None).is_ok()),
        ("a signal to itself is denied", nix::sys::signal::kill(nix::unistd::Pid::this(), None).is_err()),
    ];
    attempts.into_iter().filter(|(_, possible)| *possible).map(|(name, _)| name).collect()
}

/// A connection made while sending passes Landlock's rules for ports.
fn fast_open() -> bool {
    use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn};
    use std::os::fd::AsRawFd;
    let Ok(fd) = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None) else {
        return false;
    };
    let to = SockaddrIn::new(127, 0, 0, 1, 9);
    let fast = MsgFlags::from_bits_retain(nix::libc::MSG_FASTOPEN);
    let sent = socket::sendto(fd.as_raw_fd(), b"x", &to, fast);
    !matches!(sent, Err(nix::errno::Errno::EPERM | nix::errno::Errno::EACCES))
}

fn changes_a_mode() -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions("/tmp", std::fs::Permissions::from_mode(0o1777)).is_ok()
}
