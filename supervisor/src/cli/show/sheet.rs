//! What an answer is written on: lines, pairs and tables, with tones that become colours on a terminal.
//!
//! Whatever an upstream or a client wrote is shown with its control characters spelled out, so that no text can
//! move the cursor or colour what follows it.

use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::fmt::Write;

/// How it is shown.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) colour: bool,
    pub(crate) now_ms: i64,
    pub(crate) zone: TimeZone,
}

/// What a word means for whoever reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Faint,
    Head,
}

/// A word and its tone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// See the module.
pub(crate) struct Sheet<'v> {
    pub(crate) view: &'v View,
    text: String,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell { text: clean(text).into_owned(), tone: Tone::Plain }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::from(text.as_str())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Cell {
        Cell::from(text.as_str())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell { text: "-".to_owned(), tone: Tone::Faint }, Into::into)
    }
}

macro_rules! from_number {
    ($($number:ty),*) => { $(impl From<$number> for Cell {
        fn from(number: $number) -> Cell {
            Cell { text: number.to_string(), tone: Tone::Plain }
        }
    })* };
}
from_number!(i32, i64, u16, u32, u64, u8, usize);

impl Cell {
    /// In a tone.
    pub(crate) fn in_tone(text: impl Into<Cell>, tone: Tone) -> Cell {
        Cell { tone, ..text.into() }
    }
}

/// Yes and no as people read them.
pub(super) fn yes(flag: bool) -> Cell {
    if flag { Cell::from("yes") } else { Cell::in_tone("no", Tone::Faint) }
}

/// Spells out what a terminal would act on.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let spell = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(spell).collect())
}

impl<'v> Sheet<'v> {
    pub(crate) fn new(view: &'v View) -> Sheet<'v> {
        Sheet { view, text: String::new() }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// A line of cells, a space apart.
    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let words: Vec<String> = cells.into_iter().map(|cell| self.painted(&cell.text, cell.tone)).collect();
        self.text.push_str(words.join(" ").trim_end());
        self.text.push('\n');
    }

    pub(crate) fn say(&mut self, text: impl Into<Cell>) {
        self.line([text.into()]);
    }

    /// Text of several lines, each cleaned, indented by `indent`.
    pub(crate) fn lines(&mut self, text: &str, indent: usize) {
        for line in text.lines() {
            let _ = writeln!(self.text, "{:indent$}{}", "", clean(line));
        }
    }

    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A heading after a gap.
    pub(crate) fn head(&mut self, text: &str) {
        self.gap();
        self.line([Cell::in_tone(text, Tone::Head)]);
    }

    /// Names and values, the values lined up.
    pub(crate) fn pairs<'n>(&mut self, pairs: impl IntoIterator<Item = (&'n str, Cell)>) {
        let rows = pairs.into_iter().map(|(name, value)| vec![Cell::in_tone(name, Tone::Faint), value]);
        self.rows(rows.collect());
    }

    /// A table with a head; nothing but `empty` if it has no rows.
    pub(crate) fn table(&mut self, head: &[&str], rows: Vec<Vec<Cell>>, empty: &str) {
        if rows.is_empty() {
            self.line([Cell::in_tone(empty, Tone::Faint)]);
            return;
        }
        let head = head.iter().map(|text| Cell::in_tone(*text, Tone::Head)).collect();
        self.rows(std::iter::once(head).chain(rows).collect());
    }

    fn rows(&mut self, rows: Vec<Vec<Cell>>) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| columns_of(&cell.text))
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line.push_str(&self.painted(&cell.text, cell.tone));
                if at + 1 < row.len() {
                    line.extend(std::iter::repeat_n(' ', width - columns_of(&cell.text) + 2));
                }
            }
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    fn painted(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            _ if !self.view.colour || text.is_empty() => return text.to_owned(),
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Head => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Columns of a terminal: Chinese characters and their punctuation take two.
pub(in crate::cli) fn columns_of(text: &str) -> usize {
    text.chars()
        .map(|c| if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{ffe6}') { 2 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(colour: bool) -> View {
        View { colour, now_ms: 0, zone: TimeZone::UTC }
    }

    #[test]
    fn columns_line_up_with_and_without_colour() {
        let rows = || {
            vec![vec![Cell::from("智谱"), Cell::in_tone("bad", Tone::Bad)], vec!["long".into(), 7u64.into()]]
        };
        let plain = view(false);
        let mut sheet = Sheet::new(&plain);
        sheet.table(&["A", "B"], rows(), "none");
        assert_eq!(sheet.finish(), "A     B\n智谱  bad\nlong  7\n");
        let coloured = view(true);
        let mut sheet = Sheet::new(&coloured);
        sheet.table(&["A", "B"], rows(), "none");
        let text = sheet.finish();
        assert!(text.contains("智谱  \u{1b}[31mbad\u{1b}[0m\n"), "{text:?}");
        let mut sheet = Sheet::new(&plain);
        sheet.table(&["A"], vec![], "nothing yet");
        assert_eq!(sheet.finish(), "nothing yet\n");
    }

    #[test]
    fn no_text_reaches_the_terminal_as_a_command() {
        let plain = view(false);
        let mut sheet = Sheet::new(&plain);
        sheet.say("a\u{1b}[31mb\nc\u{7}");
        sheet.lines("x\ny\u{9b}", 2);
        assert_eq!(sheet.finish(), "a\\u{1b}[31mb\\nc\\u{7}\n  x\n  y\\u{9b}\n");
    }
}
