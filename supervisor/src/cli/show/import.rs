//! What became of every imported setting.

use super::sheet::{Cell, Sheet, Tone, View};
use crate::import::{Finding, Grade};

/// The report, the worst last where it is still seen.
pub(crate) fn import(findings: &[Finding], counts: &str, view: &View) -> String {
    let mut sheet = Sheet::new(view);
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.grade);
    let row = |finding: &&Finding| {
        let tone = match finding.grade {
            Grade::Exact => Tone::Good,
            Grade::Approximate => Tone::Plain,
            Grade::Manual => Tone::Warn,
            Grade::Unsupported => Tone::Bad,
        };
        vec![
            Cell::in_tone(finding.grade.word(), tone),
            Cell::in_tone(&finding.file, Tone::Faint),
            Cell::from(&finding.setting),
            Cell::from(&finding.became),
        ]
    };
    let rows = sorted.iter().map(row).collect();
    sheet.table(&["", "FILE", "SETTING", "BECAME"], rows, "there was nothing to take over");
    sheet.gap();
    sheet.say(counts);
    sheet.finish()
}
