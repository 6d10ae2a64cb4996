//! `[server]`: addresses, directories, bounds.

use super::app::{self, Guard};
use super::value::{bytes, count, milliseconds, word};
use super::{Context, or_default};
use crate::settings::directories as defaults;
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::quantity;
use crate::settings::raw::keys::server as keys;
use crate::settings::raw::{RawRetry, RawServer};
use crate::settings::resolved::{Directories, Listener, Runtime, Server};
use protocol::ipc::configure::{Retry, RouterLimits};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DAY: u64 = 24 * 3_600_000;
const GIB: u64 = 1 << 30;
const KIB: u64 = 1 << 10;
/// Below it the sockets of workers with the longest names still fit the 108 bytes of unix(7).
const LONGEST_RUNTIME_DIR: usize = 80;

pub(super) fn server(
    mut raw: RawServer,
    guard: Guard,
    context: Context<'_>,
    findings: &mut Findings,
) -> Server {
    let directories = directories(&raw, context, findings);
    let hosts = raw.apps.take().unwrap_or_default();
    let mut listeners = listeners(raw.listen.take(), (raw.open.take(), &hosts), guard, findings);
    choose_admin(&mut listeners, raw.admin.take(), findings);
    let threads = count(raw.threads.take(), 0, 0..=1024, keys::THREADS, findings);
    let runtimes = [("multi", Runtime::Multi), ("per-core", Runtime::PerCore)];
    let runtime = word(raw.runtime.take(), &runtimes, keys::RUNTIME, findings);
    Server {
        listeners,
        directories,
        retry: app::retry(tries(&mut raw), Retry::default(), findings),
        utc_offset_min: utc_offset(raw.utc_offset.take(), findings),
        limits: limits(raw, findings),
        threads: (threads > 0).then_some(threads),
        runtime,
    }
}

/// What is said of tries here holds for every app that says nothing itself.
fn tries(raw: &mut RawServer) -> RawRetry {
    RawRetry {
        max_attempts: raw.max_attempts.take(),
        attempts_per_provider: raw.attempts_per_provider.take(),
        backoff: None,
        deadline: raw.deadline.take(),
        after_timeout: None,
    }
}

fn utc_offset(typed: Option<Typed<String>>, findings: &mut Findings) -> i32 {
    let Some(typed) = typed else { return 0 };
    if let Some(minutes) = quantity::utc_offset(&typed.value) {
        return minutes;
    }
    let what = format!("`{}` is no distance from UTC", typed.value.escape_debug());
    findings.mistake(&typed.place, what, keys::UTC_OFFSET.example);
    0
}

fn limits(raw: RawServer, found: &mut Findings) -> RouterLimits {
    RouterLimits {
        body_bytes: bytes(raw.body_limit, 64 << 20, KIB..=4 * GIB, keys::BODY_LIMIT, found),
        hold_bytes: bytes(raw.hold_limit, 8 << 20, KIB..=GIB, keys::HOLD_LIMIT, found),
        header_bytes: bytes(raw.header_limit, 64 << 10, 8 * KIB..=1024 * KIB, keys::HEADER_LIMIT, found),
        read_timeout_ms: milliseconds(raw.read_timeout, 30_000, 100..=DAY, keys::READ_TIMEOUT, found),
        connections: count(raw.connections, 10_000, 1..=1_000_000, keys::CONNECTIONS, found),
        drain_ms: milliseconds(raw.drain_timeout, 120_000, 0..=DAY, keys::DRAIN_TIMEOUT, found),
    }
}

/// State and sockets. Whoever chooses the state directory gets the sockets below it, so that two instances
/// never meet in one runtime directory.
pub(super) fn directories(raw: &RawServer, context: Context<'_>, findings: &mut Findings) -> Directories {
    let state = directory(&raw.state_dir, keys::STATE_DIR.name, context, findings);
    let own_runtime = directory(&raw.runtime_dir, keys::RUNTIME_DIR.name, context, findings);
    let runtime = own_runtime.or_else(|| match &state {
        Some(chosen) => Some(defaults::runtime_below(chosen)),
        None => defaults::runtime(context.secrets, context.account),
    });
    let state = state.or_else(|| defaults::state(context.secrets, context.account)).unwrap_or_else(|| {
        let what = "there is no directory for state: neither $XDG_STATE_HOME nor $HOME is an absolute path";
        findings.mistake(&Place::Whole, what, keys::STATE_DIR.example);
        PathBuf::new()
    });
    let runtime = runtime.unwrap_or_else(|| defaults::runtime_below(&state));
    let length = runtime.as_os_str().len();
    if length > LONGEST_RUNTIME_DIR {
        let place =
            raw.runtime_dir.as_ref().or(raw.state_dir.as_ref()).map_or(Place::Whole, |t| t.place.clone());
        let what = format!(
            "the directory for sockets has a path of {length} bytes; more than {LONGEST_RUNTIME_DIR} do not fit a socket's address"
        );
        findings.mistake(&place, what, keys::RUNTIME_DIR.example);
    }
    Directories { state, runtime }
}

