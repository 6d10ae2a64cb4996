//! How a call will be answered: with the client's own bytes, in another dialect, or by ourselves. Pure.
//!
//! Owns: which of a provider's endpoints takes a call. Never: reads more of a body than the question whether this
//! vendor takes it needs.

use protocol::dialect::openai_chat::{Quirks as ChatQuirks, quirks};
use protocol::dialect::{Dialect, Operation, Quirks};
use protocol::ipc::call::CallHead;
use protocol::ipc::configure::Endpoint;
use protocol::model::{Failure, FailureKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What is done with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan<'a> {
    /// The client's bytes pass unchanged.
    PassThrough(&'a Endpoint),
    /// They pass unless the vendor would refuse them as they are; see [`refuses`].
    Inspect(&'a Endpoint),
    /// The request is said in the endpoint's dialect, its answer in the client's.
    Translate { endpoint: &'a Endpoint, upstream: Transport },
    /// Embeddings in the endpoint's dialect.
    Embed(&'a Endpoint),
    /// Tokens are counted by the endpoint, or estimated if it does not know how.
    Count(Option<&'a Endpoint>),
}

/// How the upstream is asked to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Stream,
    Document,
}

/// What a provider can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// In order of preference.
    pub(crate) endpoints: &'a [Endpoint],
    pub(crate) range: Range,
    pub(crate) quirks: &'a Quirks,
}

/// How much of its dialects a provider knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    Everything,
    /// Conversations, and raw paths that it judges itself.
    Conversations,
}

impl<'a> Plan<'a> {
    /// Where a conversation goes.
    pub(crate) fn endpoint(&self) -> Option<&'a Endpoint> {
        match *self {
            Plan::PassThrough(endpoint) | Plan::Inspect(endpoint) | Plan::Embed(endpoint) => Some(endpoint),
            Plan::Translate { endpoint, .. } => Some(endpoint),
            Plan::Count(endpoint) => endpoint,
        }
    }

    /// The plan for a call at a provider.
    ///
    /// # Errors
    /// [`FailureKind::Unsupported`] when the provider has nothing that could answer.
    pub(crate) fn of(head: &CallHead, offer: &Offer<'a>) -> Result<Self, Failure> {
        let Offer { endpoints, range, quirks } = *offer;
        let knows = |dialect, operation| match (range, operation) {
            (Range::Everything, _) | (Range::Conversations, Operation::Chat | Operation::Raw) => {
                knows(dialect, operation)
            }
            (Range::Conversations, _) => false,
        };
        let own = endpoints.iter().find(|e| e.dialect == head.dialect && knows(e.dialect, head.operation));
        let shares = |e: &&Endpoint| same_wire(head, e.dialect) && knows(e.dialect, head.operation);
        let own = own.or_else(|| endpoints.iter().find(shares));
        match head.operation {
            Operation::Raw => own.map(Plan::PassThrough).ok_or_else(|| no_raw(head)),
            Operation::CountTokens => Ok(Plan::Count(own)),
            Operation::Embed => match own {
                Some(endpoint) => Ok(Plan::PassThrough(endpoint)),
                None => endpoints
                    .iter()
                    .find(|e| knows(e.dialect, Operation::Embed))
                    .map(Plan::Embed)
                    .ok_or_else(no_embeddings),
            },
            Operation::Chat | Operation::Complete => Self::talk(head, own, endpoints, quirks),
        }
    }

    fn talk(
        head: &CallHead,
        own: Option<&'a Endpoint>,
        endpoints: &'a [Endpoint],
        quirks: &Quirks,
    ) -> Result<Self, Failure> {
        let Some(endpoint) = own.or(endpoints.first()) else {
            return Err(Failure::new(FailureKind::Unsupported, "this provider has no endpoint"));
        };
        let chat = endpoint.dialect == Dialect::OpenAiChat;
        let stream_only = chat && quirks.openai_chat.stream_only;
        let upstream = if head.stream || stream_only { Transport::Stream } else { Transport::Document };
        if own.is_none() || stream_only && !head.stream {
            return Ok(Plan::Translate { endpoint, upstream });
        }
        if chat && head.operation == Operation::Chat && deviates(&quirks.openai_chat) {
            return Ok(Plan::Inspect(endpoint));
        }
        Ok(Plan::PassThrough(endpoint))
    }
}

/// Whether a dialect has the operation at all.
fn knows(dialect: Dialect, operation: Operation) -> bool {
    match operation {
        Operation::Chat | Operation::Raw => true,
        Operation::Complete => dialect != Dialect::Anthropic && dialect != Dialect::Gemini,
        Operation::Embed => dialect != Dialect::Anthropic,
        Operation::CountTokens => {
            matches!(dialect, Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Gemini)
        }
    }
}

/// OpenAI's two dialects share every path but their conversations.
fn same_wire(head: &CallHead, dialect: Dialect) -> bool {
    let openai = |d: Dialect| matches!(d, Dialect::OpenAiChat | Dialect::OpenAiResponses);
    head.operation != Operation::Chat
        && head.operation != Operation::CountTokens
        && openai(head.dialect)
        && openai(dialect)
}

fn no_raw(head: &CallHead) -> Failure {
    let path: String = head.path.chars().take(200).collect();
    Failure::new(FailureKind::Unsupported, format!("this provider has no {path}: it speaks another dialect"))
}

fn no_embeddings() -> Failure {
    Failure::new(FailureKind::Unsupported, "this provider's API has no embeddings")
}

/// The vendor refuses, in requests of its own dialect, something that the dialect allows.
fn deviates(quirks: &ChatQuirks) -> bool {
    quirks.max_tokens.is_some()
        || !quirks.drop.is_empty()
        || quirks.tool_choice != quirks::ToolChoices::All
        || quirks.text_content
        || quirks.roles != quirks::Roles::All
        || quirks.tool_ids != quirks::ToolIds::Any
        || quirks.temperature_max.is_some()
}

/// The members of a request that vendors are known to refuse.
#[derive(Deserialize)]
struct Shallow {
    max_tokens: Option<IgnoredAny>,
    max_completion_tokens: Option<IgnoredAny>,
    temperature: Option<f64>,
    tool_choice: Option<serde_json::Value>,
}

/// Whether a vendor with these quirks would refuse this chat completions request as it is. Text that only speaks
/// of a member costs a closer look, never a wrong answer; a request that is not JSON is the upstream's to refuse.
pub(crate) fn refuses(quirks: &ChatQuirks, body: &[u8]) -> bool {
    let says = |key: &str| memchr::memmem::find(body, format!("\"{key}\"").as_bytes()).is_some();
    if quirks.roles == quirks::Roles::NoDeveloper && says("developer")
        || quirks.text_content && says("text") && says("type")
        || quirks.tool_ids != quirks::ToolIds::Any && says("tool_call_id")
        || quirks.drop.iter().any(|key| says(key) && has_member(body, key))
    {
        return true;
    }
    let limit = says("max_tokens") || says("max_completion_tokens");
    let suspect = quirks.max_tokens.is_some() && limit
        || quirks.temperature_max.is_some() && says("temperature")
        || quirks.tool_choice != quirks::ToolChoices::All && says("tool_choice");
    if !suspect {
        return false;
    }
    let Ok(shallow) = serde_json::from_slice::<Shallow>(body) else { return false };
    let wrong_limit = match quirks.max_tokens {
        Some(quirks::LimitField::MaxTokens) => shallow.max_completion_tokens.is_some(),
        Some(quirks::LimitField::MaxCompletionTokens) => shallow.max_tokens.is_some(),
        None => false,
    };
    let too_warm = shallow.temperature.zip(quirks.temperature_max).is_some_and(|(asked, most)| asked > most);
    let choice = match (&shallow.tool_choice, quirks.tool_choice) {
        (None, _) | (_, quirks::ToolChoices::All) => false,
        (Some(choice), quirks::ToolChoices::Auto) => choice != "auto",
        (Some(choice), quirks::ToolChoices::Any) => choice.is_object(),
    };
    wrong_limit || too_warm || choice
}

/// The body has this member at its top level.
fn has_member(body: &[u8], key: &str) -> bool {
    serde_json::from_slice::<std::collections::HashMap<std::borrow::Cow<'_, str>, IgnoredAny>>(body)
        .is_ok_and(|members| members.contains_key(key))
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
