//! What a call consumed, in parts: totals are computed, never stored, because dialects disagree on
//! whether cached tokens are inside the input count.

use serde::{Deserialize, Serialize};

/// Token counts of one call. `None` = not reported; never 0 for unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// Input tokens that were neither read from nor written to a prompt cache.
    pub input_fresh: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// All output tokens, reasoning included.
    pub output: Option<u64>,
    /// The part of `output` that was reasoning.
    pub reasoning: Option<u64>,
}

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum UsageSource {
    Reported,
    Estimated,
}

impl Usage {
    /// The last count wins, field by field: usage arrives in pieces and in different places. Where a part of an
    /// answer has nothing to say it says 0: that takes nothing back.
    pub fn merge(&mut self, later: Usage) {
        fn take(slot: &mut Option<u64>, new: Option<u64>) {
            if new.is_some_and(|new| new > 0 || slot.is_none()) {
                *slot = new;
            }
        }
        take(&mut self.input_fresh, later.input_fresh);
        take(&mut self.cache_read, later.cache_read);
        take(&mut self.cache_write, later.cache_write);
        take(&mut self.output, later.output);
        take(&mut self.reasoning, later.reasoning);
    }

    /// Both together, field by field; what neither knows stays unknown.
    pub fn plus(self, other: Usage) -> Usage {
        self.pairwise(other, |a, b| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        })
    }

    /// What is left without `other`; what is unknown stays so.
    pub fn minus(self, other: Usage) -> Usage {
        self.pairwise(other, |a, b| a.map(|a| a.saturating_sub(b.unwrap_or(0))))
    }

    fn pairwise(self, other: Usage, of: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Usage {
        Usage {
            input_fresh: of(self.input_fresh, other.input_fresh),
            cache_read: of(self.cache_read, other.cache_read),
            cache_write: of(self.cache_write, other.cache_write),
            output: of(self.output, other.output),
            reasoning: of(self.reasoning, other.reasoning),
        }
    }

    /// Input tokens including both cache parts; `None` when nothing of it was reported.
    pub fn input_total(&self) -> Option<u64> {
        match (self.input_fresh, self.cache_read, self.cache_write) {
            (None, None, None) => None,
            (f, r, w) => Some(f.unwrap_or(0) + r.unwrap_or(0) + w.unwrap_or(0)),
        }
    }

    /// True when no field was reported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
