//! What the demo provider needs to know of a chat completion request.
//!
//! Owns: which fields are read, and the refusal of those that cannot be honoured. Never: keeps more of a long
//! conversation than its last words and its size.

use protocol::model::{Failure, FailureKind};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// About how many bytes of text make a token.
const TOKEN_BYTES: u64 = 4;
/// Role and separators of a message, in tokens.
const MESSAGE_TOKENS: u64 = 4;
/// A part that is no text, in tokens: what OpenAI counts for an image of low detail.
const PART_TOKENS: u64 = 85;

/// A request, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) shape: Shape,
    pub(crate) turn: Turn,
    /// Those that may be called.
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    pub(crate) parallel: Parallel,
    pub(crate) format: Format,
    pub(crate) max_tokens: Option<u64>,
    /// Estimated.
    pub(crate) prompt_tokens: u64,
}

/// How the answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Document,
    Stream { usage: StreamUsage },
}

/// Whether the client wants to see usage inside the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamUsage {
    Asked,
    Unasked,
}

/// The last words of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Of the user; empty when there are none.
    Question(String),
    /// A tool's result came last.
    ToolResult(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) parameters: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Auto,
    None,
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parallel {
    Allowed,
    Forbidden,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    Text,
    JsonObject,
    Schema(Value),
}

/// Estimated tokens of that many bytes.
pub(crate) fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(TOKEN_BYTES)
}

impl Asked {
    /// Reads a request body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Failure> {
        let raw: Raw<'_> = serde_json::from_slice(body)
            .map_err(|error| invalid(None, format!("this is no chat completion request: {error}")))?;
        if raw.n.is_some_and(|n| n != 1) {
            return Err(invalid(Some("n"), "the demo provider gives one choice per call"));
        }
        let tools_text = raw.tools.map_or("", RawValue::get);
        let mut tools = raw.tools.map_or(Ok(Vec::new()), read_tools)?;
        let choice =
            raw.tool_choice.as_ref().map_or(Ok(Choice::Auto), |choice| choose(choice, &mut tools))?;
        let messages = raw.messages.filter(|messages| !messages.is_empty());
        let messages = messages.ok_or_else(|| invalid(Some("messages"), "`messages` must hold a message"))?;
        let (turn, message_tokens) = converse(&messages)?;
        Ok(Self {
            shape: shape(raw.stream, raw.stream_options),
            turn,
            tools,
            choice,
            parallel: match raw.parallel_tool_calls {
                Some(false) => Parallel::Forbidden,
                Some(true) | None => Parallel::Allowed,
            },
            format: raw.response_format.map_or(Ok(Format::Text), format)?,
            max_tokens: raw.max_completion_tokens.or(raw.max_tokens),
            prompt_tokens: message_tokens + tokens(tools_text.len() as u64),
        })
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    messages: Option<Vec<RawMessage<'a>>>,
    stream: Option<bool>,
    stream_options: Option<RawStreamOptions>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    #[serde(borrow)]
    response_format: Option<RawFormat<'a>>,
    n: Option<u64>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RawStreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawContent<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<RawPart<'a>>),
}

#[derive(Deserialize)]
struct RawPart<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawTool {
    function: Option<RawFunction>,
}

#[derive(Deserialize)]
struct RawFunction {
    name: String,
    parameters: Option<Value>,
}

#[derive(Deserialize)]
struct RawFormat<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    json_schema: Option<RawSchema>,
}

#[derive(Deserialize)]
struct RawSchema {
    schema: Option<Value>,
}

fn shape(stream: Option<bool>, options: Option<RawStreamOptions>) -> Shape {
    match (stream, options.unwrap_or_default().include_usage) {
        (Some(true), Some(true)) => Shape::Stream { usage: StreamUsage::Asked },
        (Some(true), Some(false) | None) => Shape::Stream { usage: StreamUsage::Unasked },
        (Some(false) | None, _) => Shape::Document,
    }
}

