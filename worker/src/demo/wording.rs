//! What the demo provider says, in English, or in Chinese to who writes Chinese.
//!
//! Owns: the words. Never: how they are cut or sent.

/// Quotes of the client's words end here, in characters.
const QUOTE: usize = 120;

/// How to get an answer of a real model; the same block in both languages.
const PROVIDER: &str =
    "[[providers]]\nname = \"openai\"\npreset = \"openai\"\nkey = { env = \"OPENAI_API_KEY\" }";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    English,
    Chinese,
}

/// The answer to a question; to none when the client sent no text.
pub(crate) fn reply(question: &str) -> String {
    let quote = quote(question);
    match (language(question), quote.is_empty()) {
        (Language::English, true) => format!("Hello! {}", invitation(Language::English)),
        (Language::English, false) => {
            format!("Hello! You said: \"{quote}\".\n\n{}", invitation(Language::English))
        }
        (Language::Chinese, _) => format!("你好！你说：“{quote}”。\n\n{}", invitation(Language::Chinese)),
    }
}

/// The answer after a tool ran.
pub(crate) fn tool_result(result: &str) -> String {
    match (language(result), quote(result)) {
        (Language::English, quote) if quote.is_empty() => "The tool answered with nothing.".to_owned(),
        (Language::English, quote) => format!("The tool answered: \"{quote}\"."),
        (Language::Chinese, quote) => format!("工具的回答是：“{quote}”。"),
    }
}

fn invitation(language: Language) -> String {
    match language {
        Language::English => format!(
            "LLM Link works: this is its demo provider, which answers offline and costs nothing. To talk to a \
             real model, add a provider to llm-link.toml:\n\n```toml\n{PROVIDER}\n```\n\nThen ask for one of \
             its models, by its own name."
        ),
        Language::Chinese => format!(
            "LLM Link 已经可以工作：这是它的演示提供方，离线回答，不产生费用。要使用真实的模型，请在 llm-link.toml \
             中添加一个提供方：\n\n```toml\n{PROVIDER}\n```\n\n然后用模型自己的名字来请求它。"
        ),
    }
}

fn language(text: &str) -> Language {
    let chinese = text.chars().any(|c| matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'));
    if chinese { Language::Chinese } else { Language::English }
}

/// The first words on one line.
fn quote(text: &str) -> String {
    let mut chars = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut quote: String = chars.by_ref().take(QUOTE).collect();
    if chars.next().is_some() {
        quote.push('…');
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_quoted_and_the_next_step_shown() {
        let text = reply("what is\nRust?");
        assert!(text.starts_with("Hello! You said: \"what is Rust?\"."), "{text}");
        assert!(text.contains("[[providers]]\nname = ") && text.contains("llm-link.toml"));
        assert!(reply("  ").starts_with("Hello! LLM Link works"));
        assert!(reply("你好吗").contains("“你好吗”") && reply("你好吗").contains("[[providers]]"));
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let text = tool_result(&"é".repeat(500));
        assert!(text.contains(&format!("\"{}…\"", "é".repeat(QUOTE))), "{text}");
        assert_eq!(tool_result("12 °C"), "The tool answered: \"12 °C\".");
        assert!(tool_result("晴天").contains("晴天"));
    }

    /// A newcomer copies it as it stands.
    #[test]
    fn the_shown_provider_is_toml() {
        let block: toml::Value = toml::from_str(PROVIDER).unwrap();
        assert_eq!(block["providers"][0]["key"]["env"].as_str(), Some("OPENAI_API_KEY"));
    }
}
