//! `[[aliases]]`: the names that clients use, and what is behind them.

use super::Names;
use super::model::is_id;
use super::route::{self, RULES};
use super::value::word;
use crate::settings::mistake::Findings;
use crate::settings::place::Place;
use crate::settings::raw::keys::alias as alias_keys;
use crate::settings::raw::{RawAlias, RawStep, RawTarget};
use protocol::ipc::configure::{Alias, Candidate, Conditions, Rule};

/// An alias whose candidates all exist. `earlier` are the aliases before it.
pub(super) fn alias(
    raw: RawAlias,
    providers: &Names<'_>,
    earlier: &[Alias],
    findings: &mut Findings,
) -> Option<Alias> {
    let Some(name) = raw.name else {
        findings.mistake(&raw.place, "this alias has no `name`", alias_keys::NAME.example);
        return None;
    };
    // A nameless alias, for calls that name no model, exists only for the flags of llm-link 0.7.
    let nameless = name.value.is_empty() && matches!(name.place, Place::Named(_));
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
        && providers.usable.iter().any(|known| known == provider)
    {
        let what = format!("alias `{}` reads as a model of provider `{provider}`", name.value);
        findings.mistake(&name.place, what, alias_keys::NAME.example);
        return None;
    }
    if raw.candidates.is_empty() {
        let what = format!("alias `{}` has no candidates", name.value);
        findings.mistake(&raw.place, what, alias_keys::CANDIDATES.example);
    }
    let weighed = raw.candidates.iter().any(|step| step.weight.is_some());
    let rule = match raw.rule {
        // Who gives weights means them.
        None if weighed => Rule::Weighted,
        typed => word(typed, &RULES, alias_keys::RULE, findings),
    };
    let mut candidates = Vec::with_capacity(raw.candidates.len());
    for step in raw.candidates {
        candidates.extend(candidate(step, providers, &candidates, findings));
    }
    Some(Alias { name: name.value, rule, candidates })
}

/// What is named without a model.
fn bare(target: &RawTarget) -> Option<&str> {
    match target {
        RawTarget::Text(text) if !text.value.contains('/') => Some(&text.value),
        RawTarget::Apart { provider: Some(provider), model: None } => Some(&provider.value),
        RawTarget::Text(_) | RawTarget::Apart { .. } => None,
    }
}

fn candidate(
    raw: RawStep,
    providers: &Names<'_>,
    earlier: &[Candidate],
    findings: &mut Findings,
) -> Option<Candidate> {
    let place = raw.place.clone();
    let example = alias_keys::CANDIDATES.example;
    // Said first: without a model it is wrong, whatever providers there are.
    if let Some(provider) = bare(&raw.target) {
        let what = format!("candidate `{}` is not of the form `provider/model`", provider.escape_debug());
        findings.mistake(&place, what, example);
        return None;
    }
    let step = route::step(raw, alias_keys::CANDIDATES, providers, findings)?;
    let model = step.model?;
    if step.when != Conditions::default() {
        let what = "the candidates of an alias have no conditions; those of an app may";
        findings.mistake(&place, what, example);
    }
    if earlier.iter().any(|other| (&other.provider, &other.model) == (&step.provider, &model)) {
        let what = format!("candidate `{}/{model}` is listed twice", step.provider);
        findings.mistake(&place, what, example);
        return None;
    }
    Some(Candidate { provider: step.provider, model, weight: step.weight })
}
