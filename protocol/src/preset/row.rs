//! One row of `presets.toml` and what can be asked of it.

use super::base_url::{BaseUrl, BaseUrlError, version_prefix};
use crate::dialect::Dialect;
use crate::ipc::configure::{AuthScheme, Endpoint, ModelEntry, ModelFacts};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The table this build carries.
pub(super) const TABLE: &str = include_str!("presets.toml");

/// A vendor as data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The word in configuration files: `[a-z0-9][a-z0-9.-]*`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Other words that mean this row.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// In order of preference. Empty only for the preset that answers by itself.
    #[serde(default)]
    pub endpoints: Vec<PresetEndpoint>,
    pub auth: AuthScheme,
    pub key: KeyNeed,
    /// Environment variables that may hold the key; the first is the canonical one.
    #[serde(default)]
    pub env: Vec<String>,
    /// The model that llm-link 0.7 used when none was named.
    #[serde(default)]
    pub default_model: Option<String>,
    /// Deviations from a dialect, by the dialect's name; typed by that dialect's codec.
    #[serde(default)]
    pub quirks: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub models: Vec<PresetModel>,
}

/// One dialect a vendor speaks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetEndpoint {
    pub dialect: Dialect,
    /// Version prefix included. Absent: the configuration must say where it is.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The path appended to a configured base URL that ends in no version. Absent: the path of `base_url`,
    /// else the dialect's own.
    #[serde(default)]
    prefix: Option<String>,
}

/// Whether an account of this vendor works without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyNeed {
    Required,
    Optional,
    /// There is nothing a key could open.
    None,
}

/// A model known to exist. Unknown facts are absent: never guess.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetModel {
    pub id: String,
    /// Tokens.
    #[serde(default)]
    pub context: Option<u64>,
    /// Tokens.
    #[serde(default)]
    pub max_output: Option<u64>,
    #[serde(default)]
    pub tools: Option<bool>,
    #[serde(default)]
    pub vision: Option<bool>,
    #[serde(default)]
    pub reasoning: Option<bool>,
    /// Continues an assistant turn that ends the request.
    #[serde(default)]
    pub prefill: Option<bool>,
}

/// Why a preset cannot be reached as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("this `base_url` cannot be used: {0}")]
    BaseUrl(#[from] BaseUrlError),
    #[error("preset `{preset}` needs a `base_url`")]
    BaseUrlNeeded { preset: String },
    #[error("preset `{preset}` has no known endpoint for the dialect `{dialect}`: it needs a `base_url`")]
    DialectUnknown { preset: String, dialect: Dialect },
    #[error("preset `{preset}` answers by itself and takes no `base_url` and no `dialect`")]
    NotHttp { preset: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    preset: Vec<Preset>,
}

/// Reads a table of presets.
pub(super) fn parse(text: &str) -> Result<Vec<Preset>, toml::de::Error> {
    toml::from_str::<Table>(text).map(|table| table.preset)
}

/// Every row, in the order of the table.
pub fn all() -> &'static [Preset] {
    // The table is part of the build; that it parses is a test, so an empty list cannot be seen.
    static ROWS: LazyLock<Vec<Preset>> = LazyLock::new(|| parse(TABLE).unwrap_or_default());
    &ROWS
}

/// The row of that id or alias.
pub fn find(id: &str) -> Option<&'static Preset> {
    all().iter().find(|row| row.id == id || row.aliases.iter().any(|alias| alias == id))
}

/// Every word [`find`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().iter().flat_map(|row| std::iter::once(&row.id).chain(&row.aliases)).map(String::as_str)
}

impl Preset {
    /// It answers by itself and is not reached over HTTP.
    pub fn is_offline(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// The environment variable to name in a message.
    pub fn canonical_env(&self) -> Option<&str> {
        self.env.first().map(String::as_str)
    }

    /// Some endpoint has no address of its own.
    pub fn needs_base_url(&self) -> bool {
        self.endpoints.iter().any(|e| e.base_url.is_none())
    }

    /// Where calls go. A `base_url` moves the first endpoint and every other one with the same root (an
    /// account behind another address); endpoints elsewhere are left out, as nothing is known of them there.
    /// A `dialect` narrows to that one, and may add one the row does not have if `base_url` is given.
    pub fn endpoints_at(
        &self,
        base_url: Option<&str>,
        dialect: Option<Dialect>,
    ) -> Result<Vec<Endpoint>, EndpointError> {
        if self.is_offline() {
            return match (base_url, dialect) {
                (None, None) => Ok(Vec::new()),
                _ => Err(EndpointError::NotHttp { preset: self.id.clone() }),
            };
        }
        let base = base_url.map(BaseUrl::parse).transpose()?;
        match (base, dialect) {
            (None, None) => self.endpoints.iter().map(|row| self.own(row)).collect(),
            (None, Some(dialect)) => {
                let row = self
                    .row_of(dialect)
                    .ok_or_else(|| EndpointError::DialectUnknown { preset: self.id.clone(), dialect })?;
                Ok(vec![self.own(row)?])
            }
            (Some(base), None) => Ok(self.moved(&base)),
            (Some(base), Some(dialect)) => {
                let prefix = self.row_of(dialect).map_or(version_prefix(dialect).to_owned(), |r| r.prefix());
                Ok(vec![Endpoint { dialect, base_url: base.rooted(dialect, &prefix).to_string() }])
            }
        }
    }

    /// What is known of a model, by the vendor's id.
    pub fn model(&self, id: &str) -> Option<&PresetModel> {
        self.models.iter().find(|model| model.id == id)
    }

    fn row_of(&self, dialect: Dialect) -> Option<&PresetEndpoint> {
        self.endpoints.iter().find(|row| row.dialect == dialect)
    }

    fn own(&self, row: &PresetEndpoint) -> Result<Endpoint, EndpointError> {
        match &row.base_url {
            Some(base_url) => Ok(Endpoint { dialect: row.dialect, base_url: base_url.clone() }),
            None => Err(EndpointError::BaseUrlNeeded { preset: self.id.clone() }),
        }
    }

    fn moved(&self, base: &BaseUrl) -> Vec<Endpoint> {
        let root = self.endpoints.first().and_then(PresetEndpoint::root);
        let here = |row: &&PresetEndpoint| row.root() == root;
        let at = |row: &PresetEndpoint| Endpoint {
            dialect: row.dialect,
            base_url: base.rooted(row.dialect, &row.prefix()).to_string(),
        };
        self.endpoints.iter().filter(here).map(at).collect()
    }
}

impl PresetEndpoint {
    /// The path that `dialect` has below a bare host of this vendor.
    pub fn prefix(&self) -> String {
        match (&self.prefix, self.parsed()) {
            (Some(prefix), _) => prefix.clone(),
            (None, Some(base)) => base.path().to_owned(),
            (None, None) => version_prefix(self.dialect).to_owned(),
        }
    }

    fn root(&self) -> Option<BaseUrl> {
        self.parsed().map(|base| base.unversioned())
    }

    fn parsed(&self) -> Option<BaseUrl> {
        self.base_url.as_deref().and_then(|url| BaseUrl::parse(url).ok())
    }
}

impl PresetModel {
    pub fn facts(&self) -> ModelFacts {
        ModelFacts {
            context: self.context,
            max_output: self.max_output,
            tools: self.tools,
            vision: self.vision,
            reasoning: self.reasoning,
            prefill: self.prefill,
        }
    }

    pub fn entry(&self) -> ModelEntry {
        ModelEntry::new(self.id.clone(), self.facts())
    }
}
