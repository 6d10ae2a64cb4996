//! Counting tokens for a provider that cannot: an estimate, which is what clients need it for (is the
//! conversation near the end of the context?). Pure.

use bytes::Bytes;
use protocol::dialect::{Dialect, RequestHead};
use protocol::ipc::call::CallHead;
use protocol::model::{ChatRequest, Failure, Media, MediaSource, Message, Part, Tool};

/// Tokens that frame a message or a tool.
const FRAME: u64 = 4;
/// A picture of usual size.
const IMAGE: u64 = 1200;

/// The provider has no such path.
pub(crate) fn is_unknown(failure: &Failure) -> bool {
    matches!(failure.status, Some(404 | 405 | 501))
}

/// Headers and body of an answer in the client's dialect.
///
/// # Errors
/// When the request cannot be read.
pub(crate) fn estimate(head: &CallHead, body: &[u8]) -> Result<(Vec<(String, String)>, Bytes), Failure> {
    let asked = RequestHead { operation: head.operation, model: &head.model, stream: false };
    let tokens = tokens(&head.dialect.decode_request(body, &asked)?);
    let document = match head.dialect {
        Dialect::Gemini => serde_json::json!({ "totalTokens": tokens }),
        Dialect::OpenAiResponses => {
            serde_json::json!({ "object": "response.input_tokens", "input_tokens": tokens })
        }
        Dialect::Anthropic | Dialect::OpenAiChat | Dialect::Ollama => {
            serde_json::json!({ "input_tokens": tokens })
        }
    };
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let source = ("x-llm-link-token-count".to_owned(), "estimated".to_owned());
    Ok((vec![json, source], document.to_string().into()))
}

fn tokens(request: &ChatRequest) -> u64 {
    let messages = request.messages.iter().map(message);
    let tools = request.tools.iter().map(|tool| match tool {
        Tool::Function(function) => {
            let schema = function.schema.as_ref().map_or("", |schema| schema.as_str());
            FRAME
                + text(&function.name)
                + text(function.description.as_deref().unwrap_or_default())
                + text(schema)
        }
        Tool::Opaque { raw, .. } => FRAME + text(raw.as_str()),
    });
    (messages.sum::<u64>() + tools.sum::<u64>()).max(1)
}

fn message(message: &Message) -> u64 {
    FRAME + message.parts.iter().map(part).sum::<u64>()
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(said) => text(&said.text),
        Part::Refusal(said) => text(said),
        Part::Reasoning(reasoning) => text(&reasoning.text),
        Part::ToolCall(call) => FRAME + text(&call.name) + text(&call.arguments),
        Part::ToolResult(result) => FRAME + result.parts.iter().map(self::part).sum::<u64>(),
        Part::Media(Media { source: MediaSource::Text(said), .. }) => text(said),
        Part::Media(_) => IMAGE,
        Part::Opaque(opaque) => text(opaque.raw.as_str()),
    }
}

/// About four letters of the usual alphabets make a token; other scripts come nearer to one a letter.
fn text(text: &str) -> u64 {
    let (plain, other) = text.chars().fold((0_u64, 0_u64), |(plain, other), c| {
        if (c as u32) < 0x0590 { (plain + 1, other) } else { (plain, other + 1) }
    });
    plain.div_ceil(4) + other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_text_is_more_tokens_whatever_the_script() {
        assert_eq!((text(""), text("word"), text("words"), text("你好")), (0, 1, 2, 2));
    }

    #[test]
    fn everything_that_is_sent_counts() {
        let count = |body: &str| {
            let head = RequestHead {
                operation: protocol::dialect::Operation::CountTokens,
                model: "m",
                stream: false,
            };
            tokens(&Dialect::Anthropic.decode_request(body.as_bytes(), &head).unwrap())
        };
        let plain = count(r#"{"model":"m","messages":[{"role":"user","content":"twelve chars"}]}"#);
        assert_eq!(plain, FRAME + 3);
        let tool = r#"{"name":"f","description":"does it","input_schema":{"type":"object"}}"#;
        let with_tool = count(&format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"twelve chars"}}],"tools":[{tool}]}}"#
        ));
        assert!(with_tool > plain + FRAME, "{with_tool}");
    }
}
