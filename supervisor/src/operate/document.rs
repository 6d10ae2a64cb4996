//! The configuration as a whole: shown, compared, applied, written.

use super::line::{Failure, Line};
use super::print::{Printer, found};
use super::{Outcome, ask, secret, write};
use crate::cli::Format;
use crate::cli::exit::Exit;
use crate::settings::{Host, Secrets, document};
use protocol::control::document::Document;
use protocol::control::provider::ProviderView;
use protocol::control::{ControlReply, ControlRequest};
use std::path::Path;

/// Values in force, of this path and below it.
pub(super) fn config(under: Option<&str>, line: &Line, printer: &Printer) -> Outcome {
    let ControlReply::Config(mut values) = line.ask(ControlRequest::Config)? else {
        return Err(Failure::Unexpected);
    };
    if let Some(under) = under {
        let below = |path: &str| {
            path.strip_prefix(under).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        values.retain(|value| below(&value.path));
        if values.is_empty() {
            return Err(Failure::NotFound(format!(
                "there is no value `{under}`; `llm-link config show` has them all"
            )));
        }
    }
    printer.reply(&ControlReply::Config(values))
}

pub(super) fn apply(
    file: &Path,
    prune: bool,
    dry_run: bool,
    epoch: Option<u64>,
    line: &Line,
    printer: &Printer,
) -> Outcome {
    let document = Box::new(read(file)?);
    let request = ControlRequest::Apply { document, prune, dry_run, epoch };
    if !dry_run {
        return ask(request, line, printer);
    }
    let differences = found(line.ask(request)?).ok_or(Failure::Unexpected)?;
    printer.reply(&ControlReply::Differences(differences))
}

/// The names of all providers there are.
pub(super) fn stored_providers(line: &Line) -> Result<Vec<ProviderView>, Failure> {
    match line.ask(ControlRequest::Providers)? {
        ControlReply::Providers(all) => Ok(all),
        _other => Err(Failure::Unexpected),
    }
}

/// What messages call a file, and what is in it.
pub(super) fn read_bytes(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let name = file.display().to_string();
    let bytes = Host.file(file).map_err(Failure::io(format!("cannot read {name}")))?;
    Ok((name, bytes))
}

/// The document in a file: JSON if it looks like it, else TOML.
fn read(file: &Path) -> Result<Document, Failure> {
    let (name, text) = if file == Path::new("-") {
        ("standard input".to_owned(), secret::text_or_stdin(None)?)
    } else {
        let (name, bytes) = read_bytes(file)?;
        let text = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{name} is no text")))?;
        (name, text)
    };
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).map_err(|error| Failure::Field(format!("{name}: {error}")));
    }
    let whole = std::path::absolute(file).map_err(Failure::io("no path"))?;
    let context = document::Context { secrets: &Host, base: whole.parent().unwrap_or(Path::new("/")) };
    document::read(&name, &text, context).map_err(Failure::Mistakes)
}

pub(super) fn export(to: Option<&Path>, line: &Line, printer: &Printer) -> Outcome {
    let ControlReply::Document(stored) = line.ask(ControlRequest::Export)? else {
        return Err(Failure::Unexpected);
    };
    let text = match printer.format {
        Format::Text => document::write(&stored),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&stored).unwrap_or_default()),
    };
    match to {
        None => printer.text(&text)?,
        Some(path) => write::file(path, text.as_bytes())?,
    }
    Ok(Exit::Done)
}
