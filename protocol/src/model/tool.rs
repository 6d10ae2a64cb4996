//! The tools a model may ask for.

use super::{Extras, RawJson};
use crate::dialect::Dialect;

/// One tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    Function(FunctionTool),
    /// A tool that only its own dialect knows (web search, code execution, custom grammars, ...).
    Opaque {
        origin: Dialect,
        kind: String,
        raw: RawJson,
    },
}

impl Tool {
    pub fn as_function(&self) -> Option<&FunctionTool> {
        match self {
            Self::Function(function) => Some(function),
            Self::Opaque { .. } => None,
        }
    }
}

/// A function described by a JSON schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionTool {
    pub name: String,
    pub description: Option<String>,
    /// As written: the order of properties reaches the model. `None` = no arguments.
    pub schema: Option<RawJson>,
    pub strict: Option<bool>,
    pub extras: Extras,
}

/// Whether and what the model must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
    /// A form that only its own dialect knows.
    Opaque {
        origin: Dialect,
        raw: RawJson,
    },
}
