//! Ids for tool calls in dialects that have none: made in order, found again by name and order.

use std::collections::{HashMap, VecDeque};

/// The calls of one request that have not been answered.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// The ids in order; `None` once answered.
    open: Vec<Option<String>>,
    /// Every call before this one is answered.
    first: usize,
    /// Where an id or a name stands in `open`, answered ones not taken out.
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
}

/// What every made id begins with.
pub(crate) const MADE: &str = "call_made_";

impl Calls {
    /// Notes a call; makes an id if it has none.
    pub(crate) fn asked(&mut self, id: Option<String>, name: &str) -> String {
        let at = self.open.len();
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("{MADE}{at}"));
        self.by_id.entry(id.clone()).or_default().push_back(at);
        self.by_name.entry(name.to_owned()).or_default().push_back(at);
        self.open.push(Some(id.clone()));
        id
    }

    /// The id a result answers: its own, else the first open call of that name, else the first open call.
    pub(crate) fn answered(&mut self, id: Option<String>, name: Option<&str>) -> String {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            if let Some(at) = self.by_id.get_mut(&id).and_then(|found| next_open(found, &self.open)) {
                self.open[at] = None;
            }
            return id;
        }
        let name = name.unwrap_or_default();
        let by_name = self.by_name.get_mut(name).and_then(|found| next_open(found, &self.open));
        match by_name.or_else(|| self.first_open()).and_then(|at| self.open[at].take()) {
            Some(id) => id,
            None => self.asked(None, name),
        }
    }

    fn first_open(&mut self) -> Option<usize> {
        while self.open.get(self.first)?.is_none() {
            self.first += 1;
        }
        Some(self.first)
    }
}

/// Takes the first that is still open.
fn next_open(found: &mut VecDeque<usize>, open: &[Option<String>]) -> Option<usize> {
    while let Some(at) = found.pop_front() {
        if open[at].is_some() {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls() {
        let mut calls = Calls::default();
        let own = |id: &str| Some(id.to_owned());
        let made: Vec<String> = ["a", "b", "a", "c"].iter().map(|name| calls.asked(None, name)).collect();
        calls.asked(own("x"), "a");
        assert_eq!(calls.answered(None, Some("b")), made[1]);
        assert_eq!(calls.answered(own("x"), Some("a")), "x");
        assert_eq!(calls.answered(None, Some("a")), made[0]);
        assert_eq!(calls.answered(None, Some("a")), made[2]);
        // Of no known name: the first that is open.
        assert_eq!(calls.answered(None, Some("a")), made[3]);
        assert_eq!(calls.answered(own("y"), None), "y");
        assert_eq!(calls.answered(None, None), format!("{MADE}5"));
    }
}
