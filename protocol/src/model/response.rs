//! An answer, whole.

use super::{Citation, Part, Token, Usage};

/// One answer: the fold of its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatResponse {
    /// The upstream's own id and model, where it gave them.
    pub id: Option<String>,
    pub model: Option<String>,
    /// Seconds since 1970.
    pub created: Option<u64>,
    pub parts: Vec<Part>,
    /// The tokens of the text, where they were asked for.
    pub tokens: Vec<Token>,
    /// The sources of the texts, each with the number of its part.
    pub citations: Vec<(usize, Citation)>,
    pub stop: StopReason,
    pub usage: Usage,
}

impl ChatResponse {
    /// The sources of one part.
    pub fn cited(&self, part: usize) -> impl Iterator<Item = &Citation> {
        self.citations.iter().filter(move |(of, _)| *of == part).map(|(_, citation)| citation)
    }
}

/// Why the answer ended: a closed set for encoders, and the upstream's own word for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopReason {
    pub kind: StopKind,
    pub raw: Option<String>,
    /// The stop word that was hit, where the upstream says it.
    pub sequence: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopKind {
    #[default]
    Stop,
    /// A stop word of the request.
    Sequence,
    Length,
    Tool,
    Filter,
    /// The upstream paused a long turn and expects to be asked to go on.
    Pause,
}

impl StopReason {
    pub fn new(kind: StopKind, raw: Option<&str>) -> Self {
        Self { kind, raw: raw.map(str::to_owned), sequence: None }
    }
}
