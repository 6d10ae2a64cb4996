//! How vendors of this dialect deviate, as data. A preset row sets them; nothing here names a vendor.

use serde::Deserialize;

/// Deviations of one vendor. The default is the dialect as its maker documents it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The only word for the output limit the vendor knows.
    pub max_tokens: Option<LimitField>,
    /// Request fields the vendor refuses.
    pub drop: Vec<String>,
    pub tool_choice: ToolChoices,
    pub thinking: Thinking,
    pub reasoning_field: ReasoningField,
    /// Earlier reasoning must be sent back with tool calls.
    pub echo_reasoning: bool,
    /// A list of text parts must become one text.
    pub text_content: bool,
    pub roles: Roles,
    /// `finish_reason: stop` may come with tool calls. Always corrected; kept as a fact for people.
    pub stop_with_tools: bool,
    /// `stream_options` is known to the vendor.
    pub stream_options: Option<bool>,
    pub tool_ids: ToolIds,
    /// Errors may come with status 200. Always looked for; kept as a fact for people.
    pub error_in_ok: Option<String>,
    /// The largest temperature accepted.
    pub temperature_max: Option<f64>,
    /// Some models answer only as a stream.
    pub stream_only: bool,
    pub prefill: Prefill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    MaxTokens,
    MaxCompletionTokens,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoices {
    #[default]
    All,
    /// Nothing but `auto`.
    Auto,
    /// No named function.
    Any,
}

/// How reasoning is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// `reasoning_effort: "high"`
    #[default]
    Effort,
    /// `thinking: {"type": "enabled"}`
    Type,
    /// `enable_thinking: true`
    Enable,
    /// `reasoning: {"effort": "high"}`
    #[serde(alias = "openrouter")]
    Object,
}

/// Where answers carry reasoning. All are read from every vendor except tags inside the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasoningField {
    #[default]
    #[serde(alias = "reasoning_content")]
    ReasoningContent,
    Reasoning,
    /// `<think>...</think>` at the start of the text.
    ThinkTags,
    ContentList,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roles {
    #[default]
    All,
    /// The developer role must become system.
    NoDeveloper,
}

/// What a request needs that ends in an assistant's turn for the model to go on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefill {
    /// Nothing.
    #[default]
    Plain,
    /// `prefix: true` in that turn.
    Prefix,
    /// `partial: true` in that turn.
    Partial,
    /// `continue_final_message: true` and `add_generation_prompt: false` in the request.
    Continue,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ToolIds {
    #[default]
    #[serde(rename = "any")]
    Any,
    /// Nine letters or digits.
    #[serde(rename = "alnum9")]
    Alnum9,
}
