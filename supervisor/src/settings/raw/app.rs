//! `[[apps]]`, `[[aliases]]` and `[log]` as typed.

use super::keys;
use super::provider::{RawKey, read_key};
use crate::settings::cursor::Cursor;
use crate::settings::place::{Place, Typed};

/// A client of LLM Link.
#[derive(Clone)]
pub(crate) struct RawApp {
    pub(crate) place: Place,
    pub(crate) name: Option<Typed<String>>,
    pub(crate) keys: Vec<RawKey>,
    pub(crate) strict: Option<Typed<bool>>,
}

/// A public model name.
#[derive(Clone)]
pub(crate) struct RawAlias {
    pub(crate) place: Place,
    pub(crate) name: Option<Typed<String>>,
    pub(crate) candidates: Vec<Typed<String>>,
}

/// What is said about the program's own doings.
#[derive(Clone, Default)]
pub(crate) struct RawLog {
    pub(crate) level: Option<Typed<String>>,
    pub(crate) format: Option<Typed<String>>,
}

pub(super) fn read(table: &mut Cursor<'_, '_>) -> RawApp {
    let name = table.text(keys::app::NAME);
    let items = table.list(keys::app::KEYS).unwrap_or_default();
    let keys = items.iter().map(|item| read_key(table, item, keys::app::KEYS)).collect();
    RawApp { place: table.place(), name, keys, strict: table.flag(keys::app::STRICT) }
}

pub(super) fn read_alias(table: &mut Cursor<'_, '_>) -> RawAlias {
    RawAlias {
        place: table.place(),
        name: table.text(keys::alias::NAME),
        candidates: table.texts(keys::alias::CANDIDATES).unwrap_or_default(),
    }
}

pub(super) fn read_log(table: &mut Cursor<'_, '_>) -> RawLog {
    RawLog { level: table.text(keys::log::LEVEL), format: table.text(keys::log::FORMAT) }
}
