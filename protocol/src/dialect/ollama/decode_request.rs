//! An `/api/chat` or `/api/generate` request to the canonical one.

use crate::dialect::calls::Calls;
use crate::dialect::codec::{DecodeError, RequestHead};
use crate::dialect::fields::{Fields, Item};
use crate::dialect::openai_chat::{arguments, likelihood, tool};
use crate::dialect::text::Text;
use crate::dialect::{Dialect, Operation};
use crate::model::{
    ChatRequest, Effort, Extras, LimitWord, Media, MediaKind, MediaSource, Message, OutputLimit, Part,
    Reasoning, ReasoningAsk, ReasoningMode, ResponseFormat, Role, Sampling, SchemaFormat, Shape, Stop,
    ToolCall, ToolResult,
};

const HERE: Dialect = Dialect::Ollama;

pub(crate) fn decode_request(body: &[u8], head: &RequestHead<'_>) -> Result<ChatRequest, DecodeError> {
    let text = Text::read(body)?;
    let mut fields = Fields::body(&text)?;
    fields.raw("model");
    fields.raw("stream");
    let messages = match head.operation {
        Operation::Complete => generate(&mut fields)?,
        Operation::Chat | Operation::Embed | Operation::CountTokens | Operation::Raw => chat(&mut fields)?,
    };
    let (sampling, limit) = options(&mut fields)?;
    let request = ChatRequest {
        origin: Some(HERE),
        model: head.model.to_owned(),
        messages,
        tools: fields.list("tools")?.map(|item| tool(&item)).collect::<Result<_, _>>()?,
        output_limit: limit.map(|tokens| OutputLimit { tokens, word: LimitWord::MaxTokens }),
        sampling,
        reasoning: think(&mut fields)?,
        format: format(&mut fields)?,
        likelihood: likelihood(&mut fields)?,
        stream: head.stream,
        ..ChatRequest::default()
    };
    Ok(ChatRequest { extras: fields.rest(HERE), ..request })
}

fn chat(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    let mut calls = Calls::default();
    fields.list("messages")?.map(|item| message(&item, &mut calls)).collect()
}

/// `prompt` with an optional `system` before it.
fn generate(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    let mut messages = Vec::new();
    // Means nothing here, and must not stand beside the messages that this request is said in.
    fields.raw("messages");
    if let Some(system) = fields.text("system")? {
        messages.push(text_message(Role::System, vec![Part::text(system)]));
    }
    let mut parts = Vec::new();
    parts.extend(fields.text("prompt")?.filter(|prompt| !prompt.is_empty()).map(Part::text));
    parts.extend(images(fields)?);
    if !parts.is_empty() {
        messages.push(text_message(Role::User, parts));
    }
    Ok(messages)
}

fn text_message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, shape: Shape::Text, extras: Extras::default() }
}

fn message(item: &Item<'_>, calls: &mut Calls) -> Result<Message, DecodeError> {
    let mut fields = item.object()?;
    let role = fields.word("role")?;
    let content = fields.text("content")?;
    let mut parts = Vec::new();
    match role.as_ref() {
        "tool" => return tool_result(fields, content, calls),
        "assistant" => {
            if let Some(text) = fields.text("thinking")?.filter(|text| !text.is_empty()) {
                parts.push(Part::Reasoning(Reasoning { text, ..Reasoning::default() }));
            }
        }
        _ => {}
    }
    let role = match role.as_ref() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(DecodeError::new(&fields.at("role"), format!("`{other}` is no role"))),
    };
    parts.extend(content.filter(|text| !text.is_empty()).map(Part::text));
    parts.extend(images(&mut fields)?);
    for item in fields.list("tool_calls")? {
        parts.push(tool_call(&item, calls)?);
    }
    Ok(Message { role, parts, shape: Shape::Text, extras: fields.rest(HERE) })
}

