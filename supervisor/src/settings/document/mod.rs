//! The stored configuration in the language of the configuration file: what `llm-link apply` reads and `export`
//! writes. Both ends are here, so that what was written is always read as the same.
//!
//! The language is that of the file, without `[server]` and `[log]`, and with a section `[settings]`. A key of a
//! provider that says neither `file` nor `env` stays as it is stored; an app's key is its SHA-256, taken here when a
//! file or variable is named. Nothing is checked but shapes: what a provider or app may be, the supervisor says.

mod app;
mod provider;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub(crate) use write::write;

use super::mistake::{Findings, Mistakes};
use super::place::Typed;
use super::raw::{Raw, RawAlias, RawServer, keys};
use super::secret::Secrets;
use super::stored::SETTINGS;
use protocol::control::document::Document;
use protocol::control::model::{AliasCandidate, AliasSpec};
use std::path::Path;

/// What a document is read against.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    pub(crate) secrets: &'c dyn Secrets,
    /// Relative paths start here.
    pub(crate) base: &'c Path,
}

/// The document in a text that messages call `source`.
///
/// # Errors
/// Every mistake in it.
pub(crate) fn read(source: &str, text: &str, context: Context<'_>) -> Result<Document, Mistakes> {
    let mut findings = Findings::default();
    let raw = Raw::read(source, text, &mut findings)?;
    let document = document(raw, context, &mut findings);
    findings.into_warnings(source, text).map(|_| document)
}

fn document(raw: Raw, context: Context<'_>, findings: &mut Findings) -> Document {
    refuse_server(&raw.server, findings);
    refuse_usual(&raw, findings);
    if let Some(typed) = raw.log.level.as_ref().or(raw.log.format.as_ref()) {
        let what = "[log] stands in the configuration file and cannot be applied";
        findings.mistake(&typed.place, what, keys::PROVIDERS.example);
    }
    Document {
        settings: raw.settings.into_iter().map(|(name, value)| (name.value, value)).collect(),
        providers: raw
            .providers
            .into_iter()
            .filter_map(|raw| provider::entry(raw, context, findings))
            .collect(),
        aliases: raw.aliases.into_iter().filter_map(|raw| alias(raw, findings)).collect(),
        apps: raw.apps.into_iter().filter_map(|raw| app::entry(raw, context, findings)).collect(),
    }
}

/// What is stored of them stands among the settings.
fn refuse_usual(raw: &Raw, findings: &mut Findings) {
    for name in SETTINGS.iter().filter(|name| !name.starts_with("server.")) {
        if let Some(place) = raw.usual(name) {
            let (section, key) = name.split_once('.').unwrap_or((name, ""));
            let what =
                format!("[{section}] stands in the configuration file and cannot be applied; [settings] can");
            findings.mistake(&place, what, format!("[settings]\n\"{section}.{key}\" = ..."));
        }
    }
}

/// Addresses and directories are needed before there is a store.
fn refuse_server(raw: &RawServer, findings: &mut Findings) {
    let listen = raw.listen.as_ref().and_then(|list| list.first()).map(|typed| &typed.place);
    let texts = [
        &raw.state_dir,
        &raw.runtime_dir,
        &raw.body_limit,
        &raw.hold_limit,
        &raw.header_limit,
        &raw.read_timeout,
        &raw.deadline,
        &raw.drain_timeout,
        &raw.runtime,
        &raw.utc_offset,
    ];
    let numbers = [&raw.connections, &raw.max_attempts, &raw.attempts_per_provider, &raw.threads];
    let texts = texts.into_iter().flatten().map(|typed| &typed.place);
    let numbers = numbers.into_iter().flatten().map(|typed| &typed.place);
    let open = raw.open.iter().map(|typed| &typed.place);
    if let Some(place) = listen.into_iter().chain(texts).chain(numbers).chain(open).next() {
        let what = "[server] stands in the configuration file and cannot be applied";
        findings.mistake(place, what, keys::PROVIDERS.example);
    }
}

fn alias(raw: RawAlias, findings: &mut Findings) -> Option<AliasSpec> {
    let name = value::named(raw.name, &raw.place, "alias", keys::alias::NAME, findings)?;
    if let Some(rule) = raw.rule.as_ref().filter(|rule| rule.value != "weighted" && rule.value != "priority")
    {
        let what = "a stored alias is tried in order, or by weight where there are weights";
        findings.mistake(&rule.place, what, keys::alias::RULE.example);
    }
    let mut candidates = Vec::with_capacity(raw.candidates.len());
    for raw in raw.candidates {
        let place = raw.place.clone();
        let Some(step) = app::step(raw, keys::alias::CANDIDATES, findings) else { continue };
        let Some(model) = step.model else {
            let what = "a candidate of an alias is of the form `provider/model`";
            findings.mistake(&place, what, keys::alias::CANDIDATES.example);
            continue;
        };
        candidates.push(AliasCandidate { provider: step.provider, model, weight: step.weight });
    }
    Some(AliasSpec { name, enabled: value::yes(raw.enabled), note: value::text(raw.note), candidates })
}

/// A value without its place.
fn plain<T>(typed: Option<Typed<T>>) -> Option<T> {
    typed.map(|typed| typed.value)
}
