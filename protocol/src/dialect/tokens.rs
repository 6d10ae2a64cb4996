//! Counting tokens without a tokenizer: an estimate for limits and for clients whose provider cannot count, and the
//! spelling of a count in each dialect.

use super::Dialect;
use crate::dialect::lenient::Count;
use crate::model::{ChatRequest, Failure, FailureKind, MediaSource, Message, Part, Tool, ToolResult};
use serde::Deserialize;
use serde_json::json;

/// What a message costs beyond its text, and a picture of usual size.
const PER_MESSAGE: u64 = 4;
const PER_TOOL: u64 = 12;
const PER_IMAGE: u64 = 1100;

/// About how many tokens a text is: four bytes of Latin text, or two thirds of a character of a dense script.
pub fn estimate_text(text: &str) -> u64 {
    let (mut narrow, mut wide) = (0u64, 0u64);
    for c in text.chars() {
        match c as u32 {
            0..0x0800 => narrow += c.len_utf8() as u64,
            _ => wide += 1,
        }
    }
    narrow.div_ceil(4) + (wide * 2).div_ceil(3)
}

/// About how many input tokens a request is.
pub fn estimate(request: &ChatRequest) -> u64 {
    let messages: u64 = request.messages.iter().map(message).sum();
    let tools: u64 = request.tools.iter().map(tool).sum();
    messages + tools
}

fn message(message: &Message) -> u64 {
    PER_MESSAGE + message.parts.iter().map(part).sum::<u64>()
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(found) => estimate_text(&found.text),
        Part::Refusal(text) => estimate_text(text),
        Part::Reasoning(found) => estimate_text(&found.text),
        Part::ToolCall(call) => PER_MESSAGE + estimate_text(&call.name) + estimate_text(&call.arguments),
        Part::ToolResult(ToolResult { parts, .. }) => PER_MESSAGE + parts.iter().map(self::part).sum::<u64>(),
        Part::Media(media) => match &media.source {
            MediaSource::Text(text) => estimate_text(text),
            MediaSource::Url(_) | MediaSource::Inline { .. } | MediaSource::File { .. } => PER_IMAGE,
        },
        Part::Opaque(opaque) => estimate_text(opaque.raw.as_str()),
    }
}

fn tool(tool: &Tool) -> u64 {
    match tool {
        Tool::Function(function) => {
            let described = function.description.as_deref().map_or(0, estimate_text);
            let schema = function.schema.as_ref().map_or(0, |schema| estimate_text(schema.as_str()));
            PER_TOOL + estimate_text(&function.name) + described + schema
        }
        Tool::Opaque { raw, .. } => PER_TOOL + estimate_text(raw.as_str()),
    }
}

impl Dialect {
    /// The answer to a request that asks for a count.
    pub fn encode_token_count(self, tokens: u64) -> Vec<u8> {
        let value = match self {
            Self::Anthropic | Self::OpenAiChat | Self::Ollama => json!({"input_tokens": tokens}),
            Self::OpenAiResponses => json!({"object": "response.input_tokens", "input_tokens": tokens}),
            Self::Gemini => json!({"totalTokens": tokens}),
        };
        value.to_string().into_bytes()
    }

    /// Reads an upstream's count.
    pub fn decode_token_count(self, body: &[u8]) -> Result<u64, Failure> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Counted {
            input_tokens: Count,
            #[serde(rename = "totalTokens")]
            total_tokens: Count,
        }
        let counted: Counted = serde_json::from_slice(body).unwrap_or_default();
        let found = counted.input_tokens.0.or(counted.total_tokens.0);
        found
            .ok_or_else(|| Failure::new(FailureKind::BadAnswer, "the provider's answer holds no token count"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Operation, RequestHead};

    #[test]
    fn estimates_are_near_what_tokenizers_say() {
        // 44 characters, 9 or 10 tokens; 12 characters, 7 to 9 tokens.
        assert_eq!(estimate_text("The quick brown fox jumps over the lazy dog."), 11);
        assert_eq!(estimate_text("今天天气很好我们去公园吧"), 8);
        assert_eq!(estimate_text(""), 0);
    }

    #[test]
    fn a_count_is_read_back_and_grows_with_the_request() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.decode_token_count(&dialect.encode_token_count(42)), Ok(42));
        }
        assert!(Dialect::Anthropic.decode_token_count(b"<html>").is_err());
        let head = RequestHead { operation: Operation::CountTokens, model: "m", stream: false };
        let of = |body: &str| estimate(&Dialect::Anthropic.decode_request(body.as_bytes(), &head).unwrap());
        let short = of(r#"{"messages":[{"role":"user","content":"hi"}]}"#);
        let long = of(
            r#"{"system":"be brief","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{}}]}"#,
        );
        assert!(short > 0 && long > short + 10);
    }
}
