//! How vendors of this dialect deviate, as data.

use serde::Deserialize;

/// Deviations of one vendor. The default is the dialect as its maker documents it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The output limit to say when the client said none: the API requires one.
    pub default_max_tokens: u64,
    pub thinking: Thinking,
    /// `output_config.format` is known.
    pub structured_output: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self { default_max_tokens: 8192, thinking: Thinking::Budget, structured_output: true }
    }
}

/// How reasoning is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// `{"type":"enabled","budget_tokens":n}`
    #[default]
    Budget,
    /// `{"type":"adaptive"}` with `output_config.effort`
    Adaptive,
}
