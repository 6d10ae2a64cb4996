//! `import`: reads old files, says what becomes of every setting, and applies all of it as one change or none.

use super::document::{read_bytes, stored_providers};
use super::line::{Failure, Line};
use super::print::{Printer, found};
use super::{Outcome, write};
use crate::cli::Format;
use crate::cli::exit::Exit;
use crate::cli::show;
use crate::import::{Finding, Grade, Harvest, Known, Source};
use crate::settings::{Host, document};
use crate::store::foreign;
use protocol::control::document::{Difference, Document};
use protocol::control::provider::{KeyValue, ProviderSpec, ProviderView};
use protocol::control::{ControlReply, ControlRequest};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The first bytes of a database.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// What was asked for.
pub(super) struct Wish {
    pub(super) files: Vec<PathBuf>,
    pub(super) dry_run: bool,
    pub(super) replace: bool,
    pub(super) output: Option<PathBuf>,
}

pub(super) fn run(wish: Wish, line: &Line, printer: &Printer) -> Outcome {
    let known = match (&wish.output, stored_providers(line)) {
        (_, Ok(known)) => known,
        // Nobody need be running to look, or to write a file.
        (Some(_), Err(Failure::Line(_))) => Vec::new(),
        (None, Err(Failure::Line(_))) if wish.dry_run => Vec::new(),
        (_, Err(failure)) => return Err(failure),
    };
    let mut harvest = Harvest::new(&Host, known.into_iter().map(known_as).collect());
    for file in &wish.files {
        let name = file.display().to_string();
        let source = source(file)?;
        harvest
            .add(&name, source)
            .map_err(|why| Failure::Field(format!("{name} was not imported: {why}")))?;
    }
    let Harvest { document, report, .. } = harvest;
    let counts: Vec<String> =
        Grade::ALL.iter().map(|grade| format!("{} {}", report.count(*grade), grade.word())).collect();
    if printer.format == Format::Text {
        printer.text(&show::import(&report.findings, &counts.join(", "), printer.view()))?;
    }
    finish(document, &wish, line, printer, &report.findings)
}

fn known_as(view: ProviderView) -> Known {
    let keys = view.keys.into_iter().map(|key| key.label).collect();
    let ProviderSpec { name, preset, base_url, .. } = view.spec;
    Known { name, preset, base_url, keys }
}

fn finish(document: Document, wish: &Wish, line: &Line, printer: &Printer, findings: &[Finding]) -> Outcome {
    let json = |reply: Option<&ControlReply>| json!({ "findings": findings, "reply": reply });
    if let Some(output) = &wish.output {
        let (document, left) = without_keys(document);
        write::file(output, document::write(&document).as_bytes())?;
        let more = format!("written to {}; {left} provider keys are not in it\n", output.display());
        printer.own(&more, &json(None))?;
        return Ok(Exit::Done);
    }
    if wish.dry_run {
        printer.own("nothing was changed (--dry-run)\n", &json(None))?;
        return Ok(Exit::Done);
    }
    refuse_changes(&document, wish.replace, line)?;
    let request =
        ControlRequest::Apply { document: Box::new(document), prune: false, dry_run: false, epoch: None };
    let reply = line.ask(request)?;
    match printer.format {
        Format::Json => printer.own("", &json(Some(&reply))).map(|()| printer.exit(&reply)),
        Format::Text => printer.reply(&reply),
    }
}

/// A secret is never written, and a key without one could not be applied. Also how many there were.
fn without_keys(mut document: Document) -> (Document, usize) {
    let mut left = 0;
    for entry in &mut document.providers {
        let before = entry.keys.len();
        entry.keys.retain(|key| !matches!(key.value, Some(KeyValue::Text(_))));
        left += before - entry.keys.len();
    }
    (document, left)
}

/// What is stored already is only replaced by somebody who says so.
fn refuse_changes(document: &Document, replace: bool, line: &Line) -> Result<(), Failure> {
    let request = ControlRequest::Apply {
        document: Box::new(document.clone()),
        prune: false,
        dry_run: true,
        epoch: None,
    };
    let differences = found(line.ask(request)?).ok_or(Failure::Unexpected)?;
    let replaced: Vec<String> = differences.iter().filter(|one| one.verb != "create").map(name).collect();
    if replaced.is_empty() || replace {
        return Ok(());
    }
    let what = replaced.join(", ");
    Err(Failure::Conflict(format!(
        "this would change what is stored: {what}; say --replace, or rename it first"
    )))
}

fn name(one: &Difference) -> String {
    format!("{} {}", one.object, one.name)
}

fn source(file: &Path) -> Result<Source, Failure> {
    let (name, bytes) = read_bytes(file)?;
    if bytes.starts_with(DATABASE) {
        let read =
            foreign::read(file).map_err(|error| Failure::Field(format!("{name} cannot be read: {error}")))?;
        return Ok(Source::Database(read));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::Field(format!("{name} is no text")))?;
    Ok(Source::Text(text))
}
