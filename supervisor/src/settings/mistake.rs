//! What is wrong with a configuration: every mistake at once, each with its place and a line that would work.
//!
//! Owns collecting and rendering. A message never repeats the value of something that may be a key.

use super::place::{Place, Position, Spot};
use std::fmt;
use std::sync::Arc;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    place: Place,
    what: String,
    example: String,
}

/// Something wrong with a stored thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMistake {
    pub(crate) spot: Arc<Spot>,
    pub(crate) what: String,
}

/// Everything found while reading and resolving one configuration.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    mistakes: Vec<Mistake>,
    warnings: Vec<String>,
}

impl Findings {
    /// Records what is wrong at `place` and a line that would be right.
    /// Once: what holds for many providers is wrong in one place.
    pub(crate) fn mistake(&mut self, place: &Place, what: impl Into<String>, example: impl Into<String>) {
        let mistake = Mistake { place: place.clone(), what: what.into(), example: example.into() };
        if !matches!(place, Place::Whole) && self.mistakes.contains(&mistake) {
            return;
        }
        self.mistakes.push(mistake);
    }

    /// Records something that works, but that its author should know.
    pub(crate) fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(what.into());
    }

    /// Takes out what is wrong with stored things; the rest stays.
    pub(crate) fn take_stored(&mut self) -> Vec<StoredMistake> {
        let stored = |mistake: &mut Mistake| matches!(mistake.place, Place::Stored(_));
        let taken = self.mistakes.extract_if(.., stored);
        let read = |mistake: Mistake| match mistake.place {
            Place::Stored(spot) => Some(StoredMistake { spot, what: mistake.what }),
            Place::Byte(_) | Place::Named(_) | Place::Whole => None,
        };
        taken.filter_map(read).collect()
    }

    /// The warnings, if nothing is wrong.
    pub(crate) fn into_warnings(self, source: &str, text: &str) -> Result<Vec<String>, Mistakes> {
        if self.mistakes.is_empty() {
            return Ok(self.warnings);
        }
        Err(Mistakes::located(source, text, &self.mistakes))
    }
}

/// All mistakes of one configuration, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Mistakes {
    lines: Vec<Line>,
}

/// One rendered mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    at: String,
    what: String,
    example: String,
}

impl Mistakes {
    /// A mistake that concerns the whole of `source`.
    pub(crate) fn whole(source: &str, what: impl Into<String>, example: impl Into<String>) -> Mistakes {
        Mistakes { lines: vec![Line { at: source.to_owned(), what: what.into(), example: example.into() }] }
    }

    pub(crate) fn count(&self) -> usize {
        self.lines.len()
    }

    fn located(source: &str, text: &str, mistakes: &[Mistake]) -> Mistakes {
        let mut placed: Vec<_> = mistakes.iter().map(|m| (position(text, &m.place), m)).collect();
        placed.sort_by_key(|(position, _)| *position);
        let line = |(position, mistake): (Option<Position>, &Mistake)| Line {
            at: match (&mistake.place, position) {
                (Place::Named(name), _) => (*name).to_owned(),
                (Place::Stored(spot), _) => {
                    format!("stored {} `{}`, {}", spot.kind.name(), spot.name, spot.field)
                }
                (Place::Byte(_), Some(p)) => format!("{source}:{}:{}", p.line, p.column),
                (Place::Byte(_) | Place::Whole, _) => source.to_owned(),
            },
            what: mistake.what.clone(),
            example: mistake.example.clone(),
        };
        Mistakes { lines: placed.into_iter().map(line).collect() }
    }
}

fn position(text: &str, place: &Place) -> Option<Position> {
    match place {
        Place::Byte(byte) => Some(Position::of(text, *byte)),
        Place::Named(_) | Place::Whole | Place::Stored(_) => None,
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}: {}\n    example: {}", line.at, line.what, line.example)?;
        }
        Ok(())
    }
}
