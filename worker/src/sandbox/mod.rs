//! The walls around a worker, raised before it sees its key.
//!
//! Owns the order of the layers and what is reported about them: limits, `no_new_privs`, not dumpable,
//! Landlock, seccomp. Never reads configuration, never opens a connection, never loosens anything.
//!
//! A layer that the kernel or a surrounding filter refuses is not an error of its own: it is a line in
//! [`SandboxReport::missing`], because under systemd's `SystemCallFilter` Landlock reports success while
//! doing nothing. Only [`SandboxMode::Required`] turns a missing layer into an error.

mod landlock;
mod ports;
mod probe;
mod rlimits;
mod seccomp;

pub use ports::ports;
pub use probe::{Probe, Verdict, probe};

use protocol::ipc::configure::{SandboxMode, WorkerLimits};
use protocol::ipc::control::{SandboxLevel, SandboxReport};

/// Why the sandbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The mode is [`SandboxMode::Required`] and these layers are missing, one line each.
    #[error("the sandbox is required and incomplete: {}", .missing.join("; "))]
    Incomplete { missing: Vec<String> },
}

/// Raises the walls around this process, for good.
///
/// Call it once, on the main thread, while no other thread exists (Landlock binds the calling thread and
/// those it starts), after every socket of this process exists (no Unix socket can be made afterwards)
/// and before the key arrives. `ports` are the only TCP ports that can be connected to; see [`ports()`].
///
/// # Errors
/// [`SandboxError::Incomplete`] when `mode` is `Required` and a layer is missing; the layers that were
/// reached stay in force, and the caller is to exit with 78.
pub fn enter(mode: SandboxMode, limits: &WorkerLimits, ports: &[u16]) -> Result<SandboxReport, SandboxError> {
    let mut missing = Vec::new();
    let rlimits = note(&mut missing, "limits", rlimits::apply(limits));
    match mode {
        SandboxMode::Off => {
            missing.push("the sandbox is switched off in the configuration".to_owned());
            Ok(report_off(rlimits, missing))
        }
        SandboxMode::BestEffort => Ok(raise(rlimits, missing, ports)),
        SandboxMode::Required => {
            let report = raise(rlimits, missing, ports);
            match report.level {
                SandboxLevel::Full => Ok(report),
                SandboxLevel::None | SandboxLevel::Partial => {
                    Err(SandboxError::Incomplete { missing: report.missing })
                }
            }
        }
    }
}

/// Every layer beyond the limits. Seccomp comes last: it denies what the others need to be set up.
fn raise(rlimits: bool, mut missing: Vec<String>, ports: &[u16]) -> SandboxReport {
    let no_new_privs =
        note(&mut missing, "no_new_privs", nix::sys::prctl::set_no_new_privs().map_err(|e| e.to_string()));
    let not_dumpable =
        note(&mut missing, "not dumpable", nix::sys::prctl::set_dumpable(false).map_err(|e| e.to_string()));
    let walls = landlock::restrict(ports);
    missing.extend(walls.missing);
    let seccomp = note(&mut missing, "seccomp", seccomp::install());
    let mut report = SandboxReport {
        level: SandboxLevel::None,
        no_new_privs,
        not_dumpable,
        rlimits,
        landlock_files: walls.files,
        landlock_net: walls.net,
        landlock_scope: walls.scope,
        seccomp,
        missing,
    };
    report.level = level(&report);
    report
}

fn report_off(rlimits: bool, missing: Vec<String>) -> SandboxReport {
    SandboxReport {
        level: SandboxLevel::None,
        no_new_privs: false,
        not_dumpable: false,
        rlimits,
        landlock_files: false,
        landlock_net: false,
        landlock_scope: false,
        seccomp: false,
        missing,
    }
}

fn level(report: &SandboxReport) -> SandboxLevel {
    let layers = [
        report.no_new_privs,
        report.not_dumpable,
        report.landlock_files,
        report.landlock_net,
        report.landlock_scope,
        report.seccomp,
    ];
    if layers.iter().all(|l| !l) {
        SandboxLevel::None
    } else if layers.iter().all(|l| *l) && report.rlimits && report.missing.is_empty() {
        SandboxLevel::Full
    } else {
        SandboxLevel::Partial
    }
}

fn note(missing: &mut Vec<String>, layer: &str, outcome: Result<(), String>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(reason) => {
            missing.push(format!("{layer}: {reason}"));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> SandboxReport {
        SandboxReport {
            level: SandboxLevel::Full,
            no_new_privs: true,
            not_dumpable: true,
            rlimits: true,
            landlock_files: true,
            landlock_net: true,
            landlock_scope: true,
            seccomp: true,
            missing: vec![],
        }
    }

    #[test]
    fn the_level_is_full_only_with_every_layer() {
        assert_eq!(level(&full()), SandboxLevel::Full);
        assert_eq!(level(&SandboxReport { landlock_net: false, ..full() }), SandboxLevel::Partial);
        assert_eq!(level(&SandboxReport { rlimits: false, ..full() }), SandboxLevel::Partial);
        let said = SandboxReport { missing: vec!["landlock: truncate".into()], ..full() };
        assert_eq!(level(&said), SandboxLevel::Partial);
        assert_eq!(level(&report_off(true, vec![])), SandboxLevel::None);
    }

    #[test]
    fn an_incomplete_sandbox_names_each_missing_layer() {
        let error = SandboxError::Incomplete { missing: vec!["seccomp: a".into(), "landlock: b".into()] };
        assert_eq!(error.to_string(), "the sandbox is required and incomplete: seccomp: a; landlock: b");
    }
}
