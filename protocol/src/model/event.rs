//! A streamed answer, step by step.

use super::{Citation, Continuation, Failure, Media, Opaque, StopReason, Token, Usage};

/// Names a part within one stream; private to decoder and [`super::Sequencer`], never sent to anyone.
pub type PartKey = u32;

/// One step. What a decoder yields may be sloppy; what the sequencer passes on follows the grammar
/// `Start (PartStart Delta* PartEnd)* (Finish | Fail)`, one part at a time, keys counting from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Start(Start),
    PartStart {
        key: PartKey,
        head: PartHead,
    },
    Delta {
        key: PartKey,
        delta: Delta,
    },
    PartEnd {
        key: PartKey,
    },
    /// Counts as far as they are known; not part of the grammar: merged into `Start` and `Finish`.
    Usage(Usage),
    /// From a decoder: why the model stopped. From the sequencer: the end of the stream, with all counts.
    Finish {
        stop: StopReason,
        usage: Usage,
    },
    /// The answer is complete, but its bytes may go on with another one, that begins with a `Start` of its own. Only
    /// decoders yield it.
    Complete,
    /// The upstream's terminator. Only decoders yield it.
    End,
    /// The stream failed; nothing follows.
    Fail(Failure),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub id: Option<String>,
    pub model: Option<String>,
    pub created: Option<u64>,
    /// What was known at the start.
    pub usage: Usage,
}

/// What kind of part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartHead {
    Text,
    Reasoning,
    Refusal,
    ToolCall {
        id: String,
        name: String,
    },
    /// An image or a sound that the model made, whole or one piece of it.
    Media(Media),
    /// A block that only its own dialect knows, whole.
    Opaque(Opaque),
}

/// What is added to the open part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Text of a text, reasoning or refusal part.
    Text(String),
    /// Text of a tool call's arguments.
    Arguments(String),
    /// What the maker needs to accept the part again.
    Continuation(Continuation),
    /// The tokens of the next piece of a text, before that piece.
    Tokens(Vec<Token>),
    /// A source of the text, at any place in it.
    Citation(Citation),
}
