//! Providers, their keys, presets and tests.

use super::change::source;
use super::figure::{bytes, time, word};
use super::model;
use super::sheet::{Cell, Sheet, Tone, yes};
use super::status;
use crate::cli::when::relative;
use protocol::control::provider::{
    KeyView, PresetView, ProviderLimits, ProviderTimeouts, ProviderView, ProxyRule, SecretValue, TestReport,
};

pub(super) fn list(providers: &[ProviderView], sheet: &mut Sheet<'_>) {
    let row = |view: &ProviderView| {
        let state = match &view.status {
            Some(status) => status::state(status.state),
            None if view.spec.enabled => Cell::in_tone("starting", Tone::Warn),
            None => Cell::in_tone("disabled", Tone::Faint),
        };
        let good = view.keys.iter().filter(|key| key.enabled).count();
        let address = view.endpoints.first().map(|(_, address)| address.clone());
        vec![
            Cell::from(&view.spec.name),
            state,
            Cell::from(&view.spec.preset),
            view.spec.priority.into(),
            good.into(),
            view.models.len().into(),
            Cell::in_tone(source(&view.source), Tone::Faint),
            address.into(),
        ]
    };
    let head = ["PROVIDER", "STATE", "PRESET", "PRIO", "KEYS", "MODELS", "FROM", "ADDRESS"];
    let empty = "no provider yet: llm-link providers add NAME --preset PRESET";
    sheet.table(&head, providers.iter().map(row).collect(), empty);
}

pub(super) fn one(view: &ProviderView, sheet: &mut Sheet<'_>) {
    let spec = &view.spec;
    sheet.pairs([
        ("provider", Cell::from(&spec.name)),
        ("preset", Cell::from(&spec.preset)),
        ("enabled", yes(spec.enabled)),
        ("from", source(&view.source).into()),
        ("priority", spec.priority.into()),
        ("fallback", joined(&spec.fallback)),
        ("sandbox", spec.sandbox.map(|mode| word(&mode)).into()),
        ("proxy", spec.proxy.as_ref().map(proxy).into()),
        ("proxy login", spec.proxy_login.as_ref().map(place).into()),
        ("limits", limits(&spec.limits)),
        ("timeouts", timeouts(&spec.timeouts)),
    ]);
    for (dialect, address) in &view.endpoints {
        sheet.pairs([(dialect.name(), Cell::from(address))]);
    }
    for (name, value) in &spec.headers {
        sheet.say(format!("header {name}: {value}"));
    }
    for (name, value) in &spec.secret_headers {
        sheet.say(format!("header {name}: {}", place(value)));
    }
    sheet.head("Keys");
    let rows = view.keys.iter().map(|key| key_row(key, sheet.view.now_ms)).collect();
    sheet.table(&["KEY", "LABEL", "ENDS IN", "KEPT", "STATE", "USED", "FAILURES"], rows, "no key");
    sheet.head("Models");
    model::list(&view.models, sheet);
    if let Some(status) = &view.status {
        sheet.head("Processes");
        status::provider(status, sheet);
    }
}

fn joined(names: &[String]) -> Cell {
    Cell::from((!names.is_empty()).then(|| names.join(", ")))
}

/// Where a secret is, as for keys.
fn place(value: &SecretValue) -> String {
    match value {
        SecretValue::Kept | SecretValue::Text(_) => "sealed".to_owned(),
        SecretValue::File(path) => format!("file {path}"),
        SecretValue::Env(name) => format!("env {name}"),
    }
}

fn proxy(rule: &ProxyRule) -> String {
    match rule {
        ProxyRule::Direct => "direct".to_owned(),
        ProxyRule::Environment => "environment".to_owned(),
        ProxyRule::Url(url) => url.clone(),
    }
}

fn limits(limits: &ProviderLimits) -> Cell {
    let number = |name: &str, n: Option<u64>| n.map(|n| format!("{name} {n}"));
    let all = [
        limits.memory_bytes.map(|n| format!("memory {}", bytes(n))),
        number("files", limits.files),
        number("calls at once", limits.max_concurrent.map(u64::from)),
        number("queue", limits.max_queue.map(u64::from)),
        number("requests/s", limits.requests_per_second),
        number("requests/min", limits.requests_per_minute),
        number("tokens/min", limits.tokens_per_minute),
    ];
    joined(&all.into_iter().flatten().collect::<Vec<_>>())
}

fn timeouts(timeouts: &ProviderTimeouts) -> Cell {
    let named = |name: &str, ms: Option<u64>| ms.map(|ms| format!("{name} {}", time(ms * 1000)));
    let all = [
        named("connect", timeouts.connect_ms),
        named("first token", timeouts.first_token_ms),
        named("idle", timeouts.idle_ms),
        named("total", timeouts.total_ms),
        named("stream", timeouts.total_stream_ms),
    ];
    joined(&all.into_iter().flatten().collect::<Vec<_>>())
}

fn key_row(key: &KeyView, now_ms: i64) -> Vec<Cell> {
    let state = match (key.enabled, key.state.as_str()) {
        (false, _) => Cell::in_tone("disabled", Tone::Faint),
        (true, "good") => Cell::in_tone("good", Tone::Good),
        (true, "rejected") => Cell::in_tone("rejected", Tone::Bad),
        (true, "cooling") => {
            let until = key.cooldown_until_ms.map(|at| format!(", again {}", relative(at, now_ms)));
            Cell::in_tone(format!("cooling{}", until.unwrap_or_default()), Tone::Warn)
        }
        (true, other) => Cell::from(other),
    };
    vec![
        key.id.into(),
        Cell::from(&key.label),
        Cell::from(&key.tail),
        Cell::from(&key.kept),
        state,
        key.last_used_ms.map(|at| relative(at, now_ms)).into(),
        key.failures.into(),
    ]
}

pub(super) fn presets(presets: &[PresetView], sheet: &mut Sheet<'_>) {
    let row = |preset: &PresetView| {
        let dialects: Vec<&str> = preset.endpoints.iter().map(|(dialect, _)| dialect.name()).collect();
        vec![
            Cell::from(&preset.id),
            preset.key_env.as_ref().into(),
            dialects.join(" ").into(),
            Cell::from(&preset.title),
        ]
    };
    sheet.table(&["PRESET", "KEY", "DIALECTS", "PROVIDER"], presets.iter().map(row).collect(), "no presets");
}

pub(super) fn tested(report: &TestReport, sheet: &mut Sheet<'_>) {
    let rows = report.steps.iter().map(|step| {
        let outcome = if step.ok { ("ok", Tone::Good) } else { ("failed", Tone::Bad) };
        vec![
            Cell::from(&step.name),
            Cell::in_tone(outcome.0, outcome.1),
            time(step.took_us).into(),
            step.status.into(),
            Cell::from(&step.detail),
        ]
    });
    sheet.table(&["STEP", "", "TOOK", "STATUS", "DETAIL"], rows.collect(), "nothing was tried");
    if !report.models.is_empty() {
        sheet.say(format!("{} models: {}", report.models.len(), report.models.join(", ")));
    }
    let verdict = if report.ok {
        ("the provider works", Tone::Good)
    } else {
        ("the provider does not work", Tone::Bad)
    };
    sheet.line([Cell::in_tone(verdict.0, verdict.1)]);
}
