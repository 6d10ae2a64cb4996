//! What a chat request says, as far as the demo provider cares. Lenient: an unknown field is nobody's fault.

use serde_json::Value;

/// A function the client offers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) parameters: Value,
}

/// `tool_choice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Auto,
    None,
    Required,
    Named(String),
}

/// `response_format`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    Text,
    Object,
    Schema(Value),
}

/// A request, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ask {
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// The text of the last message of the user, and of the last message if a tool said it.
    pub(super) user: String,
    pub(super) tool_said: Option<String>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    pub(super) parallel: bool,
    pub(super) format: Format,
    pub(super) max_tokens: Option<u64>,
    pub(super) prompt_tokens: u64,
}

/// Why a body is no chat request.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("the body is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the body is not a JSON object")]
    NoObject,
    #[error("messages is not a list with at least one message")]
    NoMessages,
}

impl Ask {
    pub(super) fn parse(body: &[u8]) -> Result<Self, AskError> {
        let root: Value = serde_json::from_slice(body)?;
        if !root.is_object() {
            return Err(AskError::NoObject);
        }
        let messages = root["messages"].as_array().filter(|m| !m.is_empty()).ok_or(AskError::NoMessages)?;
        let said =
            |role: &str| messages.iter().rev().find(|m| m["role"] == role).map(|m| text(&m["content"]));
        let tool_said = messages.last().filter(|m| m["role"] == "tool").map(|m| text(&m["content"]));
        let tokens_said: u64 = messages.iter().map(|m| 3 + estimate(&text(&m["content"]))).sum();
        let tools_said = root.get("tools").map_or(0, |t| estimate(&t.to_string()));
        Ok(Self {
            stream: root["stream"] == true,
            include_usage: root["stream_options"]["include_usage"] == true,
            user: said("user").unwrap_or_default(),
            tool_said,
            tools: root["tools"].as_array().into_iter().flatten().filter_map(tool).collect(),
            choice: choice(&root["tool_choice"]),
            parallel: root["parallel_tool_calls"] != false,
            format: format(&root["response_format"]),
            max_tokens: root["max_completion_tokens"].as_u64().or(root["max_tokens"].as_u64()),
            prompt_tokens: tokens_said + tools_said,
        })
    }

    /// The user's last message when it is a path or an address, for a sandbox test.
    pub(super) fn probe_argument(&self) -> String {
        let said = self.user.trim();
        let usable = said.starts_with('/') || said.parse::<std::net::SocketAddr>().is_ok();
        if usable { said.to_owned() } else { String::new() }
    }
}

/// A deterministic guess: a token per word, or per four bytes where words are long or have no spaces.
pub(super) fn estimate(text: &str) -> u64 {
    let words = text.split_whitespace().count();
    words.max(text.len().div_ceil(4)) as u64
}

/// A string, or the text parts of a list.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn tool(tool: &Value) -> Option<Tool> {
    let function = tool.get("function")?;
    let parameters = function.get("parameters").cloned();
    let empty = || serde_json::json!({"type": "object"});
    Some(Tool { name: function["name"].as_str()?.to_owned(), parameters: parameters.unwrap_or_else(empty) })
}

fn choice(choice: &Value) -> Choice {
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (_, Some(name)) => Choice::Named(name.to_owned()),
        (Some("none"), _) => Choice::None,
        (Some("required"), _) => Choice::Required,
        _ => Choice::Auto,
    }
}

fn format(format: &Value) -> Format {
    match format["type"].as_str() {
        Some("json_object") => Format::Object,
        Some("json_schema") => Format::Schema(format["json_schema"]["schema"].clone()),
        _ => Format::Text,
    }
}
