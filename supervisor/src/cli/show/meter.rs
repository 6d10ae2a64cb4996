//! Figures of a range of time.

use super::figure::{costs, count, time};
use super::sheet::{Cell, Sheet, Tone};
use crate::cli::when::date_time;
use protocol::control::meter::{Meter, MeterReport};

pub(super) fn report(report: &MeterReport, sheet: &mut Sheet<'_>) {
    let zone = sheet.view.zone.clone();
    sheet.say(format!("{} to {}", date_time(report.since_ms, &zone), date_time(report.until_ms, &zone)));
    sheet.gap();
    let mut rows: Vec<Vec<Cell>> = Vec::with_capacity(report.groups.len() + 2);
    for (name, meter) in &report.groups {
        let name = if name.is_empty() { "(none reached)" } else { name };
        rows.push(row(name.into(), meter));
    }
    rows.push(row(Cell::in_tone("total", Tone::Head), &report.total));
    rows.push(row(Cell::in_tone("before", Tone::Faint), &report.before));
    let head = ["", "CALLS", "FAILED", "IN", "CACHED", "OUT", "COST", "P50", "P95", "FIRST P95", "OURS P95"];
    sheet.table(&head, rows, "");
    let total = &report.total;
    if !total.failures.is_empty() {
        let kinds: Vec<String> = total.failures.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        sheet.say(format!("failures: {}", kinds.join(", ")));
    }
    let incomplete = [
        (total.unmeasured, "without a token count"),
        (total.estimated, "with estimated tokens"),
        (total.unpriced, "without a price"),
    ];
    for (n, what) in incomplete.into_iter().filter(|(n, _)| *n > 0) {
        sheet.line([Cell::in_tone(format!("{n} calls {what}"), Tone::Faint)]);
    }
}

fn row(name: Cell, meter: &Meter) -> Vec<Cell> {
    let tone = if meter.failed > 0 { Tone::Bad } else { Tone::Plain };
    vec![
        name,
        count(meter.calls).into(),
        Cell::in_tone(count(meter.failed), tone),
        meter.usage.input_fresh.map(count).into(),
        meter.usage.cache_read.map(count).into(),
        meter.usage.output.map(count).into(),
        costs(&meter.cost_nano),
        meter.latency.p50_us.map(time).into(),
        meter.latency.p95_us.map(time).into(),
        meter.first_token.p95_us.map(time).into(),
        meter.overhead.p95_us.map(time).into(),
    ]
}
