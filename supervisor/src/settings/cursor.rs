//! Reads one TOML table key by key: types are checked, places kept, and what nobody asked for is a mistake.
//!
//! Owns shapes only (text, number, list, table); what a value means is decided in [`super::resolve`].

use super::mistake::Findings;
use super::place::{Place, Typed};
use super::quantity;
use super::suggest::did_you_mean;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key of the configuration and a line that uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

impl Key {
    pub(crate) const fn new(name: &'static str, example: &'static str) -> Key {
        Key { name, example }
    }
}

type Value<'t> = Spanned<DeValue<'t>>;

/// A table being read.
pub(crate) struct Cursor<'t, 'f> {
    table: &'t DeTable<'t>,
    /// How messages call this table: `[server]`.
    title: &'static str,
    place: Place,
    asked: Vec<Key>,
    /// Any key is welcome.
    free: bool,
    findings: &'f mut Findings,
}

impl<'t, 'f> Cursor<'t, 'f> {
    pub(crate) fn new(
        table: &'t DeTable<'t>,
        title: &'static str,
        place: Place,
        findings: &'f mut Findings,
    ) -> Cursor<'t, 'f> {
        Cursor { table, title, place, asked: Vec::new(), free: false, findings }
    }

    /// Where the table starts.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    pub(crate) fn text(&mut self, key: Key) -> Option<Typed<String>> {
        let value = self.value(key)?;
        self.read(value, key, "text in quotes", |v| v.as_str().map(str::to_owned))
    }

    pub(crate) fn flag(&mut self, key: Key) -> Option<Typed<bool>> {
        let value = self.value(key)?;
        self.read(value, key, "true or false", DeValue::as_bool)
    }

    pub(crate) fn number(&mut self, key: Key) -> Option<Typed<i64>> {
        let value = self.value(key)?;
        self.read(value, key, "a whole number", whole_number)
    }

    /// A number with or without a fraction, as it was written.
    pub(crate) fn decimal(&mut self, key: Key) -> Option<Typed<String>> {
        let value = self.value(key)?;
        self.read(value, key, "a number", |v| match v {
            DeValue::Integer(_) => whole_number(v).map(|n| n.to_string()),
            DeValue::Float(float) => Some(float.as_str().to_owned()),
            _ => None,
        })
    }

    /// A date, with a time or without, bare or in quotes: milliseconds since 1970.
    pub(crate) fn moment(&mut self, key: Key) -> Option<Typed<u64>> {
        let value = self.value(key)?;
        self.read(value, key, "a date such as 2027-01-31 or 2027-01-31T12:00:00Z", |v| match v {
            DeValue::Datetime(date) => quantity::moment(date),
            DeValue::String(text) => text.parse().ok().and_then(|date| quantity::moment(&date)),
            _ => None,
        })
    }

    /// A list of texts; one text stands for a list of one. `None` also if any of them is something else.
    pub(crate) fn texts(&mut self, key: Key) -> Option<Vec<Typed<String>>> {
        let value = self.value(key)?;
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let text = |v: &DeValue| v.as_str().map(str::to_owned);
        let count = items.len();
        let read: Vec<_> =
            items.into_iter().filter_map(|v| self.read(v, key, "text in quotes", text)).collect();
        (read.len() == count).then_some(read)
    }

    /// The elements of a list, whatever they are.
    pub(crate) fn list(&mut self, key: Key) -> Option<&'t [Value<'t>]> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(items),
            _ => {
                self.wrong_shape(value, key, "a list");
                None
            }
        }
    }

    /// A table below this one, read by `read`.
    pub(crate) fn table<T>(
        &mut self,
        key: Key,
        title: &'static str,
        read: impl FnOnce(&mut Cursor<'t, '_>) -> T,
    ) -> Option<T> {
        let value = self.value(key)?;
        self.table_of(value, key, title, read)
    }

    /// The same for a value that is already at hand, such as an element of a list.
    pub(crate) fn table_of<T>(
        &mut self,
        value: &'t Value<'t>,
        key: Key,
        title: &'static str,
        read: impl FnOnce(&mut Cursor<'t, '_>) -> T,
    ) -> Option<T> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_shape(value, key, "a table");
            return None;
        };
        let mut cursor = Cursor::new(table, title, place_of(value), self.findings);
        let read = read(&mut cursor);
        cursor.finish();
        Some(read)
    }

    /// Every entry of this table as texts. For tables whose keys are free, such as headers.
    pub(crate) fn entries(&mut self, example: Key) -> Vec<(Typed<String>, Typed<String>)> {
        let mut entries = Vec::new();
        for (name, value) in self.free_keys() {
            let key = Key::new("this value", example.example);
            if let Some(value) = self.read(value, key, "text in quotes", |v| v.as_str().map(str::to_owned)) {
                entries.push((name, value));
            }
        }
        entries
    }

    /// Every entry of this table, unread.
    pub(crate) fn free_keys(&mut self) -> Vec<(Typed<String>, &'t Value<'t>)> {
        let name = |key: &Spanned<_>| Typed::new(text_of(key).to_owned(), Place::Byte(key.span().start));
        self.free = true;
        self.table.iter().map(|(key, value)| (name(key), value)).collect()
    }

    /// A value as it stands.
    pub(crate) fn value(&mut self, key: Key) -> Option<&'t Value<'t>> {
        self.asked.push(key);
        self.table.get(key.name)
    }

    pub(crate) fn findings(&mut self) -> &mut Findings {
        self.findings
    }

    /// `key` must be something else.
    pub(crate) fn wrong_shape(&mut self, value: &Value<'_>, key: Key, wanted: &str) {
        let found = shape(value.get_ref());
        let what = format!("`{}` must be {wanted}, not {found}", key.name);
        self.findings.mistake(&place_of(value), what, key.example);
    }

    /// Reports every key of the table that was not asked for.
    pub(crate) fn finish(self) {
        for key in self.table.keys().filter(|_| !self.free) {
            let typed = text_of(key);
            if self.asked.iter().any(|known| known.name == typed) {
                continue;
            }
            let hint = did_you_mean(typed, self.asked.iter().map(|known| known.name));
            let meant = self.asked.iter().find(|known| hint.contains(&format!("`{}`", known.name)));
            let (hint, example) = match meant.or(self.asked.first()) {
                Some(meant) if !hint.is_empty() => (hint, meant.example),
                Some(first) => (format!("; known are {}", listed(&self.asked)), first.example),
                None => (hint, ""),
            };
            let what = format!("unknown key `{}` in {}{hint}", typed.escape_debug(), self.title);
            self.findings.mistake(&Place::Byte(key.span().start), what, example);
        }
    }

    fn read<T>(
        &mut self,
        value: &Value<'t>,
        key: Key,
        wanted: &str,
        read: impl FnOnce(&DeValue<'t>) -> Option<T>,
    ) -> Option<Typed<T>> {
        match read(value.get_ref()) {
            Some(read) => Some(Typed::new(read, place_of(value))),
            None => {
                self.wrong_shape(value, key, wanted);
                None
            }
        }
    }
}

/// Where a value starts.
pub(crate) fn place_of(value: &Value<'_>) -> Place {
    Place::Byte(value.span().start)
}

/// A number without a fraction that fits 64 bits.
pub(crate) fn whole_number(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn text_of<'k>(key: &'k Spanned<std::borrow::Cow<'_, str>>) -> &'k str {
    key.get_ref().as_ref()
}

fn listed(keys: &[Key]) -> String {
    keys.iter().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
}

fn shape(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) if whole_number(value).is_none() => "a number beyond 64 bits",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
