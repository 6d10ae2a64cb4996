//! The status: one line a process, and the reason where something is not as it should be.

use super::figure::{bytes, word};
use super::sheet::{Cell, Sheet, Tone};
use crate::cli::when::age;
use protocol::control::{ChildStatus, ExitReport, ProviderStatus, SystemStatus};
use protocol::ipc::configure::WorkerState;

const HEAD: [&str; 10] =
    ["PROCESS", "STATE", "PID", "GEN", "UP", "CALLS", "NOW", "MEMORY", "SANDBOX", "RESTARTS"];

pub(super) fn system(system: &SystemStatus, sheet: &mut Sheet<'_>) {
    let up = since(sheet, system.started_ms);
    sheet.say(format!(
        "llm-link {} · pid {} · up {up} · configuration {} ({})",
        system.version, system.pid, system.epoch, system.config
    ));
    for listener in &system.listeners {
        let open = if listener.open { "open" } else { "keys needed" };
        sheet.say(format!("listening on http://{} ({open})", listener.address));
    }
    if let Some(error) = &system.reload_error {
        sheet.line([Cell::in_tone("the last reload was rejected:", Tone::Bad)]);
        sheet.lines(error, 4);
    }
    sheet.gap();
    let mut rows = vec![row("router", &system.router, sheet)];
    for provider in &system.providers {
        rows.extend(provider_rows(provider, sheet));
    }
    sheet.table(&HEAD, rows, "");
    if system.router.state != WorkerState::Ready {
        note("router", &system.router.reason, sheet);
    }
    system.providers.iter().for_each(|provider| notes(provider, sheet));
}

/// The processes of one provider.
pub(super) fn provider(provider: &ProviderStatus, sheet: &mut Sheet<'_>) {
    let rows = provider_rows(provider, sheet);
    sheet.table(&HEAD, rows, "");
    notes(provider, sheet);
}

fn provider_rows(provider: &ProviderStatus, sheet: &Sheet<'_>) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    match &provider.current {
        Some(child) => rows.push(row(&provider.name, child, sheet)),
        None => {
            let mut cells = vec![Cell::from(&provider.name), state(provider.state)];
            cells.resize_with(9, || Cell::from(None::<&str>));
            cells.push(provider.restarts.into());
            rows.push(cells);
        }
    }
    let named = |what: &str| format!("{} ({what})", provider.name);
    rows.extend(provider.successor.iter().map(|child| row(&named("next"), child, sheet)));
    rows.extend(provider.retiring.iter().map(|child| row(&named("old"), child, sheet)));
    rows
}

fn row(name: &str, child: &ChildStatus, sheet: &Sheet<'_>) -> Vec<Cell> {
    let pulse = child.pulse.as_ref();
    vec![
        name.into(),
        state(child.state),
        child.pid.into(),
        child.generation.into(),
        since(sheet, child.since_ms).into(),
        pulse.map(|p| p.calls).into(),
        pulse.map(|p| p.in_flight).into(),
        pulse.map(|p| bytes(p.rss_bytes)).into(),
        child.sandbox.as_ref().map(|s| word(&s.level)).into(),
        child.restarts.into(),
    ]
}

fn since(sheet: &Sheet<'_>, ms: u64) -> String {
    age(u64::try_from(sheet.view.now_ms).unwrap_or_default().saturating_sub(ms))
}

fn notes(provider: &ProviderStatus, sheet: &mut Sheet<'_>) {
    if provider.state != WorkerState::Ready {
        note(&provider.name, &provider.reason, sheet);
    }
    if let Some(change) = &provider.change {
        note(&provider.name, change, sheet);
    }
    if let Some(exit) = &provider.last_exit {
        last_exit(&provider.name, exit, sheet);
    }
    let missing = provider.current.iter().filter_map(|c| c.sandbox.as_ref()).flat_map(|s| &s.missing);
    for line in missing {
        note(&provider.name, &format!("sandbox: {line}"), sheet);
    }
}

fn note(name: &str, text: &str, sheet: &mut Sheet<'_>) {
    sheet.gap();
    sheet.say(format!("{name}: {text}"));
}

fn last_exit(name: &str, exit: &ExitReport, sheet: &mut Sheet<'_>) {
    note(name, &format!("last exit {} ago: {}", since(sheet, exit.at_ms), exit.cause), sheet);
    for line in exit.stderr.iter().rev().take(3).rev() {
        sheet.lines(line, 4);
    }
}

/// The state in its tone.
pub(super) fn state(state: WorkerState) -> Cell {
    let tone = match state {
        WorkerState::Ready => Tone::Good,
        WorkerState::Starting | WorkerState::Degraded | WorkerState::Draining | WorkerState::Backoff => {
            Tone::Warn
        }
        WorkerState::Failed => Tone::Bad,
        WorkerState::Stopped => Tone::Faint,
    };
    Cell::in_tone(word(&state).to_lowercase(), tone)
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
            memory_limit_bytes: 0,
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
        let view = super::super::View { colour: false, now_ms: 65_000, zone: jiff::tz::TimeZone::UTC };
        let mut sheet = Sheet::new(&view);
        super::system(&system, &mut sheet);
        let text = sheet.finish();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "listening on http://127.0.0.1:8080 (open)");
        assert!(lines[3].starts_with("PROCESS  STATE "), "{text}");
        assert!(lines[5].starts_with("a        failed"), "{text}");
        assert!(text.contains("\na: 6 crashes in 30 s\n"), "{text}");
        assert!(text.contains("last exit 61s ago: signal SIGSEGV\n    oops"), "{text}");
    }
}
