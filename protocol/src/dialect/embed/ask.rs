//! Requests for embeddings.

use super::{BATCH, EmbedEncoded, EmbedRequest, Encoding, OLD};
use crate::dialect::Dialect;
use crate::dialect::codec::{DecodeError, unsupported};
use crate::dialect::fields::{Fields, Item};
use crate::dialect::text::Text;
use crate::dialect::write::{self, Object};
use crate::model::{Failure, Loss, LossReason};

/// Reads a client's request. `path` tells the two forms of a dialect apart.
///
/// # Errors
/// When the body is none; [`FailureKind::Unsupported`](crate::model::FailureKind) for tokens in the place of texts.
pub fn decode_request(dialect: Dialect, path: &str, body: &[u8]) -> Result<EmbedRequest, Failure> {
    let text = Text::read(body)?;
    let mut fields = Fields::body(&text)?;
    fields.raw("model");
    let mut request =
        EmbedRequest { inputs: Vec::new(), dimensions: None, encoding: Encoding::Float, rest: Vec::new() };
    match dialect {
        Dialect::Gemini if path.contains(BATCH) => {
            for item in fields.list("requests")? {
                let mut one = item.object()?;
                one.raw("model");
                gemini(&mut one, &mut request)?;
            }
        }
        Dialect::Gemini => return gemini(&mut fields, &mut request).map(|()| request),
        Dialect::Ollama if path.contains(OLD) => request.inputs.push(fields.need("prompt")?),
        Dialect::Ollama => request.inputs = texts(&mut fields)?,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => {
            request.inputs = texts(&mut fields)?;
            request.encoding = match fields.text("encoding_format")?.as_deref() {
                Some("base64") => Encoding::Base64,
                _ => Encoding::Float,
            };
        }
    }
    if dialect != Dialect::Gemini {
        request.dimensions = fields.take("dimensions")?;
    }
    request.rest.extend(fields.names());
    Ok(request)
}

/// `input`: a text or a list of them.
fn texts(fields: &mut Fields<'_>) -> Result<Vec<String>, Failure> {
    let Some(item) = fields.raw("input") else {
        return Err(DecodeError::new("input", "is required").into());
    };
    if item.is_text() {
        return Ok(vec![item.read()?]);
    }
    let items: Vec<Item<'_>> = item.list()?.collect();
    if items.iter().any(|item| !item.is_text()) {
        return Err(unsupported("input", "this provider's API takes texts, not tokens"));
    }
    Ok(items.iter().map(Item::read).collect::<Result<_, _>>()?)
}

fn gemini(fields: &mut Fields<'_>, request: &mut EmbedRequest) -> Result<(), Failure> {
    let mut texts: Vec<String> = Vec::new();
    if let Some(mut content) = fields.object("content")? {
        for item in content.list("parts")? {
            texts.extend(item.object()?.text("text")?);
        }
    }
    request.inputs.push(texts.join("\n"));
    let wanted = fields.either("outputDimensionality", "output_dimensionality");
    if let Some(item) = wanted {
        request.dimensions = Some(item.read()?);
    }
    request.rest.extend(fields.names());
    Ok(())
}

/// Writes a request for an upstream.
///
/// # Errors
/// [`FailureKind::Unsupported`](crate::model::FailureKind) where the dialect has no embeddings.
pub fn encode_request(
    dialect: Dialect,
    model: &str,
    request: &EmbedRequest,
) -> Result<EmbedEncoded, Failure> {
    let mut path = "";
    let body = match dialect {
        Dialect::Anthropic => return Err(unsupported("model", "this provider's API has no embeddings")),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => write::document(|o| {
            o.put("model", model);
            input(o, &request.inputs);
            o.put("encoding_format", "float");
            o.maybe("dimensions", &request.dimensions);
        }),
        Dialect::Ollama => write::document(|o| {
            o.put("model", model);
            input(o, &request.inputs);
            o.maybe("dimensions", &request.dimensions);
        }),
        Dialect::Gemini => match request.inputs.as_slice() {
            [one] => write::document(|o| gemini_one(o, model, one, request)),
            many => {
                path = BATCH;
                write::document(|o| {
                    o.list("requests", |list| {
                        many.iter().for_each(|text| list.object(|o| gemini_one(o, model, text, request)));
                    });
                })
            }
        },
    };
    let lost = |field: &String| Loss { field: field.clone(), reason: LossReason::Unsupported };
    Ok(EmbedEncoded { body, losses: request.rest.iter().map(lost).collect(), path })
}

fn input(o: &mut Object<'_>, inputs: &[String]) {
    match inputs {
        [one] => o.put("input", one),
        many => o.put("input", many),
    }
}

fn gemini_one(o: &mut Object<'_>, model: &str, text: &str, request: &EmbedRequest) {
    o.put("model", &format!("models/{model}"));
    o.object("content", |o| o.list("parts", |list| list.object(|o| o.put("text", text))));
    o.maybe("outputDimensionality", &request.dimensions);
}
