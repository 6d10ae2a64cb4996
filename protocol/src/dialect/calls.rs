//! Ids for tool calls in dialects that have none: made in order, found again by name and order.

/// The calls of one request that have not been answered.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    count: usize,
    open: Vec<(String, String)>,
}

/// What every made id begins with.
pub(crate) const MADE: &str = "call_made_";

impl Calls {
    /// Notes a call; makes an id if it has none.
    pub(crate) fn asked(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("{MADE}{}", self.count));
        self.count += 1;
        self.open.push((name.to_owned(), id.clone()));
        id
    }

    /// The id a result answers: its own, else the first open call of that name, else the first open call.
    pub(crate) fn answered(&mut self, id: Option<String>, name: Option<&str>) -> String {
        let by_id = |id: &String| self.open.iter().position(|(_, open)| open == id);
        let by_name = || self.open.iter().position(|(open, _)| Some(open.as_str()) == name);
        let first = || (!self.open.is_empty()).then_some(0);
        match id.filter(|id| !id.is_empty()) {
            Some(id) => {
                if let Some(at) = by_id(&id) {
                    self.open.remove(at);
                }
                id
            }
            None => match by_name().or_else(first) {
                Some(at) => self.open.remove(at).1,
                None => self.asked(None, name.unwrap_or_default()),
            },
        }
    }
}
