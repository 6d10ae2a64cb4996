//! What happened: calls with their traces, events, log lines, audit.

use super::change::short;
use super::figure::{count, money, time, word};
use super::sheet::{Cell, Sheet, Tone};
use crate::cli::when::{clock, date_time};
use protocol::control::record::{
    AuditEntry, CallDetail, CallSummary, CallTrace, EventView, LogLine, TraceAttempt,
};

pub(super) fn calls(calls: &[CallSummary], sheet: &mut Sheet<'_>) {
    let row = |call: &CallSummary| {
        let tokens = match (call.usage.input_fresh, call.usage.output) {
            (None, None) => None,
            (input, output) => {
                let part = |n: Option<u64>| n.map_or("?".to_owned(), count);
                Some(format!("{}/{}", part(input), part(output)))
            }
        };
        vec![
            date_time(call.at, &sheet.view.zone).into(),
            Cell::from(&call.app),
            Cell::from(&call.model),
            call.provider.as_ref().into(),
            outcome(call),
            call.attempts.into(),
            time(call.timings.total_us).into(),
            call.timings.first_token_us.map(time).into(),
            tokens.into(),
            cost(call).into(),
            Cell::in_tone(&call.id, Tone::Faint),
        ]
    };
    let head =
        ["TIME", "APP", "MODEL", "PROVIDER", "STATUS", "TRIES", "TOOK", "FIRST", "TOKENS", "COST", "CALL"];
    sheet.table(&head, calls.iter().map(row).collect(), "no such calls");
}

fn outcome(call: &CallSummary) -> Cell {
    match call.failure {
        Some(failure) => Cell::in_tone(format!("{} {}", call.status, word(&failure)), Tone::Bad),
        None => Cell::in_tone(call.status.to_string(), Tone::Good),
    }
}

fn cost(call: &CallSummary) -> Option<String> {
    call.cost_nano.map(|nano| money(nano, call.currency.as_deref().unwrap_or_default()))
}

