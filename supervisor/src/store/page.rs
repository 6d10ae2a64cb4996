//! Keyset pages: newest first, continued from the last row seen, or oldest first after a row, for following. A page
//! costs the same at any depth.

use rusqlite::{ParamsFromIter, ToSql, params_from_iter};

/// Rows on a page when nobody says, and the most anybody gets.
const USUAL: u32 = 50;
const MOST: u32 = 500;

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page<K> {
    /// Only rows older than this one; `None` = from the newest.
    pub(crate) before: Option<K>,
    /// Only rows newer than this one, and the oldest of them first.
    pub(crate) after: Option<K>,
    /// Rows wanted; 0 = the usual number. Never more than 500 are given.
    pub(crate) limit: u32,
}

impl<K> Page<K> {
    /// The newest rows.
    pub(crate) fn first(limit: u32) -> Page<K> {
        Page { before: None, after: None, limit }
    }

    /// The rows older than that one.
    pub(crate) fn before(key: K, limit: u32) -> Page<K> {
        Page { before: Some(key), after: None, limit }
    }

    /// The direction of the key.
    pub(super) fn order(&self) -> &'static str {
        if self.after.is_some() { "ASC" } else { "DESC" }
    }

    pub(super) fn limit(&self) -> u32 {
        match self.limit {
            0 => USUAL,
            n => n.min(MOST),
        }
    }
}

/// A WHERE clause in the making: column names are ours, values are bound.
pub(super) struct Clause {
    terms: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Clause {
    pub(super) fn new() -> Clause {
        Clause { terms: Vec::new(), values: Vec::new() }
    }

    pub(super) fn equal<T: ToSql + 'static>(&mut self, column: &'static str, value: Option<T>) {
        self.compare(column, "=", value);
    }

    pub(super) fn at_least<T: ToSql + 'static>(&mut self, column: &'static str, value: Option<T>) {
        self.compare(column, ">=", value);
    }

    pub(super) fn above<T: ToSql + 'static>(&mut self, column: &'static str, value: Option<T>) {
        self.compare(column, ">", value);
    }

    pub(super) fn below<T: ToSql + 'static>(&mut self, column: &'static str, value: Option<T>) {
        self.compare(column, "<", value);
    }

    /// A condition without a value.
    pub(super) fn plain(&mut self, term: &'static str) {
        self.terms.push(term.to_owned());
    }

    /// Empty when there is no condition.
    pub(super) fn sql(&self) -> String {
        if self.terms.is_empty() { String::new() } else { format!("WHERE {}", self.terms.join(" AND ")) }
    }

    pub(super) fn params(&self) -> ParamsFromIter<impl Iterator<Item = &dyn ToSql>> {
        params_from_iter(self.values.iter().map(|v| &**v))
    }

    fn compare<T: ToSql + 'static>(&mut self, column: &'static str, operator: &str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.terms.push(format!("{column} {operator} ?{}", self.values.len()));
        }
    }
}
