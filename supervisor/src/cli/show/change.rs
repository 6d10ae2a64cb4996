//! Changes: what was committed, what would be, what is in force, and why something was refused.

use super::sheet::{Cell, Sheet, Tone};
use super::{app, people};
use protocol::control::answer::Now;
use protocol::control::document::{Difference, EffectiveValue};
use protocol::control::record::Source;
use protocol::control::{Changed, Refusal, RefusalKind};
use serde_json::Value;

/// Longer values are cut: whoever wants them whole asks for JSON.
const LONGEST: usize = 60;

pub(super) fn refusal(refusal: &Refusal, sheet: &mut Sheet<'_>) {
    sheet.line([Cell::in_tone("llm-link:", Tone::Bad), (&refusal.message).into()]);
    for field in &refusal.fields {
        sheet.say(format!("  {}: {}", field.field, field.message));
    }
    if let Some(ms) = refusal.retry_after_ms {
        sheet.say(format!("  again in {} s", ms.div_ceil(1000)));
    }
    if refusal.kind == RefusalKind::Stale {
        sheet.say("  somebody changed it meanwhile; look again, then repeat the command");
    }
}

pub(super) fn changed(changed: &Changed, sheet: &mut Sheet<'_>) {
    match &changed.now {
        // Something was removed, or a value or the master key was replaced.
        None => {}
        Some(Now::Provider(it)) => sheet.say(format!("provider {}", it.spec.name)),
        Some(Now::Model(it)) => sheet.say(format!("model {}/{}", it.provider, it.spec.name)),
        Some(Now::Alias(it)) => sheet.say(format!("alias {}", it.spec.name)),
        Some(Now::App(it)) => sheet.say(format!("app {}", it.spec.name)),
        Some(Now::AppKey(made)) => app::made(made, sheet),
        Some(Now::User(user)) => people::users(std::slice::from_ref(user), sheet),
        Some(Now::Differences(all)) => differences(all, sheet),
    }
    if changed.pending.is_empty() {
        let text = format!("in force as configuration {}", changed.epoch);
        sheet.line([Cell::in_tone(text, Tone::Good)]);
        return;
    }
    let text = format!("stored as configuration {}, not in force everywhere yet:", changed.epoch);
    sheet.line([Cell::in_tone(text, Tone::Warn)]);
    for pending in &changed.pending {
        sheet.say(format!("  {}: {}", pending.process, pending.reason));
    }
}

pub(super) fn differences(differences: &[Difference], sheet: &mut Sheet<'_>) {
    if differences.is_empty() {
        sheet.line([Cell::in_tone("no differences", Tone::Faint)]);
    }
    for one in differences {
        let (sign, tone) = match one.verb.as_str() {
            "create" => ("+", Tone::Good),
            "delete" => ("-", Tone::Bad),
            _ => ("~", Tone::Warn),
        };
        sheet.line([Cell::in_tone(format!("{sign} {} {}", one.object.replace('_', " "), one.name), tone)]);
        for (path, before, after) in &one.fields {
            sheet.say(format!("    {path}: {} -> {}", short(before), short(after)));
        }
    }
}

pub(super) fn effective(values: &[EffectiveValue], sheet: &mut Sheet<'_>) {
    let row = |value: &EffectiveValue| {
        let hidden =
            value.hidden.as_ref().map(|hidden| format!("hides {}", short(hidden))).unwrap_or_default();
        let from = Cell::in_tone(source(&value.source), Tone::Faint);
        vec![Cell::from(&value.path), short(&value.value).into(), from, Cell::in_tone(hidden, Tone::Warn)]
    };
    sheet.table(&["VALUE", "IS", "FROM", ""], values.iter().map(row).collect(), "no such value");
}

/// Where a thing or value comes from, in a word.
pub(super) fn source(source: &Source) -> String {
    match source {
        Source::File(at) => at.clone(),
        Source::CommandLine => "command line".to_owned(),
        Source::Environment(name) => format!("${name}"),
        Source::Store => "store".to_owned(),
        Source::Preset => "preset".to_owned(),
        Source::Discovered => "discovered".to_owned(),
        Source::Embedded => "built in".to_owned(),
        Source::Default => "default".to_owned(),
    }
}

/// A value in one short piece.
pub(super) fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    format!("{cut}…")
}
