//! Something the target dialect cannot say. A value: it is returned, shown in `x-llm-link-dropped`,
//! logged, and refused in strict mode; never only a log line.

use serde::{Deserialize, Serialize};

/// One field (or part of a message) that did not reach the upstream as the client said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The path of the field as the client spelled it, e.g. `logit_bias` or `messages[2].content[0]`.
    pub field: String,
    pub reason: LossReason,
}

/// Why it was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LossReason {
    /// The target dialect has no such field.
    Unsupported,
    /// The model or provider does not do it.
    Incapable,
    /// The value was changed to the nearest one that can be said.
    Adjusted,
    /// The target requires a value that the client did not give.
    Invented,
    /// Belongs to another origin (signed reasoning, vendor file ids) and must not cross.
    Foreign,
}
