//! The models of a provider: what is known of them, and their life from a version to a sunset.

use super::price;
use super::value::count;
use crate::settings::mistake::Findings;
use crate::settings::place::Typed;
use crate::settings::raw::RawModel;
use crate::settings::raw::keys::model as keys;
use protocol::ipc::configure::{ModelEntry, ModelFacts};
use protocol::preset::Preset;

const LONGEST_ID: usize = 255;

/// The models that were listed, with what the preset knows of them; all of the preset's if none were.
pub(super) fn models(
    raw: Option<Vec<RawModel>>,
    preset: Option<&Preset>,
    findings: &mut Findings,
) -> Vec<ModelEntry> {
    let Some(raw) = raw else {
        return preset.map(|p| p.models.iter().map(|m| m.entry()).collect()).unwrap_or_default();
    };
    let mut models: Vec<ModelEntry> = Vec::with_capacity(raw.len());
    for raw in raw.into_iter().filter(|model| super::is_enabled(&model.enabled)) {
        let Some(id) = &raw.id else {
            findings.mistake(&raw.place, "this model has no `id`", keys::ID.example);
            continue;
        };
        if !is_id(&id.value) {
            let what = "a model id is 1 to 255 characters without spaces or control characters";
            findings.mistake(&id.place, what, keys::ID.example);
        } else if models.iter().any(|other| other.id == id.value) {
            let what = format!("model `{}` is listed twice", id.value);
            findings.mistake(&id.place, what, keys::ID.example);
        } else {
            let id = id.value.clone();
            let known = preset.and_then(|p| p.model(&id)).map(|m| m.facts()).unwrap_or_default();
            models.push(entry(id, known, raw, findings));
        }
    }
    models
}

fn entry(id: String, known: ModelFacts, raw: RawModel, findings: &mut Findings) -> ModelEntry {
    if let Some(sunset) = raw.sunset.as_ref().filter(|_| !raw.deprecated.as_ref().is_some_and(|d| d.value)) {
        let what = format!("model `{id}` has a `sunset` but is not `deprecated`");
        findings.mistake(&sunset.place, what, keys::SUNSET.example);
    }
    if let Some(version) = raw.version.as_ref().filter(|version| !is_id(&version.value)) {
        let what = "a version is 1 to 255 characters without spaces or control characters";
        findings.mistake(&version.place, what, keys::VERSION.example);
    }
    for other in &raw.alternatives {
        let shown = other.value.escape_debug();
        if !is_id(&other.value) {
            let what = format!("`{shown}` is no model, nor of the form `provider/model`");
            findings.mistake(&other.place, what, keys::ALTERNATIVES.example);
        } else if other.value == id {
            let what = format!("model `{shown}` cannot be its own alternative");
            findings.mistake(&other.place, what, keys::ALTERNATIVES.example);
        }
    }
    ModelEntry {
        version: raw.version.as_ref().map(|typed| typed.value.clone()),
        deprecated: raw.deprecated.as_ref().is_some_and(|typed| typed.value),
        sunset_ms: raw.sunset.as_ref().map(|typed| typed.value),
        alternatives: raw.alternatives.iter().map(|typed| typed.value.clone()).collect(),
        prices: price::prices(&raw.prices, findings),
        facts: facts(raw, known, findings),
        id,
    }
}

fn facts(raw: RawModel, known: ModelFacts, findings: &mut Findings) -> ModelFacts {
    const MOST: u64 = 1 << 40;
    let tokens = |typed: Option<Typed<i64>>, known, key, findings: &mut _| match typed {
        Some(typed) => Some(count(Some(typed), 1, 1..=MOST, key, findings)),
        None => known,
    };
    ModelFacts {
        context: tokens(raw.context, known.context, keys::CONTEXT, findings),
        max_output: tokens(raw.max_output, known.max_output, keys::MAX_OUTPUT, findings),
        tools: raw.tools.map(|t| t.value).or(known.tools),
        vision: raw.vision.map(|t| t.value).or(known.vision),
        reasoning: raw.reasoning.map(|t| t.value).or(known.reasoning),
        prefill: raw.prefill.map(|t| t.value).or(known.prefill),
    }
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
