//! The clients' dialects: where they ask, and how their streams end well and badly.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::client::Client;
use tests::heard::{Heard, hear};

/// A client's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    Chat,
    Responses,
    Anthropic,
    Ollama,
}

impl Inbound {
    pub(crate) const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Anthropic, Self::Ollama];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "openai-chat",
            Self::Responses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Anthropic => "/v1/messages",
            Self::Ollama => "/api/chat",
        }
    }

    fn body(self, model: &str) -> Value {
        let messages = json!([{"role": "user", "content": "x"}]);
        match self {
            Self::Chat => json!({"model": model, "stream": true, "messages": messages}),
            Self::Responses => json!({"model": model, "stream": true, "input": "x"}),
            Self::Anthropic => {
                json!({"model": model, "stream": true, "max_tokens": 99, "messages": messages})
            }
            Self::Ollama => json!({"model": model, "messages": messages}),
        }
    }

    /// A streamed call, heard to its end.
    pub(crate) async fn ask(self, client: &Client, model: &str) -> Result<Heard> {
        let heard = hear(client, self.path(), self.body(model).to_string()).await;
        heard.with_context(|| format!("{model} for {}", self.name()))
    }

    /// The stream ends as a success does.
    fn ends_well(self, text: &str) -> bool {
        match self {
            Self::Chat => text.contains("data: [DONE]"),
            Self::Responses => text.contains("response.completed"),
            Self::Anthropic => text.contains("message_stop"),
            Self::Ollama => text.contains("\"done\":true"),
        }
    }

    /// The last event is the error event of this dialect.
    fn ends_badly(self, text: &str) -> Result<bool> {
        let last = match self {
            Self::Ollama => text.lines().last(),
            Self::Chat | Self::Responses | Self::Anthropic => text.trim_end().rsplit("\n\n").next(),
        };
        let last = last.unwrap_or_default();
        let kind = last.lines().find_map(|line| line.strip_prefix("event: "));
        let payload = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(last);
        let said: Value =
            serde_json::from_str(payload).with_context(|| format!("the last event {last:?}"))?;
        Ok(match self {
            Self::Chat => kind.is_none() && said["error"]["message"].is_string(),
            Self::Responses => match kind {
                Some("error") => said["type"] == "error" && said["message"].is_string(),
                Some("response.failed") => said["response"]["error"]["message"].is_string(),
                _ => false,
            },
            Self::Anthropic => {
                kind == Some("error") && said["type"] == "error" && said["error"]["message"].is_string()
            }
            Self::Ollama => said["error"].is_string(),
        })
    }

    /// The answer came whole from the other provider.
    pub(crate) fn check_saved(self, heard: &Heard, case: &str) -> Result<()> {
        let text = heard.text();
        let whole = heard.status == 200 && heard.whole && text.contains("saved") && self.ends_well(&text);
        ensure!(whole, "{case} before, {}: {} {text}", self.name(), heard.status);
        ensure!(heard.header("x-llm-link-provider") == Some("b"), "{case} before, {}", self.name());
        Ok(())
    }

    /// The answer broke off and says so.
    pub(crate) fn check_honest(self, heard: &Heard, case: &str) -> Result<()> {
        let text = heard.text();
        let what = || format!("{case} after, {}: {} {text}", self.name(), heard.status);
        ensure!(heard.status == 200 && text.contains("c1 "), "no content: {}", what());
        ensure!(heard.whole, "cut: {}", what());
        ensure!(!self.ends_well(&text), "a success: {}", what());
        ensure!(self.ends_badly(&text).with_context(what)?, "no error at its end: {}", what());
        ensure!(!text.contains("saved"), "two voices in one answer: {}", what());
        Ok(())
    }

    /// What a client takes it for.
    pub(crate) fn verdict(self, heard: &Heard) -> Result<Verdict> {
        let text = heard.text();
        if self.ends_well(&text) {
            ensure!(heard.whole, "cut after its end: {text}");
            return Ok(if text.contains("saved") { Verdict::Saved } else { Verdict::Complete });
        }
        let honest = heard.whole && self.ends_badly(&text)?;
        ensure!(
            honest,
            "neither an answer nor an error, {}: {} (whole: {}) {text:?}",
            self.name(),
            heard.status,
            heard.whole
        );
        Ok(Verdict::Broken)
    }
}

/// What a client takes an answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By the other provider.
    Saved,
    /// By the first one, to its end.
    Complete,
    /// It broke off and says so.
    Broken,
}
