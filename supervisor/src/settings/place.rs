//! Where something was typed: a byte of the configuration file, a flag, a variable, or a field of a stored thing.
//!
//! Owns positions and their rendering. Never says what is wrong: that is a [`Mistake`](super::mistake::Mistake).

use std::sync::Arc;

/// The origin of a value, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Offset in bytes into the configuration text.
    Byte(usize),
    /// A flag or an environment variable, by name.
    Named(&'static str),
    /// The configuration as a whole.
    Whole,
    /// A stored thing.
    Stored(Arc<Spot>),
}

/// A field of a stored thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) kind: SpotKind,
    /// Of the thing.
    pub(crate) name: String,
    /// As operators spell it: `limits.files`.
    pub(crate) field: String,
}

/// What kind of thing is stored there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SpotKind {
    Provider,
    Alias,
    App,
    Setting,
}

impl SpotKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            SpotKind::Provider => "provider",
            SpotKind::Alias => "alias",
            SpotKind::App => "app",
            SpotKind::Setting => "setting",
        }
    }
}

/// A value and where it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> Typed<T> {
    pub(crate) fn new(value: T, place: Place) -> Typed<T> {
        Typed { value, place }
    }

    /// A value given by a flag or variable of that name.
    pub(crate) fn named(value: T, name: &'static str) -> Typed<T> {
        Typed { value, place: Place::Named(name) }
    }
}

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// The position of a byte of `text`; a byte past the end is the end.
    pub(crate) fn of(text: &str, byte: usize) -> Position {
        let mut end = byte.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position {
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "a = 1\nname = \"智谱\" x\n";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 6), Position { line: 2, column: 1 });
        let x = text.find('x').expect("x");
        assert_eq!(Position::of(text, x), Position { line: 2, column: 13 });
        assert_eq!(Position::of(text, 15), Position::of(text, 14), "inside a character");
        assert_eq!(Position::of(text, 9999), Position { line: 3, column: 1 });
        assert_eq!(Position::of("", 3), Position { line: 1, column: 1 });
    }
}
