//! Ids for tool calls in dialects that have none: made in order, found again by name and order.

use std::collections::{HashMap, VecDeque};

/// The calls of one request that have not been answered.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// In order, which of them have their own id, or `None` once answered.
    open: Vec<Option<Id>>,
    /// Every call before this one is answered.
    first: usize,
    /// Where an id or a name stands in `open`, answered ones not taken out. Ids that were made say it themselves.
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
}

#[derive(Debug)]
enum Id {
    Own(String),
    Made,
}

/// What every made id begins with.
pub(crate) const MADE: &str = "call_made_";

impl Calls {
    /// Notes a call; makes an id if it has none.
    pub(crate) fn asked(&mut self, id: Option<String>, name: &str) -> String {
        let at = self.open.len();
        match self.by_name.get_mut(name) {
            Some(places) => places.push_back(at),
            None => drop(self.by_name.insert(name.to_owned(), VecDeque::from([at]))),
        }
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            self.open.push(Some(Id::Made));
            return made(at);
        };
        self.by_id.entry(id.clone()).or_default().push_back(at);
        self.open.push(Some(Id::Own(id.clone())));
        id
    }

    /// The id a result answers: its own, else the first open call of that name, else the first open call.
    pub(crate) fn answered(&mut self, id: Option<String>, name: Option<&str>) -> String {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            let own = self.by_id.get_mut(&id).and_then(|found| next_open(found, &self.open));
            let made = || place(&id).filter(|at| matches!(self.open.get(*at), Some(Some(Id::Made))));
            if let Some(at) = own.or_else(made) {
                self.open[at] = None;
            }
            return id;
        }
        let name = name.unwrap_or_default();
        let by_name = self.by_name.get_mut(name).and_then(|found| next_open(found, &self.open));
        let at = by_name.or_else(|| self.first_open());
        match at.and_then(|at| Some((at, self.open.get_mut(at)?.take()?))) {
            Some((_, Id::Own(id))) => id,
            Some((at, Id::Made)) => made(at),
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

fn made(at: usize) -> String {
    format!("{MADE}{at}")
}

/// Where the call stands whose id was made.
fn place(id: &str) -> Option<usize> {
    id.strip_prefix(MADE)?.parse().ok()
}

/// Takes the first that is still open.
fn next_open(found: &mut VecDeque<usize>, open: &[Option<Id>]) -> Option<usize> {
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
        let again = calls.asked(None, "d");
        assert_eq!(calls.answered(Some(again.clone()), Some("d")), again);
        assert_eq!(calls.answered(None, None), format!("{MADE}6"));
    }
}
