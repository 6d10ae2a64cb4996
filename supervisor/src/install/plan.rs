//! The steps, in order. Data only: what they do to a machine is [`super::shell`]'s.

use super::place::{Kind, Place};
use std::path::{Path, PathBuf};

const SERVICE: &str = include_str!("../../../systemd/llm-link.service");
const USER_SERVICE: &str = include_str!("../../../systemd/user/llm-link.service");
const SOCKET: &str = include_str!("../../../systemd/llm-link.socket");
const SYSUSERS: &str = include_str!("../../../systemd/llm-link.sysusers.conf");
const TMPFILES: &str = include_str!("../../../systemd/llm-link.tmpfiles.conf");
const CONFIGURATION: &str = include_str!("../../../systemd/llm-link.toml");

const SYSUSERS_PATH: &str = "/etc/sysusers.d/llm-link.conf";
const TMPFILES_PATH: &str = "/etc/tmpfiles.d/llm-link.conf";
const UNITS: [&str; 2] = ["llm-link.service", "llm-link.socket"];

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A copy of this executable.
    Executable { from: PathBuf, to: PathBuf },
    /// A file with this text.
    File { path: PathBuf, text: String, mode: u32 },
    /// The same, unless there is one already: it is somebody's work.
    FileOnce { path: PathBuf, text: String, mode: u32 },
    /// Not there any more.
    Gone(PathBuf),
    /// A program that must succeed.
    Run { program: &'static str, arguments: Vec<String> },
    /// A program that may fail: what it undoes may be undone already.
    Try { program: &'static str, arguments: Vec<String> },
}

/// What is put in place; `executable` is the one that runs.
pub(super) fn files(place: &Place, executable: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    if executable != place.executable {
        steps.push(Step::Executable { from: executable.to_owned(), to: place.executable.clone() });
    }
    let service = match place.kind {
        Kind::Machine => SERVICE,
        Kind::User => USER_SERVICE,
    };
    for (name, text) in UNITS.into_iter().zip([service, SOCKET]) {
        steps.push(Step::File { path: place.units.join(name), text: text.to_owned(), mode: 0o644 });
    }
    if place.kind == Kind::Machine {
        steps.push(Step::File { path: SYSUSERS_PATH.into(), text: SYSUSERS.to_owned(), mode: 0o644 });
        steps.push(Step::File { path: TMPFILES_PATH.into(), text: TMPFILES.to_owned(), mode: 0o644 });
    }
    steps.push(Step::FileOnce {
        path: place.configuration.clone(),
        text: CONFIGURATION.to_owned(),
        mode: 0o640,
    });
    steps
}

/// What makes it run. The tmpfiles give the configuration to the account that was just made.
pub(super) fn start(place: &Place) -> Vec<Step> {
    let mut steps = Vec::new();
    if place.kind == Kind::Machine {
        steps.push(run("systemd-sysusers", &[SYSUSERS_PATH]));
        steps.push(run("systemd-tmpfiles", &["--create", TMPFILES_PATH]));
    }
    steps.push(systemctl(place, &["daemon-reload"]));
    steps.push(systemctl(place, &["enable", UNITS[1], UNITS[0]]));
    // An instance that runs already is replaced: the socket keeps its callers.
    steps.push(systemctl(place, &["start", UNITS[1]]));
    steps.push(systemctl(place, &["restart", UNITS[0]]));
    steps
}

/// What ends it.
pub(super) fn stop(place: &Place) -> Vec<Step> {
    let Step::Run { program, arguments } = systemctl(place, &["disable", "--now", UNITS[1], UNITS[0]]) else {
        return Vec::new();
    };
    vec![Step::Try { program, arguments }]
}

/// What is taken away.
pub(super) fn removals(place: &Place) -> Vec<Step> {
    let mut steps: Vec<Step> = UNITS.iter().map(|name| Step::Gone(place.units.join(name))).collect();
    if place.kind == Kind::Machine {
        steps.push(Step::Gone(SYSUSERS_PATH.into()));
        steps.push(Step::Gone(TMPFILES_PATH.into()));
    }
    steps.push(Step::Gone(place.executable.clone()));
    steps
}

/// What the service manager is told afterwards.
pub(super) fn settle(place: &Place) -> Vec<Step> {
    vec![systemctl(place, &["daemon-reload"])]
}

fn systemctl(place: &Place, words: &[&str]) -> Step {
    let user: &[&str] = match place.kind {
        Kind::Machine => &[],
        Kind::User => &["--user"],
    };
    run("systemctl", &[user, words].concat())
}

fn run(program: &'static str, arguments: &[&str]) -> Step {
    Step::Run { program, arguments: arguments.iter().map(|word| (*word).to_owned()).collect() }
}
