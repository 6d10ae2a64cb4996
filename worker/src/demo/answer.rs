//! What is said: the choice between a text and tool calls, and what it costs.
//!
//! Owns: the content of an answer and its size in tokens. Never: the bytes around it, or when they are sent.

use super::knobs::Knobs;
use super::request::{Asked, Choice, Format, Parallel, Tool, Turn, invalid, tokens};
use super::text::{Growth, Text};
use super::{schema, wording};
use protocol::model::{Failure, Usage};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Name and frame of a tool call, in tokens.
const CALL_TOKENS: u64 = 8;
/// Arguments are streamed in pieces of about this many characters, unless the model's name says otherwise.
const ARGUMENT_CHARS: usize = 12;

/// An answer, before it has a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) said: Said,
    pub(crate) stop: Stop,
    pub(crate) usage: Usage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(Text),
    Calls(Vec<ToolCall>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Text,
}

/// Why it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    Length,
    ToolCalls,
}

/// What an answer may take from the world outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside<'a> {
    /// The call's id; tool calls get theirs from it.
    pub(crate) id: &'a str,
    /// What the sandbox probe that the model's name asks for came to.
    pub(crate) found: Option<&'a str>,
}

impl Answer {
    /// Decides what to say to a request whose bytes are `body`.
    pub(crate) fn new(
        knobs: &Knobs,
        asked: &Asked,
        body: &[u8],
        outside: Outside<'_>,
    ) -> Result<Self, Failure> {
        let calls = wanted_calls(knobs, asked);
        let (said, stop) = if calls > 0 {
            (Said::Calls(call(knobs, asked, calls, outside.id)?), Stop::ToolCalls)
        } else {
            let (text, stop) = text(knobs, asked, body, outside)?;
            (Said::Text(text), stop)
        };
        let output = match &said {
            Said::Text(text) => tokens(text.bytes()),
            Said::Calls(calls) => calls.iter().map(|call| CALL_TOKENS + tokens(call.arguments.bytes())).sum(),
        };
        let usage =
            Usage { input_fresh: Some(asked.prompt_tokens), output: Some(output), ..Usage::default() };
        Ok(Self { said, stop, usage })
    }

    /// Content-bearing events of its stream.
    pub(crate) fn pieces(&self) -> u64 {
        match &self.said {
            Said::Text(text) => text.count(),
            Said::Calls(calls) => calls.iter().map(|call| 1 + call.arguments.count()).sum(),
        }
    }
}

impl Stop {
    /// `finish_reason`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Stop::End => "stop",
            Stop::Length => "length",
            Stop::ToolCalls => "tool_calls",
        }
    }
}

/// How many tools to call. None after a result, so that an agent's loop comes to its end.
fn wanted_calls(knobs: &Knobs, asked: &Asked) -> u64 {
    let answered = matches!(asked.turn, Turn::ToolResult(_));
    let wanted = match (asked.choice, knobs.tools) {
        (Choice::None, _) => 0,
        (Choice::Required, knob) => knob.unwrap_or(1),
        (Choice::Auto, knob) => knob.unwrap_or(0),
    };
    match asked.parallel {
        _ if answered || asked.tools.is_empty() => 0,
        Parallel::Allowed => wanted,
        Parallel::Forbidden => wanted.min(1),
    }
}

/// The request's tools in their order, from the first again when there are fewer than `wanted`.
fn call(knobs: &Knobs, asked: &Asked, wanted: u64, id: &str) -> Result<Vec<ToolCall>, Failure> {
    let tools = asked.tools.iter().cycle().zip(0..wanted);
    tools.map(|(tool, at)| tool_call(knobs, tool, format!("call_{id}_{at}"))).collect()
}

fn tool_call(knobs: &Knobs, tool: &Tool, id: String) -> Result<ToolCall, Failure> {
    let arguments = schema::sample(&tool.parameters).map_err(|error| {
        let message = format!("the parameters of the function `{}` cannot be satisfied: {error}", tool.name);
        invalid(Some("tools"), message)
    })?;
    let arguments = arguments.to_string();
    let usual = arguments.chars().count().div_ceil(ARGUMENT_CHARS).max(2) as u64;
    let arguments = Text::said(&arguments, Some(knobs.chunks.unwrap_or(usual)), Growth::None);
    Ok(ToolCall { id, name: tool.name.clone(), arguments })
}

fn text(knobs: &Knobs, asked: &Asked, body: &[u8], outside: Outside<'_>) -> Result<(Text, Stop), Failure> {
    let exact = |text: &str| Ok((Text::said(text, knobs.chunks, Growth::None), Stop::End));
    if let Some(attempt) = &knobs.probe {
        let verdict = outside.found.unwrap_or("not tried");
        return exact(&format!("{}: {verdict}", attempt.probe.name()));
    }
    if knobs.echo {
        return exact(&echo(body));
    }
    if let Some(size) = knobs.size {
        return Ok((Text::sized(size, knobs.chunks), Stop::End));
    }
    match &asked.format {
        Format::JsonObject => return exact(&json!({"answer": "LLM Link works."}).to_string()),
        Format::Schema(schema) => {
            let value = schema::sample(schema).map_err(|error| {
                invalid(Some("response_format"), format!("the schema cannot be satisfied: {error}"))
            })?;
            return exact(&value.to_string());
        }
        Format::Text => {}
    }
    let reply = match &asked.turn {
        Turn::Question(question) => wording::reply(question),
        Turn::ToolResult(result) => wording::tool_result(result),
    };
    if knobs.chunks.is_some() {
        return Ok((Text::said(&reply, knobs.chunks, Growth::Words), Stop::End));
    }
    let (reply, stop) = limited(&reply, asked.max_tokens);
    Ok((Text::said(reply, None, Growth::Words), stop))
}

/// `{"sha256": hex, "length": bytes}` of the request body.
fn echo(body: &[u8]) -> String {
    let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"sha256": digest, "length": body.len()}).to_string()
}

/// No more of `text` than the client asked for.
fn limited(text: &str, max_tokens: Option<u64>) -> (&str, Stop) {
    match max_tokens {
        Some(max) if tokens(text.len() as u64) > max => {
            let fits = text
                .char_indices()
                .map(|(at, c)| at + c.len_utf8())
                .take_while(|end| tokens(*end as u64) <= max);
            (&text[..fits.last().unwrap_or(0)], Stop::Length)
        }
        Some(_) | None => (text, Stop::End),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_cuts_between_characters() {
        assert_eq!(limited("abcdefgh", Some(1)), ("abcd", Stop::Length));
        assert_eq!(limited("ab€€", Some(1)), ("ab", Stop::Length));
        assert_eq!(limited("abcd", Some(1)), ("abcd", Stop::End));
        assert_eq!(limited("abcd", Some(0)), ("", Stop::Length));
        assert_eq!(limited("abcd", None), ("abcd", Stop::End));
    }

    /// RFC 6234: SHA-256 of "abc".
    #[test]
    fn an_echo_names_the_bodys_digest() {
        let wanted =
            r#"{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","length":3}"#;
        assert_eq!(echo(b"abc"), wanted);
    }
}
