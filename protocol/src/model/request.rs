//! A conversation turn asked for, as every dialect can mean it.

use super::{Extras, LikelihoodAsk, Message, Part, RawJson, Shape, Tool, ToolChoice};
use crate::dialect::Dialect;
use serde_json::Number;
use std::collections::HashMap;

/// One request. Absent means "not said", never a default of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatRequest {
    /// The dialect it came in.
    pub origin: Option<Dialect>,
    /// The upstream's model id.
    pub model: String,
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    pub parallel_tools: Option<bool>,
    pub output_limit: Option<OutputLimit>,
    pub sampling: Sampling,
    pub reasoning: Option<ReasoningAsk>,
    pub format: Option<ResponseFormat>,
    pub likelihood: Option<LikelihoodAsk>,
    /// How many answers.
    pub choices: Option<u64>,
    pub stream: bool,
    /// Who the app's own user is, for the vendor's abuse checks.
    pub user: Option<String>,
    /// Tools whose names the upstream would not take: as they are said to it, and as the client said them.
    pub renamed: Vec<(String, String)>,
    pub extras: Extras,
}

impl ChatRequest {
    /// How many answers are asked for; one, if nothing was said.
    pub fn answers(&self) -> u64 {
        self.choices.unwrap_or(1).max(1)
    }

    /// About how many bytes it takes to say it.
    pub(crate) fn weight(&self) -> usize {
        /// Names of members, and what is escaped.
        const AROUND: usize = 96;
        let part = |part: &Part| AROUND + part.len() + part.len() / 16;
        let messages: usize =
            self.messages.iter().map(|m| AROUND + m.parts.iter().map(part).sum::<usize>()).sum();
        messages + AROUND * 8 * (1 + self.tools.len())
    }

    /// The names of the tools that were called, by the ids of the calls; of two calls under one id the first.
    pub fn tool_names(&self) -> HashMap<&str, &str> {
        let calls = self.messages.iter().flat_map(|message| &message.parts).filter_map(Part::as_call);
        let mut names = HashMap::new();
        for call in calls {
            names.entry(call.id.as_str()).or_insert(call.name.as_str());
        }
        names
    }
}

/// The most tokens to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    pub tokens: u64,
    pub word: LimitWord,
}

/// Which of OpenAI's two words said it; the other dialects have one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitWord {
    #[default]
    MaxTokens,
    MaxCompletionTokens,
}

/// How the next token is drawn. Numbers keep the client's spelling (`1` stays `1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    pub temperature: Option<Number>,
    pub top_p: Option<Number>,
    pub top_k: Option<Number>,
    pub frequency_penalty: Option<Number>,
    pub presence_penalty: Option<Number>,
    pub seed: Option<Number>,
    pub stop: Option<Stop>,
}

/// Words that end the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub words: Vec<String>,
    pub shape: Shape,
}

/// How much to think, in the client's own terms; converted where it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasoningAsk {
    pub mode: ReasoningMode,
    pub effort: Option<Effort>,
    /// Tokens.
    pub budget: Option<u64>,
    /// Show the reasoning or a summary of it.
    pub show: Option<bool>,
    pub extras: Extras,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningMode {
    Off,
    On,
    /// The model decides.
    Auto,
    /// Only how much was said, not whether.
    Unsaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    const WORDS: [(Effort, &str, u64); 7] = [
        (Effort::None, "none", 0),
        (Effort::Minimal, "minimal", 1024),
        (Effort::Low, "low", 4096),
        (Effort::Medium, "medium", 8192),
        (Effort::High, "high", 16_384),
        (Effort::XHigh, "xhigh", 32_768),
        (Effort::Max, "max", 32_768),
    ];

    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(_, w, _)| *w == word).map(|(effort, _, _)| effort)
    }

    fn row(self) -> (&'static str, u64) {
        let row = Self::WORDS.into_iter().find(|(effort, _, _)| *effort == self);
        row.map_or(("medium", 8192), |(_, word, budget)| (word, budget))
    }

    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// Thinking tokens of about this effort.
    pub fn budget(self) -> u64 {
        self.row().1
    }

    /// The effort a budget means. Never above `High`: only few models know more, and none needs it said.
    pub fn from_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1024 => Self::Minimal,
            1025..=4096 => Self::Low,
            4097..=12_288 => Self::Medium,
            _ => Self::High,
        }
    }
}

impl ReasoningAsk {
    pub fn new(mode: ReasoningMode) -> Self {
        Self { mode, effort: None, budget: None, show: None, extras: Extras::default() }
    }

    /// An effort word; `none` turns reasoning off.
    pub fn of_effort(effort: Effort) -> Self {
        let mode = if effort == Effort::None { ReasoningMode::Off } else { ReasoningMode::On };
        Self { effort: Some(effort), ..Self::new(mode) }
    }

    /// The effort to say where only efforts can be said.
    pub fn as_effort(&self) -> Effort {
        match (self.mode, self.effort, self.budget) {
            (ReasoningMode::Off, _, _) => Effort::None,
            (_, Some(effort), _) => effort,
            (_, None, Some(budget)) => Effort::from_budget(budget),
            (_, None, None) => Effort::Medium,
        }
    }

    /// The budget to say where only budgets can be said.
    pub fn as_budget(&self) -> u64 {
        self.budget.unwrap_or_else(|| self.as_effort().budget())
    }
}

/// The form the answer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema(SchemaFormat),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFormat {
    pub name: Option<String>,
    pub description: Option<String>,
    pub schema: RawJson,
    pub strict: Option<bool>,
    pub extras: Extras,
}
