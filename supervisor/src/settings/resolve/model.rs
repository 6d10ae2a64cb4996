//! The models of a provider, and the aliases that clients use for them.

use super::value::count;
use crate::settings::mistake::Findings;
use crate::settings::place::Typed;
use crate::settings::raw::keys::{alias as alias_keys, model as keys};
use crate::settings::raw::{RawAlias, RawModel};
use crate::settings::resolved::Alias;
use crate::settings::suggest::did_you_mean;
use protocol::ipc::configure::{Candidate, ModelEntry, ModelFacts};
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
    for raw in raw {
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
            models.push(ModelEntry { id, facts: facts(raw, known, findings) });
        }
    }
    models
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
    }
}

/// An alias whose candidates all exist. `earlier` are the aliases before it.
pub(super) fn alias(
    raw: RawAlias,
    providers: &[String],
    earlier: &[Alias],
    findings: &mut Findings,
) -> Option<Alias> {
    let Some(name) = raw.name else {
        findings.mistake(&raw.place, "this alias has no `name`", alias_keys::NAME.example);
        return None;
    };
    // A nameless alias, for calls that name no model, exists only for the flags of llm-link 0.7.
    let nameless = name.value.is_empty() && matches!(name.place, super::Place::Named(_));
    if !is_id(&name.value) && !nameless {
        let what = "an alias is 1 to 255 characters without spaces or control characters";
        findings.mistake(&name.place, what, alias_keys::NAME.example);
        return None;
    }
    if earlier.iter().any(|other| other.name == name.value) {
        let what = format!("alias `{}` is configured twice", name.value);
        findings.mistake(&name.place, what, r#"name = "a-name-of-its-own""#);
        return None;
    }
    if let Some((provider, _)) = name.value.split_once('/')
        && providers.iter().any(|known| known == provider)
    {
        let what = format!("alias `{}` reads as a model of provider `{provider}`", name.value);
        findings.mistake(&name.place, what, alias_keys::NAME.example);
        return None;
    }
    if raw.candidates.is_empty() {
        let what = format!("alias `{}` has no candidates", name.value);
        findings.mistake(&raw.place, what, alias_keys::CANDIDATES.example);
    }
    let mut candidates = Vec::with_capacity(raw.candidates.len());
    for typed in raw.candidates {
        candidates.extend(candidate(typed, providers, &candidates, findings));
    }
    Some(Alias { name: name.value, candidates })
}

fn candidate(
    typed: Typed<String>,
    providers: &[String],
    earlier: &[Candidate],
    findings: &mut Findings,
) -> Option<Candidate> {
    let shown = typed.value.escape_debug();
    let example = alias_keys::CANDIDATES.example;
    let split = typed.value.split_once('/').filter(|(_, model)| is_id(model));
    let Some((provider, model)) = split else {
        findings.mistake(
            &typed.place,
            format!("candidate `{shown}` is not of the form `provider/model`"),
            example,
        );
        return None;
    };
    if !providers.iter().any(|known| known == provider) {
        let provider = provider.escape_debug().to_string();
        let hint = did_you_mean(&provider, providers.iter().map(String::as_str));
        let what = format!("candidate `{shown}` names the unknown provider `{provider}`{hint}");
        findings.mistake(&typed.place, what, example);
        return None;
    }
    let candidate = Candidate { provider: provider.to_owned(), model: model.to_owned() };
    if earlier.contains(&candidate) {
        findings.mistake(&typed.place, format!("candidate `{shown}` is listed twice"), example);
        return None;
    }
    Some(candidate)
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
