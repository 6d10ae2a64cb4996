//! Candidates, fallbacks and `[[aliases]]` as typed: a text, or a table that says more.

use super::keys;
use crate::settings::cursor::{Cursor, Key, place_of};
use crate::settings::place::{Place, Typed};

/// One place a call may go to.
#[derive(Clone)]
pub(crate) struct RawStep {
    pub(crate) place: Place,
    pub(crate) target: RawTarget,
    pub(crate) weight: Option<Typed<i64>>,
    pub(crate) when: RawConditions,
}

/// Where a step leads.
#[derive(Clone)]
pub(crate) enum RawTarget {
    /// `provider` or `provider/model`.
    Text(Typed<String>),
    Apart {
        provider: Option<Typed<String>>,
        model: Option<Typed<String>>,
    },
}

/// `when = { ... }`
#[derive(Clone, Default)]
pub(crate) struct RawConditions {
    pub(crate) models: Vec<Typed<String>>,
    pub(crate) dialects: Vec<Typed<String>>,
    pub(crate) tools: Option<Typed<bool>>,
    pub(crate) vision: Option<Typed<bool>>,
    pub(crate) min_context: Option<Typed<i64>>,
    pub(crate) max_context: Option<Typed<i64>>,
}

/// A public model name.
#[derive(Clone)]
pub(crate) struct RawAlias {
    pub(crate) place: Place,
    pub(crate) name: Option<Typed<String>>,
    pub(crate) enabled: Option<Typed<bool>>,
    pub(crate) note: Option<Typed<String>>,
    pub(crate) rule: Option<Typed<String>>,
    pub(crate) candidates: Vec<RawStep>,
}

impl RawStep {
    /// A step that is one text.
    pub(crate) fn text(typed: Typed<String>) -> RawStep {
        let place = typed.place.clone();
        RawStep { place, target: RawTarget::Text(typed), weight: None, when: RawConditions::default() }
    }
}

pub(super) fn read_alias(table: &mut Cursor<'_, '_>) -> RawAlias {
    RawAlias {
        place: table.place(),
        name: table.text(keys::alias::NAME),
        enabled: table.flag(keys::alias::ENABLED),
        note: table.text(keys::alias::NOTE),
        rule: table.text(keys::alias::RULE),
        candidates: read_steps(table, keys::alias::CANDIDATES),
    }
}

/// The steps of a list; one text stands for a list of one.
pub(super) fn read_steps(table: &mut Cursor<'_, '_>, key: Key) -> Vec<RawStep> {
    let Some(value) = table.value(key) else { return Vec::new() };
    let items = match value.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![value],
    };
    let mut steps = Vec::with_capacity(items.len());
    for item in items {
        if let Some(text) = item.get_ref().as_str() {
            steps.push(RawStep::text(Typed::new(text.to_owned(), place_of(item))));
        } else if item.get_ref().is_table() {
            steps.extend(table.table_of(item, key, "a candidate", read_step));
        } else {
            table.wrong_shape(item, key, "text in quotes or a table");
        }
    }
    steps
}

fn read_step(table: &mut Cursor<'_, '_>) -> RawStep {
    use keys::step as own;
    RawStep {
        place: table.place(),
        target: RawTarget::Apart { provider: table.text(own::PROVIDER), model: table.text(own::MODEL) },
        weight: table.number(own::WEIGHT),
        when: table.table(own::WHEN, "when", read_conditions).unwrap_or_default(),
    }
}

fn read_conditions(table: &mut Cursor<'_, '_>) -> RawConditions {
    use keys::when as own;
    RawConditions {
        models: table.texts(own::MODELS).unwrap_or_default(),
        dialects: table.texts(own::DIALECTS).unwrap_or_default(),
        tools: table.flag(own::TOOLS),
        vision: table.flag(own::VISION),
        min_context: table.number(own::MIN_CONTEXT),
        max_context: table.number(own::MAX_CONTEXT),
    }
}
