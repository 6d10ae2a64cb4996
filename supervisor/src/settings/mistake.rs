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
    /// Names in the file that only a stored thing can have.
    missing: Vec<Mistake>,
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

    /// Records a name of nothing. In the file it is a mistake only if nothing stored has it either.
    pub(crate) fn missing(&mut self, place: &Place, what: String, example: &str) {
        match place {
            Place::Byte(_) => {
                self.missing.push(Mistake { place: place.clone(), what, example: example.to_owned() });
            }
            Place::Named(_) | Place::Whole | Place::Stored(_) => self.mistake(place, what, example),
        }
    }

    /// Takes out the names that only stored things can have, if nothing else is wrong.
    pub(crate) fn take_missing(&mut self, source: &str, text: &str) -> Option<Mistakes> {
        if !self.mistakes.is_empty() || self.missing.is_empty() {
            return None;
        }
        Some(Mistakes::located(source, text, &std::mem::take(&mut self.missing)))
    }

    /// Nothing stored has these names: they are mistakes.
    pub(crate) fn judge_missing(&mut self) {
        for mistake in &mut self.missing {
            mistake.what.push_str("; it is neither in this file nor stored");
        }
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
        let needs = self.missing.first().map(|mistake| mistake.what.clone());
        let all = [self.mistakes, self.missing].concat();
        match all.is_empty() {
            true => Ok(self.warnings),
            false => Err(Mistakes { needs, ..Mistakes::located(source, text, &all) }),
        }
    }
}

/// All mistakes of one configuration, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Mistakes {
    lines: Vec<Line>,
    /// What the file names that nobody has.
    needs: Option<String>,
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
        let line = Line { at: source.to_owned(), what: what.into(), example: example.into() };
        Mistakes { lines: vec![line], needs: None }
    }

    /// The first thing that the file names and nobody has, if there is one.
    pub(crate) fn needs(&self) -> Option<&str> {
        self.needs.as_deref()
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
        Mistakes { lines: placed.into_iter().map(line).collect(), needs: None }
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
