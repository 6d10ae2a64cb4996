//! What a client calls the field that was lost: codecs and passes name fields in the model's words, which are
//! OpenAI chat's; the client is told in its own.
//!
//! Owns: one table a dialect. Never: decides what is lost.

use super::Dialect;

/// The model's word for a field, and where this dialect has it.
type Words = &'static [(&'static str, &'static str)];

const OPENAI_CHAT: Words = &[
    ("reasoning", "reasoning_effort"),
    ("reasoning_content", "messages[].reasoning_content"),
    ("tool_calls", "messages[].tool_calls"),
    ("tool_result", "messages[]"),
];

const OPENAI_RESPONSES: Words = &[
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("messages", "input"),
    ("reasoning_content", "input[].summary"),
    ("response_format", "text.format"),
    ("tool_calls", "input[]"),
    ("tool_result", "input[]"),
];

const ANTHROPIC: Words = &[
    ("max_completion_tokens", "max_tokens"),
    ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ("reasoning", "thinking"),
    ("reasoning_content", "messages[].content[].thinking"),
    ("response_format", "output_config.format"),
    ("stop", "stop_sequences"),
    ("tool_calls", "messages[].content[]"),
    ("tool_result", "messages[].content[]"),
    ("user", "metadata.user_id"),
];

const OLLAMA: Words = &[
    ("frequency_penalty", "options.frequency_penalty"),
    ("max_completion_tokens", "options.num_predict"),
    ("max_tokens", "options.num_predict"),
    ("presence_penalty", "options.presence_penalty"),
    ("reasoning", "think"),
    ("reasoning_content", "messages[].thinking"),
    ("response_format", "format"),
    ("seed", "options.seed"),
    ("stop", "options.stop"),
    ("temperature", "options.temperature"),
    ("tool_calls", "messages[].tool_calls"),
    ("tool_result", "messages[]"),
    ("top_k", "options.top_k"),
    ("top_p", "options.top_p"),
];

const GEMINI: Words = &[
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("max_completion_tokens", "generationConfig.maxOutputTokens"),
    ("max_tokens", "generationConfig.maxOutputTokens"),
    ("messages", "contents"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("reasoning", "generationConfig.thinkingConfig"),
    ("reasoning_content", "contents[].parts[].thought"),
    ("response_format", "generationConfig.responseMimeType"),
    ("seed", "generationConfig.seed"),
    ("stop", "generationConfig.stopSequences"),
    ("temperature", "generationConfig.temperature"),
    ("tool_calls", "contents[].parts[].functionCall"),
    ("tool_choice", "toolConfig"),
    ("tool_result", "contents[].parts[].functionResponse"),
    ("top_k", "generationConfig.topK"),
    ("top_p", "generationConfig.topP"),
];

impl Dialect {
    /// A field of the model as clients of this dialect spell it. `system` is the name of the field that became the
    /// first message of the model, if one did: the client's own messages are counted without it.
    pub fn spelled(self, field: &str, system: Option<&str>) -> String {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let (word, rest) = field.split_at(end);
        let words = match self {
            Dialect::OpenAiChat => OPENAI_CHAT,
            Dialect::OpenAiResponses => OPENAI_RESPONSES,
            Dialect::Anthropic => ANTHROPIC,
            Dialect::Ollama => OLLAMA,
            Dialect::Gemini => GEMINI,
        };
        let own = words.iter().find(|(known, _)| *known == word).map_or(word, |(_, own)| own);
        match (word, indexed(rest)) {
            ("messages", Some((index, rest))) => self.message(own, index, rest, system),
            // A place in a list that the word itself has already.
            ("tool_calls" | "tool_result", Some((_, rest))) => format!("{own}{rest}"),
            _ => format!("{own}{rest}"),
        }
    }

    /// The name of the field that this dialect's requests have their system prompt in, outside of the messages.
    pub fn system_field(self) -> Option<&'static str> {
        match self {
            Dialect::OpenAiChat | Dialect::Ollama => None,
            Dialect::OpenAiResponses => Some("instructions"),
            Dialect::Anthropic => Some("system"),
            Dialect::Gemini => Some("systemInstruction"),
        }
    }

    fn message(self, list: &str, index: usize, rest: &str, system: Option<&str>) -> String {
        let at = match (system, index) {
            (Some(system), 0) => return self.prompt(system, rest),
            (Some(_), index) => index - 1,
            (None, index) => index,
        };
        let rest = match self {
            Dialect::Gemini => rest.replacen(".content", ".parts", 1).replacen(".tool_calls", ".parts", 1),
            Dialect::Anthropic => rest.replacen(".tool_calls", ".content", 1),
            Dialect::OpenAiResponses => rest.replacen(".tool_calls", "", 1),
            Dialect::OpenAiChat | Dialect::Ollama => rest.to_owned(),
        };
        format!("{list}[{at}]{rest}")
    }

    /// A member of the system prompt's parts, where this dialect's prompt has parts.
    fn prompt(self, system: &str, rest: &str) -> String {
        match (self, rest.strip_prefix(".content[")) {
            (Dialect::Anthropic, Some(part)) => format!("{system}[{part}"),
            (Dialect::Gemini, Some(part)) => format!("{system}.parts[{part}"),
            _ => system.to_owned(),
        }
    }
}

/// `[3].x` as 3 and `.x`.
fn indexed(rest: &str) -> Option<(usize, &str)> {
    let (index, rest) = rest.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_own_word() {
        use Dialect as D;
        for (dialect, system, field, want) in [
            (
                D::OpenAiChat,
                None,
                "messages[2].content[0].cache_control",
                "messages[2].content[0].cache_control",
            ),
            (D::OpenAiChat, None, "reasoning", "reasoning_effort"),
            (D::OpenAiResponses, Some("instructions"), "messages[2].content", "input[1].content"),
            (D::OpenAiResponses, None, "messages[2].tool_calls", "input[2]"),
            (D::OpenAiResponses, None, "reasoning.summary", "reasoning.summary"),
            (D::Anthropic, Some("system"), "messages[0].content", "system"),
            (D::Anthropic, Some("system"), "messages[0].content[0].cache_control", "system[0].cache_control"),
            (D::OpenAiResponses, Some("instructions"), "messages[0].content[0].x", "instructions"),
            (
                D::Anthropic,
                Some("system"),
                "messages[1].content[0].cache_control",
                "messages[0].content[0].cache_control",
            ),
            (D::Anthropic, None, "parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
            (D::Anthropic, None, "reasoning.display", "thinking.display"),
            (D::Ollama, None, "seed", "options.seed"),
            (D::Ollama, None, "keep_alive", "keep_alive"),
            (D::Gemini, None, "messages[1].content", "contents[1].parts"),
            (D::Gemini, None, "tool_calls[0].id", "contents[].parts[].functionCall.id"),
            (D::Gemini, None, "top_k", "generationConfig.topK"),
            (D::Gemini, None, "safetySettings", "safetySettings"),
        ] {
            assert_eq!(dialect.spelled(field, system), want, "{dialect}: {field}");
        }
    }
}
