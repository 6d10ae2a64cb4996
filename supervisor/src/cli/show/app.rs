//! Apps: limits and how full they are, routes, keys, dry runs.

use super::change::source;
use super::figure::{count, money, time, word};
use super::sheet::{Cell, Sheet, Tone, yes};
use crate::cli::when::{date, relative};
use protocol::control::app::{AppKeyMade, AppKeyView, AppLimits, AppView};
use protocol::control::route::{DryRunReport, RouteSpec, Step};

pub(super) fn list(apps: &[AppView], sheet: &mut Sheet<'_>) {
    let now = sheet.view.now_ms;
    let row = |view: &AppView| {
        let alive = view.keys.iter().filter(|key| key_state(key, now).1 != Tone::Faint).count();
        let used = view.keys.iter().filter_map(|key| key.last_used_ms).max();
        let route = view.route.as_ref().map(|route| word(&route.rule));
        let state = if view.spec.enabled {
            Cell::in_tone("on", Tone::Good)
        } else {
            Cell::in_tone("off", Tone::Faint)
        };
        vec![
            Cell::from(&view.spec.name),
            state,
            alive.into(),
            used.map(|at| relative(at, now)).into(),
            route.into(),
            limits(&view.spec.limits).into(),
            Cell::in_tone(source(&view.source), Tone::Faint),
            Cell::from(&view.spec.note),
        ]
    };
    let head = ["APP", "", "KEYS", "USED", "ROUTE", "LIMITS", "FROM", "NOTE"];
    sheet.table(&head, apps.iter().map(row).collect(), "no app yet: llm-link apps add NAME");
}

pub(super) fn one(view: &AppView, sheet: &mut Sheet<'_>) {
    let spec = &view.spec;
    let models = (!spec.models.is_empty()).then(|| spec.models.join(", "));
    sheet.pairs([
        ("app", Cell::from(&spec.name)),
        ("enabled", yes(spec.enabled)),
        ("strict", yes(spec.strict)),
        ("from", source(&view.source).into()),
        ("models", models.unwrap_or_else(|| "all".to_owned()).into()),
        ("limits", limits(&spec.limits).into()),
        ("note", Cell::from(&spec.note)),
    ]);
    if !view.levels.is_empty() {
        sheet.head("Limits now");
        let rows = view.levels.iter().map(|level| {
            let tone = if level.used >= level.of { Tone::Bad } else { Tone::Plain };
            let used = Cell::in_tone(format!("{} of {}", count(level.used), count(level.of)), tone);
            vec![
                Cell::from(&level.limit),
                used,
                format!("empty in {}", time(level.resets_in_ms * 1000)).into(),
            ]
        });
        sheet.table(&["LIMIT", "USED", ""], rows.collect(), "");
    }
    sheet.head("Route");
    match &view.route {
        Some(spec) => route(spec, sheet),
        None => sheet.say("the providers of the model, by their own priority"),
    }
    sheet.head("Keys");
    keys(&view.keys, sheet);
}

