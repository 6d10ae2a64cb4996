//! The configuration in force, value by value, each with where it comes from and what it hides. No secrets.

use super::Picture;
use super::view::spec_of;
use crate::settings::{LogFormat, Runtime, SpotKind};
use protocol::control::document::EffectiveValue;
use protocol::control::record::Source;
use serde::Serialize;
use serde_json::{Value, json};

/// Everything in force.
pub(super) fn effective(picture: &Picture) -> Vec<EffectiveValue> {
    let mut values = single(picture);
    providers(picture, &mut values);
    things(picture, SpotKind::Alias, &mut values);
    things(picture, SpotKind::App, &mut values);
    values
}

/// `server.*` and `log.*`.
fn server(picture: &Picture) -> Vec<(&'static str, Value)> {
    let (server, log) = (&picture.settings.server, &picture.settings.log);
    let hosts = server.listeners.iter().filter_map(|l| Some((l.address.to_string(), l.app.clone()?)));
    let hosts: std::collections::BTreeMap<String, String> = hosts.collect();
    let admin = server.listeners.iter().filter(|listener| listener.admin);
    let admin: Vec<String> = admin.map(|listener| listener.address.to_string()).collect();
    let listeners: Vec<String> = server.listeners.iter().map(|l| l.address.to_string()).collect();
    let limits = &server.limits;
    vec![
        ("server.listen", json!(listeners)),
        ("server.open", json!(server.listeners.iter().any(|listener| listener.open))),
        ("server.apps", json!(hosts)),
        ("server.admin", json!(admin)),
        ("server.state_dir", json!(server.directories.state)),
        ("server.runtime_dir", json!(server.directories.runtime)),
        ("server.body_limit", json!(format!("{}B", limits.body_bytes))),
        ("server.hold_limit", json!(format!("{}B", limits.hold_bytes))),
        ("server.header_limit", json!(format!("{}B", limits.header_bytes))),
        ("server.read_timeout", json!(format!("{}ms", limits.read_timeout_ms))),
        ("server.connections", json!(limits.connections)),
        ("server.drain_timeout", json!(format!("{}ms", limits.drain_ms))),
        ("server.deadline", json!(format!("{}ms", server.retry.deadline_ms))),
        ("server.max_attempts", json!(server.retry.max_attempts)),
        ("server.attempts_per_provider", json!(server.retry.attempts_per_provider)),
        ("server.utc_offset", json!(server.utc_offset_min)),
        ("server.threads", json!(server.threads)),
        ("server.runtime", json!(if server.runtime == Runtime::Multi { "multi" } else { "per-core" })),
        ("log.level", json!(log.filter)),
        ("log.format", json!(if log.format == LogFormat::Json { "json" } else { "text" })),
    ]
}

/// `defaults.*` and `retention.*`.
fn usual(picture: &Picture) -> Vec<(&'static str, Value)> {
    let (defaults, days) = (&picture.settings.defaults, &picture.settings.retention);
    let timeouts = &defaults.timeouts;
    let ms = |value: u64| json!(format!("{value}ms"));
    vec![
        ("defaults.sandbox", shown(&defaults.sandbox)),
        ("defaults.memory_limit", json!(format!("{}B", defaults.memory))),
        ("defaults.max_concurrent", json!(defaults.max_concurrent)),
        ("defaults.max_queue", json!(defaults.max_queue)),
        ("defaults.max_wait", ms(defaults.max_wait_ms)),
        ("defaults.timeouts.connect", ms(timeouts.connect_ms)),
        ("defaults.timeouts.first_token", ms(timeouts.first_token_ms)),
        ("defaults.timeouts.idle", ms(timeouts.idle_ms)),
        ("defaults.timeouts.total", ms(timeouts.total_ms)),
        ("defaults.timeouts.total_stream", ms(timeouts.total_stream_ms)),
        ("retention.calls", json!(days.calls)),
        ("retention.traces", json!(days.traces)),
        ("retention.minutes", json!(days.minutes)),
        ("retention.hours", json!(days.hours)),
        ("retention.days", json!(days.days)),
        ("retention.audit", json!(days.audit)),
        ("retention.events", json!(days.events)),
        ("retention.alerts", json!(days.alerts)),
        ("retention.sessions", json!(days.sessions)),
    ]
}

