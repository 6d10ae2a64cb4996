//! Candidates and fallbacks of apps and aliases: where calls may go, and which.

use super::Names;
use super::model::is_id;
use super::upstream::dialect;
use super::value::{count, some_count};
use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::raw::keys::{step as step_keys, when as when_keys};
use crate::settings::raw::{RawConditions, RawStep, RawTarget};
use protocol::dialect::Dialect;
use protocol::ipc::configure::{Conditions, RouteStep, Rule};

const LONGEST_PATTERN: usize = 255;
/// More candidates than this are a mistake, not a plan.
const MOST_STEPS: usize = 64;

/// The rules by their names.
pub(super) const RULES: [(&str, Rule); 5] = [
    ("priority", Rule::Priority),
    ("round_robin", Rule::RoundRobin),
    ("weighted", Rule::Weighted),
    ("least_connections", Rule::LeastConnections),
    ("latency", Rule::Latency),
];

/// The usable steps of a list.
pub(super) fn steps(
    raw: Vec<RawStep>,
    key: Key,
    providers: &Names<'_>,
    findings: &mut Findings,
) -> Vec<RouteStep> {
    let mut steps: Vec<RouteStep> = Vec::with_capacity(raw.len());
    if let Some(beyond) = raw.get(MOST_STEPS) {
        let what = format!("`{}` has more than {MOST_STEPS} entries", key.name);
        findings.mistake(&beyond.place, what, key.example);
    }
    for raw in raw {
        let place = raw.place.clone();
        let Some(step) = step(raw, key, providers, findings) else { continue };
        if steps.contains(&step) {
            let shown = shown(&step.provider, step.model.as_deref());
            let what = format!("candidate `{}` is listed twice", shown.escape_debug());
            findings.mistake(&place, what, key.example);
        } else {
            steps.push(step);
        }
    }
    steps
}

/// One step, if its provider is known.
pub(super) fn step(
    raw: RawStep,
    key: Key,
    providers: &Names<'_>,
    findings: &mut Findings,
) -> Option<RouteStep> {
    let place = raw.place;
    let weight = count(raw.weight, 1, 1..=1_000_000, step_keys::WEIGHT, findings);
    let when = conditions(raw.when, findings);
    let (provider, model) = target(raw.target, &place, key, findings)?;
    let shown = shown(&provider.value, model.as_ref().map(|model| model.value.as_str()));
    let shown = shown.escape_debug();
    if provider.value.is_empty() {
        let what = format!("candidate `{shown}` is not of the form `provider/model`");
        findings.mistake(&provider.place, what, key.example);
        return None;
    }
    if !providers.has(&provider) {
        let named = provider.value.escape_debug().to_string();
        let hint = providers.hint(&named);
        let what = format!("candidate `{shown}` names the unknown provider `{named}`{hint}");
        findings.missing(&provider.place, what, key.example);
        return None;
    }
    if let Some(model) = model.as_ref().filter(|model| !is_id(&model.value)) {
        let what = format!("candidate `{shown}` is not of the form `provider/model`");
        findings.mistake(&model.place, what, key.example);
        return None;
    }
    Some(RouteStep { provider: provider.value, model: model.map(|model| model.value), weight, when })
}

type Target = (Typed<String>, Option<Typed<String>>);

fn target(raw: RawTarget, place: &Place, key: Key, findings: &mut Findings) -> Option<Target> {
    match raw {
        RawTarget::Text(text) => Some(match text.value.split_once('/') {
            Some((provider, model)) => (
                Typed::new(provider.to_owned(), text.place.clone()),
                Some(Typed::new(model.to_owned(), text.place.clone())),
            ),
            None => (text, None),
        }),
        RawTarget::Apart { provider: Some(provider), model } => Some((provider, model)),
        RawTarget::Apart { provider: None, .. } => {
            let what = format!("this entry of `{}` has no `provider`", key.name);
            findings.mistake(place, what, step_keys::PROVIDER.example);
            None
        }
    }
}

fn conditions(raw: RawConditions, findings: &mut Findings) -> Conditions {
    use when_keys as own;
    const MOST: u64 = 1 << 40;
    let min = raw.min_context.clone();
    let when = Conditions {
        models: patterns(raw.models, own::MODELS, findings),
        dialects: dialects(raw.dialects, findings),
        tools: raw.tools.map(|typed| typed.value),
        vision: raw.vision.map(|typed| typed.value),
        min_context: some_count(raw.min_context, 0..=MOST, own::MIN_CONTEXT, findings),
        max_context: some_count(raw.max_context, 1..=MOST, own::MAX_CONTEXT, findings),
    };
    if let (Some(place), Some(least), Some(most)) = (min, when.min_context, when.max_context)
        && least > most
    {
        let what = "no call fits: `min_context` is larger than `max_context`";
        findings.mistake(&place.place, what, own::MIN_CONTEXT.example);
    }
    when
}

/// Names with `*` for any characters.
pub(super) fn patterns(typed: Vec<Typed<String>>, key: Key, findings: &mut Findings) -> Vec<String> {
    let mut patterns = Vec::with_capacity(typed.len());
    for typed in typed {
        let plain = !typed.value.chars().any(|c| c.is_whitespace() || c.is_control());
        if plain && (1..=LONGEST_PATTERN).contains(&typed.value.len()) {
            patterns.push(typed.value);
        } else {
            let what = "a pattern is 1 to 255 characters without spaces or control characters";
            findings.mistake(&typed.place, what, key.example);
        }
    }
    patterns
}

fn dialects(typed: Vec<Typed<String>>, findings: &mut Findings) -> Vec<Dialect> {
    typed.iter().filter_map(|typed| dialect(typed, findings)).collect()
}

fn shown(provider: &str, model: Option<&str>) -> String {
    model.map_or_else(|| provider.to_owned(), |model| format!("{provider}/{model}"))
}
