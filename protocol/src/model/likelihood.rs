//! How likely each token of an answer's text was, where a client asked for it and both sides have a word for it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

/// What a client asks to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LikelihoodAsk {
    /// So many tokens that were likely in each place too.
    pub top: Option<u64>,
}

/// One token. OpenAI's spelling, which Ollama has as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Token {
    pub token: String,
    #[serde(deserialize_with = "number")]
    pub logprob: Option<Number>,
    /// Its bytes, which may be a part of a character only.
    #[serde(deserialize_with = "bytes")]
    pub bytes: Option<Vec<u8>>,
    #[serde(rename = "top_logprobs")]
    pub top: Vec<Likely>,
}

/// A token that could have stood there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Likely {
    pub token: String,
    #[serde(deserialize_with = "number")]
    pub logprob: Option<Number>,
    #[serde(deserialize_with = "bytes")]
    pub bytes: Option<Vec<u8>>,
}

impl Token {
    /// About how much memory it holds.
    pub(crate) fn len(&self) -> usize {
        let top = self.top.iter().map(|likely| likely.token.len() + 48).sum::<usize>();
        self.token.len() + top + 64
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_number().cloned())
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(deserializer)?).unwrap_or_default())
}
