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
    let mut values = server(picture);
    providers(picture, &mut values);
    things(picture, SpotKind::Alias, &mut values);
    things(picture, SpotKind::App, &mut values);
    values
}

/// `server.*` and `log.*`.
fn server(picture: &Picture) -> Vec<EffectiveValue> {
    let (server, log) = (&picture.settings.server, &picture.settings.log);
    let listeners: Vec<String> = server.listeners.iter().map(|l| l.address.to_string()).collect();
    let limits = &server.limits;
    let values = [
        ("server.listen", json!(listeners)),
        ("server.open", json!(server.listeners.iter().any(|listener| listener.open))),
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
    ];
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
    let mut all: Vec<EffectiveValue> = values.map(value).into();
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