/// The last words, and the tokens of the whole conversation.
fn converse(messages: &[RawMessage<'_>]) -> Result<(Turn, u64), Failure> {
    const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];
    let mut question = String::new();
    let mut total = 0;
    for (at, message) in messages.iter().enumerate() {
        if !ROLES.contains(&message.role.as_ref()) {
            let known = ROLES.join(", ");
            return Err(invalid(Some(&format!("messages[{at}].role")), format!("a role is one of {known}")));
        }
        let (text, parts) = content(message, at)?;
        let calls = message.tool_calls.map_or(0, |calls| calls.get().len() as u64);
        total += MESSAGE_TOKENS + tokens(text.len() as u64) + tokens(calls) + parts * PART_TOKENS;
        match message.role.as_ref() {
            "user" => question = text,
            "tool" | "function" if at + 1 == messages.len() => return Ok((Turn::ToolResult(text), total)),
            _ => {}
        }
    }
    Ok((Turn::Question(question), total))
}

/// A message's text, and how many parts of it are something else.
fn content(message: &RawMessage<'_>, at: usize) -> Result<(String, u64), Failure> {
    let Some(raw) = message.content else { return Ok((String::new(), 0)) };
    let content = serde_json::from_str(raw.get()).map_err(|_| {
        let param = format!("messages[{at}].content");
        invalid(Some(&param), "the content of a message is a text, a list of parts, or null")
    })?;
    Ok(match content {
        RawContent::Text(text) => (text.into_owned(), 0),
        RawContent::Parts(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.text.as_deref()).collect();
            (texts.join("\n"), (parts.len() - texts.len()) as u64)
        }
    })
}

fn read_tools(raw: &RawValue) -> Result<Vec<Tool>, Failure> {
    let tools: Vec<RawTool> = serde_json::from_str(raw.get())
        .map_err(|error| invalid(Some("tools"), format!("`tools` cannot be read: {error}")))?;
    // Tools of other kinds may be offered; this provider just never calls them.
    let functions = tools.into_iter().filter_map(|tool| tool.function);
    // Without parameters a function takes none.
    let parameters = |given: Option<Value>| given.unwrap_or_else(|| serde_json::json!({"type": "object"}));
    Ok(functions.map(|f| Tool { name: f.name, parameters: parameters(f.parameters) }).collect())
}

/// Reads `tool_choice`, and leaves only those tools that it lets be called.
fn choose(choice: &Value, tools: &mut Vec<Tool>) -> Result<Choice, Failure> {
    let kind = choice.get("type").and_then(Value::as_str);
    let (chosen, names) = match (choice.as_str(), kind) {
        (Some("auto"), _) => (Choice::Auto, None),
        (Some("none"), _) => (Choice::None, None),
        (Some("required"), _) => (Choice::Required, None),
        (None, Some("function")) => (Choice::Required, Some(vec![name(choice)])),
        (None, Some("allowed_tools")) => {
            let allowed = choice.get("allowed_tools").unwrap_or(choice);
            let names =
                allowed.get("tools").and_then(Value::as_array).map(|list| list.iter().map(name).collect());
            let required = allowed.get("mode").and_then(Value::as_str) == Some("required");
            (if required { Choice::Required } else { Choice::Auto }, Some(names.unwrap_or_default()))
        }
        _ => return Err(no_choice("the demo provider cannot read this `tool_choice`")),
    };
    if let Some(names) = names {
        let offered = |name: &Option<&str>| tools.iter().any(|tool| Some(tool.name.as_str()) == *name);
        if !names.iter().all(offered) {
            return Err(no_choice("`tool_choice` names a function that `tools` does not offer"));
        }
        tools.retain(|tool| names.contains(&Some(tool.name.as_str())));
    }
    if chosen == Choice::Required && tools.is_empty() {
        return Err(no_choice("`tool_choice` requires a call, but `tools` offers no function"));
    }
    Ok(chosen)
}

fn name(choice: &Value) -> Option<&str> {
    choice.pointer("/function/name").and_then(Value::as_str)
}

fn format(raw: RawFormat<'_>) -> Result<Format, Failure> {
    match raw.kind.as_ref() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => match raw.json_schema {
            Some(RawSchema { schema }) => {
                Ok(Format::Schema(schema.unwrap_or(Value::Object(Default::default()))))
            }
            None => Err(invalid(Some("response_format.json_schema"), "`json_schema` is missing")),
        },
        _ => Err(invalid(
            Some("response_format.type"),
            "a response format is one of text, json_object, json_schema",
        )),
    }
}

fn no_choice(message: &str) -> Failure {
    invalid(Some("tool_choice"), message)
}