pub(super) fn call(detail: &CallDetail, sheet: &mut Sheet<'_>) {
    let call = &detail.call;
    let usage = &call.usage;
    let named = |name: &str, n: Option<u64>| n.map(|n| format!("{name} {n}"));
    let parts = [
        named("input", usage.input_fresh),
        named("cache read", usage.cache_read),
        named("cache written", usage.cache_write),
        named("output", usage.output),
        named("of it reasoning", usage.reasoning),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let overhead =
        call.timings.upstream_us.map(|upstream| time(call.timings.total_us.saturating_sub(upstream)));
    sheet.pairs([
        ("call", Cell::from(&call.id)),
        ("time", date_time(call.at, &sheet.view.zone).into()),
        ("app", Cell::from(&call.app)),
        ("its key", detail.trace.as_ref().and_then(|trace| trace.key.as_ref()).into()),
        ("asked for", format!("{} ({}, {})", call.model, call.dialect.name(), word(&call.operation)).into()),
        ("answered by", call.provider.as_ref().into()),
        ("model there", call.upstream_model.as_ref().into()),
        ("status", outcome(call)),
        ("took", time(call.timings.total_us).into()),
        ("of it ours", overhead.into()),
        ("first token", call.timings.first_token_us.map(time).into()),
        ("tokens", (!parts.is_empty()).then(|| parts.join(", ")).into()),
        ("counted", call.usage_source.map(|source| word(&source).to_lowercase()).into()),
        ("cost", cost(call).into()),
    ]);
    match &detail.trace {
        Some(trace) => decisions(trace, sheet),
        None => sheet.say("its decisions were not kept"),
    }
}

fn decisions(trace: &CallTrace, sheet: &mut Sheet<'_>) {
    sheet.head("Decisions");
    let candidates = (!trace.candidates.is_empty()).then(|| trace.candidates.join(", "));
    sheet.pairs([
        ("rule", trace.rule.as_ref().into()),
        ("candidates", candidates.into()),
        ("answer began", trace.committed_us.map(time).into()),
        ("stop reason", trace.stop_reason.as_ref().into()),
    ]);
    for one in &trace.excluded {
        sheet.line([Cell::in_tone(format!("not {}: {}", one.candidate, one.reason), Tone::Warn)]);
    }
    for loss in &trace.losses {
        sheet.line([Cell::in_tone(format!("could not be said: {loss}"), Tone::Warn)]);
    }
    trace.notes.iter().for_each(|note| sheet.say(note));
    sheet.head("Attempts");
    let row = |attempt: &TraceAttempt| {
        let outcome = match (&attempt.failure, &attempt.message) {
            (None, _) => Cell::in_tone("answered", Tone::Good),
            (Some(kind), Some(text)) => Cell::in_tone(format!("{}: {text}", word(kind)), Tone::Bad),
            (Some(kind), None) => Cell::in_tone(word(kind), Tone::Bad),
        };
        vec![
            Cell::from(&attempt.candidate),
            time(attempt.began_us).into(),
            time(attempt.took_us).into(),
            attempt.connect_us.map(time).into(),
            attempt.first_byte_us.map(time).into(),
            attempt.first_token_us.map(time).into(),
            outcome,
        ]
    };
    let head = ["CANDIDATE", "BEGAN", "TOOK", "CONNECT", "FIRST BYTE", "FIRST TOKEN", ""];
    sheet.table(&head, trace.attempts.iter().map(row).collect(), "none was made");
}

/// In the order of time.
pub(super) fn events(events: &[EventView], sheet: &mut Sheet<'_>) {
    events.iter().for_each(|event| event_line(event, sheet));
}

/// One event on a line.
pub(crate) fn event_line(event: &EventView, sheet: &mut Sheet<'_>) {
    let tone = match event.severity.as_str() {
        "critical" => Tone::Bad,
        "warning" => Tone::Warn,
        _ => Tone::Plain,
    };
    let actor = event.actor.as_ref().map(|actor| format!("(by {actor})")).unwrap_or_default();
    sheet.line([
        Cell::in_tone(date_time(event.at, &sheet.view.zone), Tone::Faint),
        Cell::in_tone(format!("{:<18}", event.kind), tone),
        Cell::in_tone(&event.subject, Tone::Head),
        Cell::from(&event.message),
        Cell::in_tone(actor, Tone::Faint),
    ]);
}

/// In the order of time.
pub(super) fn logs(lines: &[LogLine], sheet: &mut Sheet<'_>) {
    lines.iter().for_each(|line| log_line(line, sheet));
}

/// One line of a process.
pub(crate) fn log_line(line: &LogLine, sheet: &mut Sheet<'_>) {
    let level = line.level.to_uppercase();
    let tone = match level.as_str() {
        "ERROR" => Tone::Bad,
        "WARN" => Tone::Warn,
        "DEBUG" | "TRACE" => Tone::Faint,
        _ => Tone::Plain,
    };
    let process = match line.generation {
        Some(generation) => format!("{}/{generation}", line.process),
        None => line.process.clone(),
    };
    sheet.line([
        Cell::in_tone(clock(line.at, &sheet.view.zone), Tone::Faint),
        Cell::in_tone(format!("{level:<5}"), tone),
        Cell::in_tone(process, Tone::Head),
        Cell::from(&line.text),
    ]);
}

pub(super) fn audit(entries: &[AuditEntry], sheet: &mut Sheet<'_>) {
    let row = |entry: &AuditEntry| {
        let (before, after) = (entry.before.as_ref().map(short), entry.after.as_ref().map(short));
        let change = match (before, after) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        vec![
            date_time(entry.at, &sheet.view.zone).into(),
            Cell::from(&entry.actor),
            Cell::in_tone(&entry.origin, Tone::Faint),
            format!("{} {}", entry.verb, entry.object).into(),
            Cell::from(&entry.name),
            change.into(),
        ]
    };
    sheet.table(
        &["TIME", "WHO", "FROM", "DID", "TO", "CHANGE"],
        entries.iter().map(row).collect(),
        "nothing",
    );
}
