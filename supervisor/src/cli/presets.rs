//! `presets` and `--list-models`: the presets, for people and for programs.

use super::{Format, out};
use crate::settings::did_you_mean;
use protocol::ipc::configure::AuthScheme;
use protocol::preset::{self, KeyNeed, Preset, PresetModel};
use serde_json::{Value as Json, json};
use std::io::{self, Write};
use std::process::ExitCode;

pub(super) fn list(format: Format, to: &mut dyn Write) -> io::Result<ExitCode> {
    match format {
        Format::Json => print_json(&Json::Array(preset::all().iter().map(summary).collect()), to)?,
        Format::Text => {
            let mut rows = vec![["PRESET", "KEY", "DIALECTS", "PROVIDER"].map(str::to_owned).to_vec()];
            rows.extend(preset::all().iter().map(row));
            out::table(&rows, to)?;
        }
    }
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(name: &str, format: Format, to: &mut dyn Write) -> io::Result<ExitCode> {
    let Some(preset) = preset::find(name) else { return unknown(name, to) };
    match format {
        Format::Json => print_json(&whole(preset), to)?,
        Format::Text => print_text(preset, to)?,
    }
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// `--list-models`: of one preset, or of all as `preset/model`.
pub(super) fn models(name: Option<&str>, to: &mut dyn Write) -> io::Result<ExitCode> {
    match name {
        None => {
            for preset in preset::all() {
                for model in &preset.models {
                    writeln!(to, "{}/{}", preset.id, model.id)?;
                }
            }
        }
        Some(name) => {
            let Some(preset) = preset::find(name) else { return unknown(name, to) };
            for model in &preset.models {
                writeln!(to, "{}", model.id)?;
            }
        }
    }
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str, to: &mut dyn Write) -> io::Result<ExitCode> {
    let name = name.escape_debug().to_string();
    writeln!(to, "there is no preset `{name}`{}", did_you_mean(&name, preset::names()))?;
    to.flush()?;
    Ok(ExitCode::FAILURE)
}

fn row(preset: &Preset) -> Vec<String> {
    let key = match preset.key {
        KeyNeed::Required => preset.canonical_env().unwrap_or("needed"),
        KeyNeed::Optional => "optional",
        KeyNeed::None => "none",
    };
    let dialects = preset.endpoints.iter().map(|e| e.dialect.name()).collect::<Vec<_>>().join(" ");
    vec![preset.id.clone(), key.to_owned(), dialects, preset.name.clone()]
}

fn print_text(preset: &Preset, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{}\n", preset.name)?;
    let mut rows = vec![vec!["preset".to_owned(), preset.id.clone()]];
    if !preset.aliases.is_empty() {
        rows.push(vec!["also".to_owned(), preset.aliases.join(", ")]);
    }
    for endpoint in &preset.endpoints {
        let url = endpoint.base_url.as_deref().unwrap_or("(needs `base_url`)");
        rows.push(vec![endpoint.dialect.name().to_owned(), url.to_owned()]);
    }
    rows.push(vec!["key".to_owned(), key_text(preset)]);
    out::table(&rows, to)?;
    if !preset.models.is_empty() {
        writeln!(to)?;
        let mut rows = vec![["MODEL", "CONTEXT", "OUTPUT", "CAN"].map(str::to_owned).to_vec()];
        rows.extend(preset.models.iter().map(model_row));
        out::table(&rows, to)?;
    }
    writeln!(to, "\n[[providers]]\nname = \"{0}\"\npreset = \"{0}\"", preset.id)?;
    if preset.needs_base_url() {
        writeln!(to, "base_url = \"https://...\"")?;
    }
    match preset.canonical_env() {
        Some(variable) => writeln!(to, "key = {{ env = \"{variable}\" }}"),
        None => Ok(()),
    }
}

fn key_text(preset: &Preset) -> String {
    let need = match preset.key {
        KeyNeed::Required => "needed",
        KeyNeed::Optional => "optional",
        KeyNeed::None => return "none".to_owned(),
    };
    let how = match &preset.auth {
        AuthScheme::None => "not sent".to_owned(),
        AuthScheme::Bearer => "sent as Authorization: Bearer".to_owned(),
        AuthScheme::Header(name) => format!("sent as {name}"),
        AuthScheme::ByDialect => "sent as the dialect does".to_owned(),
    };
    let from =
        if preset.env.is_empty() { String::new() } else { format!("; from {}", preset.env.join(", ")) };
    format!("{need}, {how}{from}")
}

fn model_row(model: &PresetModel) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or("?".to_owned(), |n| n.to_string());
    let can = [("tools", model.tools), ("vision", model.vision), ("reasoning", model.reasoning)];
    let can: Vec<_> = can.into_iter().filter(|(_, can)| *can == Some(true)).map(|(name, _)| name).collect();
    vec![model.id.clone(), number(model.context), number(model.max_output), can.join(" ")]
}

fn summary(preset: &Preset) -> Json {
    json!({
        "id": preset.id,
        "name": preset.name,
        "aliases": preset.aliases,
        "key": match preset.key {
            KeyNeed::Required => "required",
            KeyNeed::Optional => "optional",
            KeyNeed::None => "none",
        },
        "env": preset.env,
        "needs_base_url": preset.needs_base_url(),
        "endpoints": preset.endpoints.iter().map(|endpoint| json!({
            "dialect": endpoint.dialect,
            "base_url": endpoint.base_url,
        })).collect::<Vec<_>>(),
    })
}

fn whole(preset: &Preset) -> Json {
    let mut json = summary(preset);
    if let Json::Object(fields) = &mut json {
        fields.insert("auth".to_owned(), json!(preset.auth));
        fields.insert("quirks".to_owned(), json!(preset.quirks));
        let models = preset.models.iter().map(|model| json!({ "id": model.id, "facts": model.facts() }));
        fields.insert("models".to_owned(), models.collect());
    }
    json
}

fn print_json(json: &Json, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, json)?;
    writeln!(to)
}
