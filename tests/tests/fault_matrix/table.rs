//! The table that the matrix prints: one row for each fault, before and after the first content.

use std::time::Duration;
use tests::stack::say;

/// What became of the clients of one fault.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Clients, and the slowest of them.
    pub(crate) before: Option<(usize, Duration)>,
    /// The same, with the longest time from the fault to the end of the answer.
    pub(crate) after: Option<(usize, Duration)>,
}

pub(crate) fn head() {
    say("| fault                   | before: saved | slowest  | after: honest | ending within |");
    say("|-------------------------|---------------|----------|---------------|---------------|");
}

pub(crate) fn row(name: &str, row: &Row) {
    let cell = |cell: &Option<(usize, Duration)>| match cell {
        Some((clients, time)) => (format!("{clients} of {clients}"), format!("{time:.1?}")),
        None => ("cannot happen".to_owned(), "-".to_owned()),
    };
    let ((saved, slowest), (honest, ending)) = (cell(&row.before), cell(&row.after));
    say(&format!("| {name:<23} | {saved:>13} | {slowest:>8} | {honest:>13} | {ending:>13} |"));
}
