//! The counts in the last line of Ollama's answers.

use crate::dialect::lenient::Count;
use crate::model::Usage;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    pub(crate) prompt_eval_count: Count,
    pub(crate) eval_count: Count,
}

impl Counts {
    pub(crate) fn canonical(self) -> Usage {
        Usage { input_fresh: self.prompt_eval_count.0, output: self.eval_count.0, ..Usage::default() }
    }
}