fn directory(
    typed: &Option<Typed<String>>,
    key: &str,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let typed = typed.as_ref()?;
    if typed.value.is_empty() || typed.value.contains('\0') {
        let example = format!(r#"{key} = "/var/lib/llm-link""#);
        findings.mistake(&typed.place, format!("`{key}` is no path"), example);
        return None;
    }
    Some(match (context.base, &typed.place) {
        (Some(base), Place::Byte(_)) => base.join(&typed.value),
        (_, _) => PathBuf::from(&typed.value),
    })
}

fn listeners(
    typed: Option<Vec<Typed<String>>>,
    (open, hosts): (Option<Typed<bool>>, &[Host]),
    guard: Guard,
    findings: &mut Findings,
) -> Vec<Listener> {
    let told_open = or_default(open, false);
    let has_keys = guard == Guard::Keys;
    let typed = typed.unwrap_or_else(|| vec![Typed::new(DEFAULT_LISTEN.to_string(), Place::Whole)]);
    if typed.is_empty() {
        findings.mistake(&Place::Whole, "`listen` is an empty list", keys::LISTEN.example);
    }
    let mut listeners: Vec<Listener> = Vec::with_capacity(typed.len());
    for typed in typed {
        let Some(address) = address(&typed, findings) else { continue };
        if address.port() != 0 && listeners.iter().any(|other| other.address == address) {
            let what = format!("`{address}` is listed twice");
            findings.mistake(&typed.place, what, keys::LISTEN.example);
            continue;
        }
        let loopback = address.ip().to_canonical().is_loopback();
        if !loopback && !has_keys && !told_open {
            let what = format!("`{address}` can be reached from other machines and no app has a key");
            findings.mistake(&typed.place, what, "open = true   # or give an app a key");
        }
        if !loopback && told_open {
            findings
                .warn(format!("{address} serves everyone who can reach it, without a key (`open = true`)"));
        }
        let open = told_open || (loopback && !has_keys);
        listeners.push(Listener { address, open, app: None, admin: true });
    }
    for (at, app) in hosts {
        host(&mut listeners, (at, app), told_open, findings);
    }
    listeners
}

/// An address, and the app that callers without a key are there.
type Host = (Typed<String>, Typed<String>);

/// Whoever comes by that listener without a key is that app: on this machine's own addresses, and where it was said
/// that everyone may come in.
fn host(
    listeners: &mut [Listener],
    (at, app): (&Typed<String>, &Typed<String>),
    open: bool,
    findings: &mut Findings,
) {
    let Some(address) = address(at, findings) else { return };
    let Some(listener) = listeners.iter_mut().find(|listener| listener.address == address) else {
        let what = format!("`{address}` is to serve an app, but is not listened on");
        return findings.mistake(&at.place, what, keys::APPS.example);
    };
    if !address.ip().to_canonical().is_loopback() && !open {
        let what = format!(
            "`{address}` can be reached from other machines: everyone there would be the app `{}` without a key",
            app.value.escape_debug()
        );
        return findings.mistake(&at.place, what, "open = true");
    }
    if listener.app.is_some() {
        let what = format!("`{address}` is to serve two apps");
        return findings.mistake(&at.place, what, keys::APPS.example);
    }
    (listener.open, listener.app) = (true, Some(app.value.clone()));
}

/// The admin API is served on every address, or on those that are named.
fn choose_admin(listeners: &mut [Listener], typed: Option<Vec<Typed<String>>>, findings: &mut Findings) {
    let Some(typed) = typed else { return };
    listeners.iter_mut().for_each(|listener| listener.admin = false);
    for typed in typed {
        let Some(address) = address(&typed, findings) else { continue };
        match listeners.iter_mut().find(|listener| listener.address == address) {
            Some(listener) => listener.admin = true,
            None => {
                let what = format!("`{address}` is to serve the admin API, but is not listened on");
                findings.mistake(&typed.place, what, keys::ADMIN.example);
            }
        }
    }
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`. Names are not looked up: an address must not depend on DNS.
fn address(typed: &Typed<String>, findings: &mut Findings) -> Option<SocketAddr> {
    let text = typed.value.trim();
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    if let Ok(address) = numeric.parse() {
        return Some(address);
    }
    let what = format!("`{}` is no address and port", text.escape_debug());
    findings.mistake(&typed.place, what, keys::LISTEN.example);
    None
}
