//! Answers with embeddings.

use super::{EmbedAnswer, Encoding, Form, Style};
use crate::dialect::Dialect;
use crate::dialect::codec::bad_answer;
use crate::dialect::write::{self, Object};
use crate::model::{Failure, FailureKind, Usage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A vector in either encoding.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Deserialize)]
struct OpenAi {
    data: Vec<OpenAiItem>,
    model: Option<String>,
    usage: Option<OpenAiUsage>,
}

#[derive(Deserialize)]
struct OpenAiItem {
    #[serde(default)]
    index: usize,
    embedding: Vector,
}

#[derive(Deserialize)]
struct OpenAiUsage {
    prompt_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Ollama {
    embeddings: Option<Vec<Vec<f32>>>,
    embedding: Option<Vec<f32>>,
    model: Option<String>,
    prompt_eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct Gemini {
    embedding: Option<Values>,
    embeddings: Option<Vec<Values>>,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<f32>,
}

/// Reads an upstream's answer.
///
/// # Errors
/// [`FailureKind::BadAnswer`] when the bytes are none.
pub fn decode_response(dialect: Dialect, body: &[u8]) -> Result<EmbedAnswer, Failure> {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => openai(body),
        Dialect::Ollama => {
            let answer: Ollama = serde_json::from_slice(body).map_err(bad_answer)?;
            let vectors = answer.embeddings.or(answer.embedding.map(|one| vec![one]));
            let usage = Usage { input_fresh: answer.prompt_eval_count, ..Usage::default() };
            Ok(EmbedAnswer { vectors: vectors.ok_or_else(none)?, model: answer.model, usage })
        }
        Dialect::Gemini => {
            let answer: Gemini = serde_json::from_slice(body).map_err(bad_answer)?;
            let found = answer.embeddings.or(answer.embedding.map(|one| vec![one])).ok_or_else(none)?;
            let vectors = found.into_iter().map(|vector| vector.values).collect();
            Ok(EmbedAnswer { vectors, ..EmbedAnswer::default() })
        }
    }
}

fn openai(body: &[u8]) -> Result<EmbedAnswer, Failure> {
    let mut answer: OpenAi = serde_json::from_slice(body).map_err(bad_answer)?;
    answer.data.sort_by_key(|item| item.index);
    let vectors = answer.data.into_iter().map(|item| match item.embedding {
        Vector::Numbers(numbers) => Ok(numbers),
        Vector::Base64(text) => floats(&text),
    });
    let usage = Usage { input_fresh: answer.usage.and_then(|u| u.prompt_tokens), ..Usage::default() };
    Ok(EmbedAnswer { vectors: vectors.collect::<Result<_, _>>()?, model: answer.model, usage })
}

fn none() -> Failure {
    Failure::new(FailureKind::BadAnswer, "the provider's answer has no embeddings")
}

fn floats(text: &str) -> Result<Vec<f32>, Failure> {
    let bytes = STANDARD.decode(text).map_err(bad_answer)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(bad_answer("a vector is no list of 32-bit numbers"));
    }
    Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

/// Writes an answer for a client.
///
/// # Errors
/// [`FailureKind::BadAnswer`] when one vector was asked for and none came.
pub fn encode_response(dialect: Dialect, answer: &EmbedAnswer, style: &Style) -> Result<Vec<u8>, Failure> {
    let model = answer.model.as_deref().unwrap_or(&style.model);
    let one = || answer.vectors.first().ok_or_else(none);
    Ok(match (dialect, style.form) {
        (Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic, _) => {
            write::document(|o| list(o, answer, model, style.encoding))
        }
        (Dialect::Ollama, Form::One) => {
            let vector = one()?;
            write::document(|o| o.put("embedding", vector))
        }
        (Dialect::Ollama, Form::Many) => write::document(|o| {
            o.put("model", model);
            o.put("embeddings", &answer.vectors);
            o.put("total_duration", &0);
            o.put("load_duration", &0);
            o.maybe("prompt_eval_count", &answer.usage.input_total());
        }),
        (Dialect::Gemini, Form::One) => {
            let vector = one()?;
            write::document(|o| o.object("embedding", |o| o.put("values", vector)))
        }
        (Dialect::Gemini, Form::Many) => write::document(|o| {
            o.list("embeddings", |list| {
                answer.vectors.iter().for_each(|vector| list.object(|o| o.put("values", vector)));
            });
        }),
    })
}

fn list(o: &mut Object<'_>, answer: &EmbedAnswer, model: &str, encoding: Encoding) {
    o.put("object", "list");
    o.list("data", |list| {
        for (index, vector) in answer.vectors.iter().enumerate() {
            list.object(|o| {
                o.put("object", "embedding");
                o.put("index", &index);
                match encoding {
                    Encoding::Float => o.put("embedding", vector),
                    Encoding::Base64 => o.put("embedding", &base64(vector)),
                }
            });
        }
    });
    o.put("model", model);
    // The API always says it; 0 where the upstream did not.
    let tokens = answer.usage.input_total().unwrap_or(0);
    o.object("usage", |o| {
        o.put("prompt_tokens", &tokens);
        o.put("total_tokens", &tokens);
    });
}

fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
