//! Models with their prices, and aliases.

use super::change::source;
use super::figure::count;
use super::sheet::{Cell, Sheet, Tone};
use crate::cli::when::date;
use jiff::tz::TimeZone;
use protocol::control::model::{AliasView, ModelSpec, ModelView, PriceSpec};

pub(super) fn list(models: &[ModelView], sheet: &mut Sheet<'_>) {
    let row = |view: &ModelView| {
        let facts = &view.spec.facts;
        vec![
            Cell::from(format!("{}/{}", view.provider, view.spec.name)),
            facts.context.map(count).into(),
            facts.max_output.map(count).into(),
            abilities(&view.spec).into(),
            view.price.as_ref().map(|price| amounts(&price.spec)).into(),
            life(&view.spec, &sheet.view.zone),
            Cell::in_tone(source(&view.source), Tone::Faint),
        ]
    };
    let head = ["MODEL", "CONTEXT", "OUTPUT", "CAN", "PRICE (M in/out)", "LIFE", "FROM"];
    let rows = models.iter().map(row).collect();
    sheet.table(&head, rows, "no models are known");
}

fn abilities(spec: &ModelSpec) -> Option<String> {
    let facts = &spec.facts;
    let can = [("tools", facts.tools), ("vision", facts.vision), ("reasoning", facts.reasoning)];
    let can: Vec<&str> =
        can.into_iter().filter(|(_, can)| *can == Some(true)).map(|(name, _)| name).collect();
    (!can.is_empty()).then(|| can.join(" "))
}

fn amounts(price: &PriceSpec) -> String {
    let amount = |micro: Option<u64>| micro.map_or("?".to_owned(), |micro| format!("{}", micro as f64 / 1e6));
    format!("{}/{} {}", amount(price.input_fresh), amount(price.output), price.currency)
}

fn life(spec: &ModelSpec, zone: &TimeZone) -> Cell {
    let until = spec.sunset_ms.map(|at| format!(" until {}", date(at, zone))).unwrap_or_default();
    match (spec.enabled, spec.deprecated) {
        (false, _) => Cell::in_tone("disabled", Tone::Faint),
        (true, true) => Cell::in_tone(format!("deprecated{until}"), Tone::Warn),
        (true, false) if spec.sunset_ms.is_some() => Cell::in_tone(until.trim(), Tone::Warn),
        (true, false) => Cell::from(None::<&str>),
    }
}

pub(super) fn aliases(aliases: &[AliasView], sheet: &mut Sheet<'_>) {
    let row = |view: &AliasView| {
        let spec = &view.spec;
        let share = |weight: u32| if weight == 1 { String::new() } else { format!("={weight}") };
        let to: Vec<String> = spec
            .candidates
            .iter()
            .map(|c| format!("{}/{}{}", c.provider, c.model, share(c.weight)))
            .collect();
        let state = if spec.enabled { Cell::from("") } else { Cell::in_tone("disabled", Tone::Faint) };
        let from = Cell::in_tone(source(&view.source), Tone::Faint);
        vec![Cell::from(&spec.name), to.join(", ").into(), state, from, Cell::from(&spec.note)]
    };
    let empty = "no alias yet: llm-link aliases set NAME --to PROVIDER/MODEL";
    sheet.table(&["ALIAS", "CANDIDATES", "", "FROM", "NOTE"], aliases.iter().map(row).collect(), empty);
}
