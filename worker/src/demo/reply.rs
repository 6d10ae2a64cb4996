//! What is answered: a text or tool calls, why it stops, and what it cost.

use super::ask::{Ask, Choice, Format, Tool, estimate};
use super::knobs::Knobs;
use super::wire::Voice;
use super::{schema, speech};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A call of a tool of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON.
    pub(super) arguments: String,
}

/// The content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Text(String),
    Calls(Vec<ToolCall>),
}

/// An answer before it has a wire form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) said: Said,
    pub(super) stop: &'static str,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplyError {
    #[error("tool_choice names {0}, which is not among tools")]
    NoSuchTool(String),
    #[error("tool_choice is required and there are no tools")]
    NoTools,
}

impl Reply {
    /// A plain text.
    pub(super) fn text(text: String, prompt_tokens: u64) -> Self {
        let completion_tokens = estimate(&text);
        Self { said: Said::Text(text), stop: "stop", prompt_tokens, completion_tokens }
    }

    pub(super) fn new(knobs: &Knobs, ask: &Ask, voice: &Voice, body: &[u8]) -> Result<Self, ReplyError> {
        let called = called(knobs, ask)?;
        if !called.is_empty() {
            return Ok(Self::calls(&called, ask, voice));
        }
        let mut reply = Self::text(text(knobs, ask, body), ask.prompt_tokens);
        reply.limit(ask.max_tokens);
        Ok(reply)
    }

    fn calls(tools: &[&Tool], ask: &Ask, voice: &Voice) -> Self {
        let call = |(i, tool): (usize, &&Tool)| ToolCall {
            id: format!("call_{}_{i}", voice.id()),
            name: tool.name.clone(),
            arguments: schema::example(&tool.parameters).to_string(),
        };
        let calls: Vec<ToolCall> = tools.iter().enumerate().map(call).collect();
        let completion_tokens = calls.iter().map(|c| estimate(&c.name) + estimate(&c.arguments)).sum();
        let prompt_tokens = ask.prompt_tokens;
        Self { said: Said::Calls(calls), stop: "tool_calls", prompt_tokens, completion_tokens }
    }

    /// Four bytes are at most one token by our own estimate, and so is a word.
    fn limit(&mut self, max_tokens: Option<u64>) {
        let (Some(max), Said::Text(text)) = (max_tokens, &mut self.said) else { return };
        if self.completion_tokens <= max {
            return;
        }
        speech::shorten(text, usize::try_from(max.saturating_mul(4)).unwrap_or(usize::MAX));
        while estimate(text) > max {
            text.pop();
        }
        self.completion_tokens = estimate(text);
        self.stop = "length";
    }
}

/// The tools to call now: none after a tool has spoken, or when nobody asked for it.
fn called<'a>(knobs: &Knobs, ask: &'a Ask) -> Result<Vec<&'a Tool>, ReplyError> {
    let forced = matches!(ask.choice, Choice::Required | Choice::Named(_));
    if ask.tool_said.is_some() || ask.choice == Choice::None || !(forced || knobs.tools.is_some()) {
        return Ok(Vec::new());
    }
    if let Choice::Named(name) = &ask.choice {
        let named = ask.tools.iter().find(|t| t.name == *name);
        return named.map(|t| vec![t]).ok_or_else(|| ReplyError::NoSuchTool(name.clone()));
    }
    if forced && ask.tools.is_empty() {
        return Err(ReplyError::NoTools);
    }
    let mut called: Vec<&Tool> = match knobs.tools.flatten() {
        Some(count) => ask.tools.iter().take(count).collect(),
        None => ask.tools.iter().filter(|t| ask.user.contains(&t.name)).collect(),
    };
    if called.is_empty() {
        called.extend(ask.tools.first());
    }
    if !ask.parallel {
        called.truncate(1);
    }
    Ok(called)
}

fn text(knobs: &Knobs, ask: &Ask, body: &[u8]) -> String {
    if knobs.echo {
        return format!("sha256={} length={}", hex(&Sha256::digest(body)), body.len());
    }
    if let Some(size) = knobs.size {
        return speech::filler(size);
    }
    let spoken = match &ask.tool_said {
        Some(said) => speech::to_tool(said),
        None => speech::to_user(&ask.user),
    };
    match &ask.format {
        // An empty chunk bears no content: there must be a character for each.
        Format::Text => match knobs.chunks.unwrap_or(0).checked_sub(spoken.chars().count()) {
            Some(missing) if missing > 0 => spoken + " " + &speech::filler(missing),
            _ => spoken,
        },
        Format::Object => serde_json::json!({ "answer": spoken }).to_string(),
        Format::Schema(schema) => schema::example(schema).to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
