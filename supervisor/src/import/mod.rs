//! `llm-link import`: files of earlier versions and of another gateway become one document, and every setting in
//! them becomes a line of a report: taken over exactly, approximately, to be done by hand, or not possible.
//!
//! Pure but for the environment, which old files refer to: text in, document and report out. Reading, printing and
//! applying is the command line's. Nothing here ever prints a secret: keys travel inside the document.

mod gateway;
mod gateway_settings;
mod keys;
mod names;
mod old_database;
mod old_file;
mod overrides;
mod report;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use report::{Finding, Grade, Report};

use crate::settings::Secrets;
use crate::store::foreign::Foreign;
use protocol::control::document::{Document, ProviderEntry};
use protocol::control::model::{AliasCandidate, AliasSpec};
use protocol::preset::Preset;
use serde_json::Value;
use std::collections::BTreeMap;
use tree::Tree;

/// What there is to import.
pub(crate) enum Source {
    /// YAML or TOML.
    Text(String),
    /// Rows of an `llm_link.db`: its providers and its settings.
    Database(Foreign),
}

/// What was found: one document for all files.
pub(crate) struct Harvest<'s> {
    pub(crate) document: Document,
    pub(crate) report: Report,
    secrets: &'s dyn Secrets,
    /// Variables that the file being read sets itself.
    variables: BTreeMap<String, String>,
    /// Providers that are stored already.
    known: Vec<Known>,
}

/// A provider that is stored already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) preset: String,
    pub(crate) base_url: Option<String>,
    /// The labels of its keys.
    pub(crate) keys: Vec<String>,
}

impl<'s> Harvest<'s> {
    /// Nothing yet. `known` are the providers that exist already.
    pub(crate) fn new(secrets: &'s dyn Secrets, known: Vec<Known>) -> Harvest<'s> {
        let (document, report) = (Document::default(), Report::default());
        Harvest { document, report, secrets, variables: BTreeMap::new(), known }
    }

    /// Takes one file over.
    ///
    /// # Errors
    /// The file is nothing that can be imported; nothing was taken from it.
    pub(crate) fn add(&mut self, file: &str, source: Source) -> Result<(), String> {
        self.report.file = file.to_owned();
        self.variables.clear();
        match source {
            Source::Database(found) => {
                old_database::add(self, found);
                Ok(())
            }
            Source::Text(text) => {
                let tree = parse(file, &text)?;
                let Value::Object(fields) = tree else {
                    return Err("it holds no settings".to_owned());
                };
                let has = |name: &str| fields.contains_key(name);
                let tree = Tree::new(fields.clone());
                if has("model_list") || has("litellm_settings") || has("router_settings") {
                    gateway::add(self, tree);
                } else if has("llm_backend") || has("apis") || has("server") {
                    old_file::add(self, tree);
                } else if fields.values().all(is_override) && !fields.is_empty() {
                    overrides::add(self, &fields);
                } else {
                    return Err(
                        "it is no file of llm-link up to 0.7, nor of a gateway that is known".to_owned()
                    );
                }
                Ok(())
            }
        }
    }

    /// The provider of that name in the document.
    fn provider(&mut self, name: &str) -> Option<&mut ProviderEntry> {
        self.document.providers.iter_mut().find(|entry| entry.spec.name == name)
    }

    fn knows(&self, provider: &str) -> bool {
        self.known.iter().any(|known| known.name == provider) || self.makes(provider)
    }

    /// These files have a provider of that name.
    fn makes(&self, provider: &str) -> bool {
        self.document.providers.iter().any(|entry| entry.spec.name == provider)
    }

    /// A name for a provider. A stored one of that name that an import made of the same account is that account:
    /// the same file a second time changes nothing.
    fn name_for(&self, name: &str, preset: &Preset, base_url: Option<&str>) -> String {
        let is_other = |known: &Known| {
            let own = known.keys.is_empty() || known.keys.iter().any(|label| label == keys::LABEL);
            !own || known.preset != preset.id || known.base_url.as_deref() != base_url
        };
        names::free(name, |name| {
            self.makes(name) || self.known.iter().any(|known| known.name == name && is_other(known))
        })
    }

    /// Puts a candidate behind a public name, after those that are there.
    fn alias(&mut self, name: &str, candidate: AliasCandidate) {
        let aliases = &mut self.document.aliases;
        let at = aliases.iter().position(|alias| alias.name == name).unwrap_or_else(|| {
            aliases.push(AliasSpec {
                name: name.to_owned(),
                enabled: true,
                note: String::new(),
                candidates: Vec::new(),
            });
            aliases.len() - 1
        });
        let Some(alias) = aliases.get_mut(at) else { return };
        let same = |one: &AliasCandidate| one.provider == candidate.provider && one.model == candidate.model;
        if !alias.candidates.iter().any(same) {
            alias.candidates.push(candidate);
        }
    }
}

/// `provider: { logical: backend }`
fn is_override(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(Value::is_string))
}

fn parse(file: &str, text: &str) -> Result<Value, String> {
    if file.ends_with(".toml") {
        return toml::from_str(text).map_err(|error| format!("it is no TOML: {}", error.message()));
    }
    // Placeholders stay texts: put in before the text is parsed, as it was once done, a value could be YAML itself.
    serde_saphyr::from_str(text).map_err(|error| format!("it is no YAML: {}", first_line(&error.to_string())))
}

/// Parsers quote the text around a mistake: it may be a key.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
