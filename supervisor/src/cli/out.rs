//! The one writer of what people read: standard output, line by line, nothing else in between.

use super::show::columns_of;
use std::io::{self, IsTerminal, Write};

/// Standard output, locked for as long as a command prints.
pub(crate) fn stdout() -> impl Write {
    io::BufWriter::new(io::stdout().lock())
}

/// Whether standard output and standard error reach somebody's eyes.
pub(crate) fn terminals() -> (bool, bool) {
    (io::stdout().is_terminal(), io::stderr().is_terminal())
}

/// Standard error, for the reasons a command was not carried out.
pub(crate) fn stderr() -> impl Write {
    io::stderr().lock()
}

/// Rows of text as aligned columns, two spaces apart; the last column is never padded.
pub(crate) fn table(rows: &[Vec<String>], to: &mut dyn Write) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| columns_of(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - columns_of(cell) + 2));
        }
        writeln!(to, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let mut out = Vec::new();
        super::table(&[row(&["a", "智谱", "x"]), row(&["long", "b", "y"]), row(&["z"])], &mut out)
            .expect("written");
        assert_eq!(String::from_utf8(out).expect("text"), "a     智谱  x\nlong  b     y\nz\n");
    }
}
