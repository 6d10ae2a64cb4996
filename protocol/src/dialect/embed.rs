//! Embeddings across dialects: texts in, vectors out.
//!
//! Owns: the three shapes (OpenAI's `POST /embeddings`, Ollama's `/api/embed` and `/api/embeddings`, Gemini's
//! `embedContent` and `batchEmbedContents`). Never: computes a vector, changes one.

mod answer;
mod ask;

pub use answer::{decode_response, encode_response};
pub use ask::{decode_request, encode_request};

use crate::model::{Loss, Usage};

/// Texts to embed, as every dialect can mean it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedRequest {
    pub inputs: Vec<String>,
    /// The wanted length of the vectors.
    pub dimensions: Option<u64>,
    /// OpenAI's `encoding_format`.
    pub encoding: Encoding,
    /// Said, and known to the client's dialect only.
    pub rest: Vec<String>,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// Little-endian `f32`s in base64; only OpenAI's dialects know it.
    Base64,
}

/// How a client wants its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    pub encoding: Encoding,
    pub form: Form,
    /// The model's name, for answers that do not say it.
    pub model: String,
}

/// Which of a dialect's two paths was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/embeddings`, `/api/embed`, `batchEmbedContents`: a list of vectors.
    Many,
    /// `/api/embeddings`, `embedContent`: one vector.
    One,
}

/// A request in an upstream's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedEncoded {
    pub body: Vec<u8>,
    pub losses: Vec<Loss>,
    /// Names the path where the dialect has two.
    pub path: &'static str,
}

/// Vectors in the order of the inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedAnswer {
    pub vectors: Vec<Vec<f32>>,
    pub model: Option<String>,
    pub usage: Usage,
}

/// The part of a path that names Gemini's list form.
pub const BATCH: &str = ":batchEmbedContents";
/// The part of a path that names Ollama's old form.
pub const OLD: &str = "api/embeddings";

impl EmbedRequest {
    /// The style that suits a request that came by this path.
    pub fn style(&self, dialect: super::Dialect, path: &str, model: &str) -> Style {
        let one = match dialect {
            super::Dialect::Gemini => !path.contains(BATCH),
            super::Dialect::Ollama => path.contains(OLD),
            super::Dialect::OpenAiChat | super::Dialect::OpenAiResponses | super::Dialect::Anthropic => false,
        };
        let form = if one { Form::One } else { Form::Many };
        Style { encoding: self.encoding, form, model: model.to_owned() }
    }
}

#[cfg(test)]
mod tests;