/// Every value that stands alone, and where it comes from.
fn single(picture: &Picture) -> Vec<EffectiveValue> {
    let mut values = server(picture);
    values.extend(usual(picture));
    let base = picture.check.base();
    let known: Vec<&str> = values.iter().map(|(path, _)| *path).collect();
    let stored = |path: &str| picture.snapshot.settings.iter().find(|s| s.name == path).map(|s| &s.value);
    let value = |(path, value): (&str, Value)| {
        let (source, hidden) = match (base.setting(path), stored(path)) {
            (Some(place), hidden) => (base.source(&place), hidden.cloned()),
            (None, Some(_)) => (Source::Store, None),
            (None, None) => (Source::Default, None),
        };
        EffectiveValue { path: path.to_owned(), value, source, hidden }
    };
    let others = picture.snapshot.settings.iter().filter(|s| !known.contains(&s.name.as_str()));
    let others = others.map(|setting| EffectiveValue {
        path: setting.name.clone(),
        value: setting.value.clone(),
        source: Source::Store,
        hidden: None,
    });
    let mut all: Vec<EffectiveValue> = values.into_iter().map(value).collect();
    all.extend(others);
    all
}

/// Each field of each provider: what was said, and for the rest the preset's or the program's.
fn providers(picture: &Picture, values: &mut Vec<EffectiveValue>) {
    for provider in &picture.settings.providers {
        let name = &provider.name;
        let row = picture.snapshot.providers.iter().find(|row| row.spec.name == *name);
        let file = picture.check.base().defines(SpotKind::Provider, name);
        let said = row.map(|row| shown(&row.spec));
        let Value::Object(fields) = shown(&spec_of(provider)) else { continue };
        for (field, value) in fields.into_iter().filter(|(field, _)| field != "name" && field != "dialect") {
            let stored = said.as_ref().and_then(|said| said.get(&field)).filter(|value| is_said(value));
            let (source, hidden) = match (&file, stored) {
                (Some(at), stored) => (Source::File(at.clone()), stored.cloned()),
                (None, Some(_)) => (Source::Store, None),
                (None, None) if row.is_none() => (Source::Embedded, None),
                (None, None) if field == "endpoints" || field == "quirks" => (Source::Preset, None),
                (None, None) => (Source::Default, None),
            };
            values.push(EffectiveValue { path: format!("providers.{name}.{field}"), value, source, hidden });
        }
    }
}

/// Values by the names of their things.
type Named = Vec<(String, Value)>;

/// Aliases and apps, one value each.
fn things(picture: &Picture, kind: SpotKind, values: &mut Vec<EffectiveValue>) {
    let (settings, snapshot) = (&picture.settings, &picture.snapshot);
    let (list, used, stored): (_, Named, Named) = match kind {
        SpotKind::Alias => (
            "aliases",
            settings.aliases.iter().map(|alias| (alias.name.clone(), shown(alias))).collect(),
            snapshot.aliases.iter().map(|row| (row.spec.name.clone(), shown(&row.spec))).collect(),
        ),
        SpotKind::App => (
            "apps",
            settings.apps.iter().map(|app| (app.name.clone(), without_keys(shown(app)))).collect(),
            snapshot.apps.iter().map(|row| (row.spec.name.clone(), shown(&row.spec))).collect(),
        ),
        SpotKind::Provider | SpotKind::Setting => return,
    };
    let stored: std::collections::HashMap<String, Value> = stored.into_iter().collect();
    for (name, value) in used {
        let (source, hidden) = match (picture.check.base().defines(kind, &name), stored.get(&name)) {
            (Some(at), hidden) => (Source::File(at), hidden.cloned()),
            (None, Some(_)) => (Source::Store, None),
            (None, None) => (Source::Default, None),
        };
        values.push(EffectiveValue { path: format!("{list}.{name}"), value, source, hidden });
    }
}

/// Hashes of keys are no secret, and nobody's business here.
fn without_keys(mut app: Value) -> Value {
    if let Some(app) = app.as_object_mut() {
        app.remove("keys");
    }
    app
}

fn shown(thing: &impl Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

/// Something other than "nothing was said".
fn is_said(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(fields) => fields.values().any(is_said),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