fn images(fields: &mut Fields<'_>) -> Result<Vec<Part>, DecodeError> {
    let images: Vec<String> = fields.take("images")?.unwrap_or_default();
    let part = |base64: String| {
        let mime = sniff(&base64).to_owned();
        let source = MediaSource::Inline { mime, base64 };
        Part::Media(Media { kind: MediaKind::Image, source, name: None, extras: Extras::default() })
    };
    Ok(images.into_iter().map(part).collect())
}

/// The type of an image by its first bytes: this dialect does not say it, the others need it.
pub(super) fn sniff(base64: &str) -> &'static str {
    match base64.get(..4).unwrap_or_default() {
        "/9j/" => "image/jpeg",
        "R0lG" => "image/gif",
        "UklG" => "image/webp",
        _ => "image/png",
    }
}

fn tool_call(item: &Item<'_>, calls: &mut Calls) -> Result<Part, DecodeError> {
    let mut fields = item.object()?;
    let Some(mut function) = fields.object("function")? else {
        return Err(DecodeError::new(&fields.at("function"), "is required"));
    };
    let name = function.need_text("name")?;
    let arguments = arguments(&mut function)?;
    let id = calls.asked(fields.text("id")?, &name);
    Ok(Part::ToolCall(ToolCall { id, name, arguments, continuation: None, extras: Extras::default() }))
}

fn tool_result(
    mut fields: Fields<'_>,
    content: Option<String>,
    calls: &mut Calls,
) -> Result<Message, DecodeError> {
    let name = fields.text("tool_name")?.or(fields.text("name")?);
    let call_id = calls.answered(fields.text("tool_call_id")?, name.as_deref());
    let parts = vec![Part::text(content.unwrap_or_default())];
    let result =
        ToolResult { call_id, name, parts, shape: Shape::Text, is_error: None, extras: Extras::default() };
    let parts = vec![Part::ToolResult(result)];
    Ok(Message { role: Role::Tool, parts, shape: Shape::Text, extras: fields.rest(HERE) })
}

/// `options`: what other dialects know too is taken, the rest stays as `options` among the extras.
fn options(fields: &mut Fields<'_>) -> Result<(Sampling, Option<u64>), DecodeError> {
    let Some(item) = fields.raw("options") else { return Ok((Sampling::default(), None)) };
    let mut options = item.object()?;
    let limit: Option<i64> = options.take("num_predict")?;
    let stop = match options.raw("stop") {
        Some(stop) if stop.is_text() => Some(Stop { words: vec![stop.read()?], shape: Shape::Text }),
        Some(stop) => Some(Stop { words: stop.read()?, shape: Shape::List }),
        None => None,
    };
    let sampling = Sampling {
        temperature: options.take("temperature")?,
        top_p: options.take("top_p")?,
        top_k: options.take("top_k")?,
        frequency_penalty: options.take("frequency_penalty")?,
        presence_penalty: options.take("presence_penalty")?,
        seed: options.take("seed")?,
        stop,
    };
    fields.keep_rest("options", &options);
    // Negative limits mean "no limit".
    Ok((sampling, limit.and_then(|limit| u64::try_from(limit).ok())))
}

fn think(fields: &mut Fields<'_>) -> Result<Option<ReasoningAsk>, DecodeError> {
    let Some(item) = fields.raw("think") else { return Ok(None) };
    if item.is_text() {
        return Ok(Effort::from_word(&item.string()?).map(ReasoningAsk::of_effort));
    }
    let on: bool = item.read()?;
    Ok(Some(ReasoningAsk::new(if on { ReasoningMode::On } else { ReasoningMode::Off })))
}

/// `"json"`, or a schema.
fn format(fields: &mut Fields<'_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(item) = fields.raw("format") else { return Ok(None) };
    if !item.is_text() {
        let schema = item.json();
        let extras = Extras::default();
        let format = SchemaFormat { name: None, description: None, schema, strict: None, extras };
        return Ok(Some(ResponseFormat::JsonSchema(format)));
    }
    let word: String = item.read()?;
    Ok((word == "json").then_some(ResponseFormat::JsonObject))
}
