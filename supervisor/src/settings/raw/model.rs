//! The models of a provider as typed.

use super::keys;
use crate::settings::cursor::{Cursor, Key, place_of};
use crate::settings::place::{Place, Typed};

/// A model and what its owner knows of it.
#[derive(Clone)]
pub(crate) struct RawModel {
    pub(crate) place: Place,
    pub(crate) id: Option<Typed<String>>,
    pub(crate) enabled: Option<Typed<bool>>,
    pub(crate) context: Option<Typed<i64>>,
    pub(crate) max_output: Option<Typed<i64>>,
    pub(crate) tools: Option<Typed<bool>>,
    pub(crate) vision: Option<Typed<bool>>,
    pub(crate) reasoning: Option<Typed<bool>>,
    pub(crate) prefill: Option<Typed<bool>>,
    pub(crate) version: Option<Typed<String>>,
    pub(crate) deprecated: Option<Typed<bool>>,
    /// Milliseconds since 1970.
    pub(crate) sunset: Option<Typed<u64>>,
    pub(crate) alternatives: Vec<Typed<String>>,
    pub(crate) prices: Vec<RawPrice>,
}

/// `prices = [{ ... }]`; amounts for a million tokens.
#[derive(Clone)]
pub(crate) struct RawPrice {
    pub(crate) place: Place,
    /// Milliseconds since 1970.
    pub(crate) since: Option<Typed<u64>>,
    pub(crate) currency: Option<Typed<String>>,
    pub(crate) input: Option<Typed<String>>,
    pub(crate) cache_read: Option<Typed<String>>,
    pub(crate) cache_write: Option<Typed<String>>,
    pub(crate) output: Option<Typed<String>>,
}

impl RawModel {
    /// A model of which only the id is known.
    pub(crate) fn named(id: Typed<String>) -> RawModel {
        RawModel {
            place: id.place.clone(),
            id: Some(id),
            enabled: None,
            context: None,
            max_output: None,
            tools: None,
            vision: None,
            reasoning: None,
            prefill: None,
            version: None,
            deprecated: None,
            sunset: None,
            alternatives: Vec::new(),
            prices: Vec::new(),
        }
    }
}

pub(super) fn read_models(table: &mut Cursor<'_, '_>, key: Key) -> Option<Vec<RawModel>> {
    let items = table.list(key)?;
    let mut models = Vec::with_capacity(items.len());
    for item in items {
        if let Some(id) = item.get_ref().as_str() {
            models.push(RawModel::named(Typed::new(id.to_owned(), place_of(item))));
        } else if item.get_ref().is_table() {
            models.extend(table.table_of(item, key, "a model", read_model));
        } else {
            table.wrong_shape(item, Key::new("models", keys::model::ID.example), "a list of ids or tables");
        }
    }
    Some(models)
}

fn read_model(table: &mut Cursor<'_, '_>) -> RawModel {
    use keys::model as own;
    RawModel {
        place: table.place(),
        id: table.text(own::ID),
        enabled: table.flag(own::ENABLED),
        context: table.number(own::CONTEXT),
        max_output: table.number(own::MAX_OUTPUT),
        tools: table.flag(own::TOOLS),
        vision: table.flag(own::VISION),
        reasoning: table.flag(own::REASONING),
        prefill: table.flag(own::PREFILL),
        version: table.text(own::VERSION),
        deprecated: table.flag(own::DEPRECATED),
        sunset: table.moment(own::SUNSET),
        alternatives: table.texts(own::ALTERNATIVES).unwrap_or_default(),
        prices: read_prices(table),
    }
}

fn read_prices(table: &mut Cursor<'_, '_>) -> Vec<RawPrice> {
    let items = table.list(keys::model::PRICES).unwrap_or_default();
    items.iter().filter_map(|item| table.table_of(item, keys::model::PRICES, "a price", read_price)).collect()
}

fn read_price(table: &mut Cursor<'_, '_>) -> RawPrice {
    use keys::price as own;
    RawPrice {
        place: table.place(),
        since: table.moment(own::SINCE),
        currency: table.text(own::CURRENCY),
        input: table.decimal(own::INPUT),
        cache_read: table.decimal(own::CACHE_READ),
        cache_write: table.decimal(own::CACHE_WRITE),
        output: table.decimal(own::OUTPUT),
    }
}