pub(crate) fn invalid(param: Option<&str>, message: impl Into<String>) -> Failure {
    let failure = Failure::new(FailureKind::InvalidRequest, message);
    match param {
        Some(param) => failure.with_param(param),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Asked, Failure> {
        Asked::read(value.to_string().as_bytes())
    }

    fn param(value: Value) -> String {
        let failure = read(value).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidRequest);
        failure.param.unwrap_or_default()
    }

    #[test]
    fn the_last_words_are_the_users_or_a_tools() {
        let say = |role: &str, content: Value| json!({"role": role, "content": content});
        let parts =
            json!([{"type": "text", "text": "look\u{e9}"}, {"type": "image_url", "image_url": {"url": "x"}}]);
        let talk = json!({"messages": [say("user", json!("first")), say("assistant", Value::Null), say("user", parts), say("system", json!("late"))]});
        let asked = read(talk).unwrap();
        assert_eq!(asked.turn, Turn::Question("looké".into()));
        // first 2, nothing 0, lookX 2 and a part, late 1; four messages
        assert_eq!(asked.prompt_tokens, 2 + 2 + PART_TOKENS + 1 + 4 * MESSAGE_TOKENS);
        let result = read(
            json!({"messages": [say("user", json!("q")), say("tool", json!([{"type": "text", "text": "42"}]))]}),
        );
        assert_eq!(result.unwrap().turn, Turn::ToolResult("42".into()));
    }

    #[test]
    fn a_choice_leaves_the_tools_that_may_be_called() {
        let tools = json!([{"type": "function", "function": {"name": "a"}}, {"type": "custom", "custom": {"name": "c"}},
            {"type": "function", "function": {"name": "b", "parameters": {"type": "object", "required": []}}}]);
        let ask = |choice: Value| {
            read(json!({"messages": [{"role": "user"}], "tools": tools, "tool_choice": choice}))
        };
        let names = |asked: &Asked| asked.tools.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
        let named = ask(json!({"type": "function", "function": {"name": "b"}})).unwrap();
        assert_eq!((named.choice, names(&named)), (Choice::Required, vec!["b".to_owned()]));
        let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "a"}}]}});
        assert_eq!(names(&ask(allowed).unwrap()), ["a"]);
        assert_eq!(names(&ask(json!("none")).unwrap()), ["a", "b"]);
        for wrong in [json!("perhaps"), json!({"type": "function", "function": {"name": "z"}}), json!(5)] {
            assert_eq!(ask(wrong).unwrap_err().param.as_deref(), Some("tool_choice"));
        }
        assert_eq!(param(json!({"messages": [{"role": "user"}], "tool_choice": "required"})), "tool_choice");
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        assert_eq!(param(json!({})), "messages");
        assert_eq!(param(json!({"messages": []})), "messages");
        assert_eq!(param(json!({"messages": [{"role": "user"}], "n": 2})), "n");
        assert_eq!(param(json!({"messages": [{"role": "user"}, {"role": "boss"}]})), "messages[1].role");
        assert_eq!(param(json!({"messages": [{"role": "user", "content": 5}]})), "messages[0].content");
        let format =
            |format: Value| param(json!({"messages": [{"role": "user"}], "response_format": format}));
        assert_eq!(format(json!({"type": "xml"})), "response_format.type");
        assert_eq!(format(json!({"type": "json_schema"})), "response_format.json_schema");
        assert!(Asked::read(b"{").unwrap_err().message.contains("no chat completion request"));
        assert!(Asked::read(b"\xff").is_err());
    }

    #[test]
    fn usage_in_a_stream_is_shown_when_asked_for() {
        let shape = |options: Value| {
            let body = json!({"messages": [{"role": "user"}], "stream": true, "stream_options": options});
            read(body).unwrap().shape
        };
        assert_eq!(shape(json!({"include_usage": true})), Shape::Stream { usage: StreamUsage::Asked });
        assert_eq!(shape(json!({})), Shape::Stream { usage: StreamUsage::Unasked });
        assert_eq!(shape(Value::Null), Shape::Stream { usage: StreamUsage::Unasked });
        assert_eq!(read(json!({"messages": [{"role": "user"}]})).unwrap().shape, Shape::Document);
    }
}
