//! `[log]`: what is logged and how.

use super::value::word;
use crate::settings::mistake::Findings;
use crate::settings::raw::RawLog;
use crate::settings::raw::keys::log as keys;
use crate::settings::resolved::{Log, LogFormat};
use crate::settings::suggest::did_you_mean;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

pub(super) fn log(raw: RawLog, findings: &mut Findings) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = word(raw.format, &formats, keys::FORMAT, findings);
    let Some(level) = raw.level else { return Log { filter: "info".to_owned(), format } };
    if let Err(what) = check_filter(&level.value) {
        findings.mistake(&level.place, what, keys::LEVEL.example);
    }
    Log { filter: level.value, format }
}

/// A level, or directives such as `info,llm_link=debug`.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    let shown = filter.escape_debug();
    let single = !filter.contains([',', '=', '[']);
    if single && !LEVELS.contains(&filter.trim().to_ascii_lowercase().as_str()) {
        // The filter's own grammar would take a misspelt level for the name of a module.
        let hint = did_you_mean(filter, LEVELS);
        return Err(format!("`{shown}` is no log level{hint}"));
    }
    match tracing_subscriber::EnvFilter::builder().parse(filter) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{shown}` is no log filter: {error}")),
    }
}