fn limits(limits: &AppLimits) -> Option<String> {
    let number = |n: Option<u64>, unit: &str| n.map(|n| format!("{} {unit}", count(n)));
    let cost = |nano: Option<u64>, unit: &str| {
        nano.map(|n| format!("{} {unit}", money(i64::try_from(n).unwrap_or(i64::MAX), "")))
    };
    let all = [
        number(limits.requests_per_second.map(u64::from), "requests/s"),
        number(limits.requests_per_minute.map(u64::from), "requests/min"),
        number(limits.tokens_per_minute, "tokens/min"),
        number(limits.concurrent.map(u64::from), "at once"),
        number(limits.queue.map(u64::from), "waiting"),
        number(limits.tokens_per_day, "tokens/day"),
        number(limits.tokens_per_month, "tokens/month"),
        cost(limits.cost_per_day_nano, "cost/day"),
        cost(limits.cost_per_month_nano, "cost/month"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn route(spec: &RouteSpec, sheet: &mut Sheet<'_>) {
    sheet.say(format!("rule {}", word(&spec.rule)));
    let rows = |steps: &[Step], what: &str| -> Vec<Vec<Cell>> {
        let row = |(at, step): (usize, &Step)| {
            let model = step.model.clone().unwrap_or_else(|| "the model asked for".to_owned());
            let target = format!("{} / {model}", step.provider);
            vec![
                format!("{what} {}", at + 1).into(),
                target.into(),
                step.weight.into(),
                conditions(step).into(),
            ]
        };
        steps.iter().enumerate().map(row).collect()
    };
    let mut all = rows(&spec.candidates, "candidate");
    all.extend(rows(&spec.fallback, "fallback"));
    sheet.table(&["", "GOES TO", "WEIGHT", "WHEN"], all, "no candidates");
    if let Some(header) = &spec.sticky_header {
        sheet.say(format!("sticky by the header {header}"));
    }
    if spec.hedge.enabled {
        sheet.say("a late call is sent to a second candidate too");
    }
    if spec.continuation {
        sheet.say("prose that broke off is continued by another candidate");
    }
}

fn conditions(step: &Step) -> Option<String> {
    let fields = serde_json::to_value(&step.when).ok()?;
    let said =
        |(name, value): (&String, &serde_json::Value)| (!value.is_null()).then(|| format!("{name}={value}"));
    let said: Vec<String> = fields.as_object()?.iter().filter_map(said).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn key_state(key: &AppKeyView, now_ms: i64) -> (String, Tone) {
    match (key.revoked_ms, key.expires_ms) {
        (Some(at), _) if at <= now_ms => ("revoked".to_owned(), Tone::Faint),
        (Some(at), _) => (format!("until {}", relative(at, now_ms)), Tone::Warn),
        (None, Some(at)) if at <= now_ms => ("expired".to_owned(), Tone::Faint),
        (None, Some(at)) => (format!("expires {}", relative(at, now_ms)), Tone::Good),
        (None, None) => ("good".to_owned(), Tone::Good),
    }
}

fn keys(keys: &[AppKeyView], sheet: &mut Sheet<'_>) {
    let (now, zone) = (sheet.view.now_ms, sheet.view.zone.clone());
    let row = |key: &AppKeyView| {
        let (state, tone) = key_state(key, now);
        vec![
            key.id.into(),
            Cell::from(&key.label),
            format!("{}…", key.prefix).into(),
            Cell::in_tone(state, tone),
            key.last_used_ms.map(|at| relative(at, now)).into(),
            key.created_ms.map(|at| date(at, &zone)).into(),
        ]
    };
    let head = ["KEY", "LABEL", "BEGINS", "STATE", "USED", "MADE"];
    sheet.table(&head, keys.iter().map(row).collect(), "no key");
}

/// A new key: the only time it is shown.
pub(super) fn made(made: &AppKeyMade, sheet: &mut Sheet<'_>) {
    sheet.pairs([("app", Cell::from(&made.app)), ("key", Cell::in_tone(made.key.expose(), Tone::Head))]);
    sheet.say("This is the only time it is shown: put it where the app finds it.");
}

pub(super) fn dry_run(report: &DryRunReport, sheet: &mut Sheet<'_>) {
    let tone = if report.refusal.is_some() { Tone::Bad } else { Tone::Plain };
    sheet.line([Cell::in_tone(&report.verdict, tone)]);
    if let Some(refusal) = &report.refusal {
        sheet.say(format!("it would be refused: {refusal}"));
    }
    if !report.plan.is_empty() {
        sheet.gap();
        let rows = report.plan.iter().enumerate().map(|(at, step)| {
            let dialect = step.dialect.map(|dialect| dialect.name());
            let target = format!("{}/{}", step.provider, step.model);
            vec![(at + 1).into(), target.into(), dialect.into(), Cell::from(&step.reason)]
        });
        sheet.table(&["", "CANDIDATE", "DIALECT", "WHY"], rows.collect(), "");
    }
    if !report.excluded.is_empty() {
        sheet.gap();
        let rows = report.excluded.iter().map(|step| {
            vec![
                Cell::from(format!("{}/{}", step.provider, step.model)),
                Cell::in_tone(&step.reason, Tone::Warn),
            ]
        });
        sheet.table(&["EXCLUDED", "WHY"], rows.collect(), "");
    }
}
