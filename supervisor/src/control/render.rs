//! The status for people: one line a process, the reason where something is not as it should be.

use protocol::control::{ChildStatus, ExitReport, ProviderStatus, SystemStatus};
use protocol::ipc::configure::WorkerState;
use protocol::ipc::control::SandboxLevel;
use std::fmt::Write;

/// The whole status as a table. `now_ms`: milliseconds since 1970.
pub(crate) fn status(system: &SystemStatus, now_ms: u64) -> String {
    let mut out = String::new();
    let up = age(now_ms.saturating_sub(system.started_ms));
    let _ = writeln!(
        out,
        "llm-link {} · pid {} · up {up} · configuration {} ({})",
        system.version, system.pid, system.epoch, system.config
    );
    for listener in &system.listeners {
        let open = if listener.open { "open" } else { "keys needed" };
        let _ = writeln!(out, "listening on http://{} ({open})", listener.address);
    }
    if let Some(error) = &system.reload_error {
        let _ = writeln!(out, "the last reload was rejected: {error}");
    }
    let _ = writeln!(out);
    let head = ["PROCESS", "STATE", "PID", "GEN", "UP", "CALLS", "NOW", "MEMORY", "SANDBOX", "RESTARTS"];
    let mut rows = vec![head.map(str::to_owned).to_vec(), row("router", &system.router, now_ms)];
    for provider in &system.providers {
        rows.extend(provider_rows(provider, now_ms));
    }
    table(&mut out, &rows);
    notes(&mut out, system, now_ms);
    out
}

fn provider_rows(provider: &ProviderStatus, now_ms: u64) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    match &provider.current {
        Some(child) => rows.push(row(&provider.name, child, now_ms)),
        None => {
            let mut cells = vec![provider.name.clone(), word(provider.state).to_owned()];
            cells.resize(9, "-".to_owned());
            cells.push(provider.restarts.to_string());
            rows.push(cells);
        }
    }
    rows.extend(provider.successor.iter().map(|c| row(&format!("{} (next)", provider.name), c, now_ms)));
    rows.extend(provider.retiring.iter().map(|c| row(&format!("{} (old)", provider.name), c, now_ms)));
    rows
}

fn row(name: &str, child: &ChildStatus, now_ms: u64) -> Vec<String> {
    let pulse = child.pulse.as_ref();
    let of = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    vec![
        name.to_owned(),
        word(child.state).to_owned(),
        of(child.pid.map(|p| p.to_string())),
        child.generation.to_string(),
        age(now_ms.saturating_sub(child.since_ms)),
        of(pulse.map(|p| p.calls.to_string())),
        of(pulse.map(|p| p.in_flight.to_string())),
        of(pulse.map(|p| format!("{:.1} MiB", p.rss_bytes as f64 / 1_048_576.0))),
        of(child.sandbox.as_ref().map(|s| level(s.level).to_owned())),
        child.restarts.to_string(),
    ]
}

fn notes(out: &mut String, system: &SystemStatus, now_ms: u64) {
    let mut note = |name: &str, text: &str| {
        let _ = writeln!(out, "\n{name}: {text}");
    };
    if system.router.state != WorkerState::Ready {
        note("router", &system.router.reason);
    }
    for provider in &system.providers {
        if provider.state != WorkerState::Ready {
            note(&provider.name, &provider.reason);
        }
        if let Some(change) = &provider.change {
            note(&provider.name, change);
        }
        if let Some(exit) = &provider.last_exit {
            note(&provider.name, &last_exit(exit, now_ms));
        }
        let missing = provider.current.iter().filter_map(|c| c.sandbox.as_ref()).flat_map(|s| &s.missing);
        for line in missing {
            note(&provider.name, &format!("sandbox: {line}"));
        }
    }
}

fn last_exit(exit: &ExitReport, now_ms: u64) -> String {
    let mut text = format!("last exit {} ago: {}", age(now_ms.saturating_sub(exit.at_ms)), exit.cause);
    for line in exit.stderr.iter().rev().take(3).rev() {
        text.push_str("\n    ");
        text.push_str(line);
    }
    text
}

fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn word(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Starting => "starting",
        WorkerState::Ready => "ready",
        WorkerState::Degraded => "degraded",
        WorkerState::Draining => "draining",
        WorkerState::Stopped => "stopped",
        WorkerState::Backoff => "backoff",
        WorkerState::Failed => "failed",
    }
}

fn level(level: SandboxLevel) -> &'static str {
    match level {
        SandboxLevel::None => "none",
        SandboxLevel::Partial => "partial",
        SandboxLevel::Full => "full",
    }
}

/// `12s`, `3m`, `5h`, `2d`.
fn age(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..=119 => format!("{s}s"),
        s @ 120..=7199 => format!("{}m", s / 60),
        s @ 7200..=172_799 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::control::ListenerStatus;

    fn child(state: WorkerState) -> ChildStatus {
        ChildStatus {
            state,
            reason: "answers pings".into(),
            since_ms: 1_000,
            pid: Some(42),
            generation: 3,
            restarts: 1,
            sandbox: None,
            pulse: None,
            last_exit: None,
        }
    }

    #[test]
    fn what_is_wrong_is_said_below_the_table() {
        let system = SystemStatus {
            version: "1".into(),
            pid: 1,
            started_ms: 0,
            epoch: 2,
            config: "embedded default".into(),
            reload_error: None,
            listeners: vec![ListenerStatus { address: "127.0.0.1:8080".into(), open: true }],
            router: child(WorkerState::Ready),
            providers: vec![ProviderStatus {
                name: "a".into(),
                preset: "demo".into(),
                state: WorkerState::Failed,
                reason: "6 crashes in 30 s".into(),
                since_ms: 5_000,
                pid: None,
                generation: 6,
                restarts: 5,
                sandbox: None,
                change: None,
                current: None,
                successor: None,
                retiring: vec![],
                last_exit: Some(ExitReport {
                    at_ms: 4_000,
                    cause: "signal SIGSEGV".into(),
                    stderr: vec!["oops".into()],
                }),
            }],
        };
        let text = status(&system, 65_000);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "listening on http://127.0.0.1:8080 (open)");
        assert!(lines[3].starts_with("PROCESS  STATE "), "{text}");
        assert!(lines[5].starts_with("a        failed"), "{text}");
        assert!(text.contains("\na: 6 crashes in 30 s\n"), "{text}");
        assert!(text.contains("last exit 61s ago: signal SIGSEGV\n    oops"), "{text}");
    }
}
