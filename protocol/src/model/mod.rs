//! The canonical vocabulary. Types only: how they are spelled on a wire belongs to [`crate::dialect`].
//! The one piece of behaviour is [`Sequencer`], which holds all the grammar of a stream.

mod citation;
mod event;
mod extras;
mod failure;
mod likelihood;
mod loss;
mod message;
mod raw;
mod request;
mod response;
mod sequence;
mod tool;
mod usage;

pub use citation::Citation;
pub use event::{Delta, Event, PartHead, PartKey, Start};
pub use extras::{Continuation, ContinuationKind, Extras, Losses, join};
pub use failure::{Blame, Failure, FailureKind, Retry};
pub use likelihood::{LikelihoodAsk, Likely, Token};
pub use loss::{Loss, LossReason};
pub use message::{
    Media, MediaKind, MediaSource, Message, Opaque, Part, Reasoning, Role, Shape, TextPart, ToolCall,
    ToolResult, joined_text,
};
pub use raw::RawJson;
pub use request::{
    ChatRequest, Effort, LimitWord, OutputLimit, ReasoningAsk, ReasoningMode, ResponseFormat, Sampling,
    SchemaFormat, Stop,
};
pub use response::{ChatResponse, StopKind, StopReason};
pub(crate) use sequence::{CITATIONS_LIMIT, PARTS_LIMIT};
pub use sequence::{Sequencer, fold};
pub use tool::{FunctionTool, Tool, ToolChoice};
pub use usage::{Usage, UsageSource};
