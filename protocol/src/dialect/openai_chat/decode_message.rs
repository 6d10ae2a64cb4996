//! The messages of a chat completions request.

use crate::dialect::Dialect;
use crate::dialect::codec::DecodeError;
use crate::dialect::fields::{Fields, Item};
use crate::dialect::shared;
use crate::model::{
    Continuation, ContinuationKind, Extras, Media, MediaKind, MediaSource, Message, Opaque, Part, Reasoning,
    Role, Shape, TextPart, ToolCall, ToolResult,
};

const HERE: Dialect = Dialect::OpenAiChat;
pub(super) const EXTRA_CONTENT: &str = "extra_content";

#[derive(serde::Deserialize)]
struct ExtraContent {
    google: GoogleExtra,
}

#[derive(serde::Deserialize)]
struct GoogleExtra {
    thought_signature: Option<String>,
}

pub(super) fn messages(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    if !fields.has("messages") {
        return Err(DecodeError::new("messages", "is required"));
    }
    let mut messages: Vec<Message> = Vec::new();
    for item in fields.list("messages")? {
        let message = one(&item, &messages)?;
        messages.push(message);
    }
    Ok(messages)
}

pub(super) fn message(role: Role, parts: Vec<Part>, shape: Shape) -> Message {
    Message { role, parts, shape, extras: Extras::default() }
}

fn one(item: &Item<'_>, earlier: &[Message]) -> Result<Message, DecodeError> {
    let mut fields = item.object()?;
    let role = fields.word("role")?;
    match role.as_ref() {
        "system" => plain(fields, Role::System),
        "developer" => plain(fields, Role::Developer),
        "user" => plain(fields, Role::User),
        "assistant" => assistant(fields),
        "tool" | "function" => tool_result(fields, earlier),
        other => Err(DecodeError::new(&fields.at("role"), format!("`{other}` is no role"))),
    }
}

fn plain(mut fields: Fields<'_>, role: Role) -> Result<Message, DecodeError> {
    let (parts, shape) = content(fields.raw("content"))?;
    Ok(Message { role, parts, shape, extras: fields.rest(HERE) })
}

fn assistant(mut fields: Fields<'_>) -> Result<Message, DecodeError> {
    let mut parts = Vec::new();
    if let Some(text) = fields.raw("reasoning_content").and_then(|item| item.string().ok()) {
        parts.push(Part::Reasoning(Reasoning { text, ..Reasoning::default() }));
    }
    let (content, shape) = content(fields.raw("content"))?;
    parts.extend(content);
    if let Some(refusal) = fields.text("refusal")? {
        parts.push(Part::Refusal(refusal));
    }
    for item in fields.list("tool_calls")? {
        parts.push(tool_call(&item)?);
    }
    if let Some(mut call) = fields.object("function_call")? {
        let name = call.need_text("name")?;
        let arguments = call.text("arguments")?.unwrap_or_default();
        let id = legacy_id(&name);
        parts.push(Part::ToolCall(ToolCall {
            id,
            name,
            arguments,
            continuation: None,
            extras: Extras::default(),
        }));
    }
    Ok(Message { role: Role::Assistant, parts, shape, extras: fields.rest(HERE) })
}

/// The legacy function calls have no ids; a name pairs them well enough, one call a turn.
fn legacy_id(name: &str) -> String {
    format!("call_{name}")
}

fn tool_call(item: &Item<'_>) -> Result<Part, DecodeError> {
    let mut fields = item.object()?;
    let kind = fields.maybe_word("type")?;
    let Some(mut function) = fields.object("function")? else {
        let kind = kind.map_or_else(|| "tool_call".to_owned(), |kind| kind.into_owned());
        return Ok(Part::Opaque(Opaque { origin: HERE, kind, raw: item.json() }));
    };
    let id = fields.text("id")?.unwrap_or_default();
    fields.raw("index");
    let name = function.need_text("name")?;
    let continuation = signature(&mut fields)?;
    Ok(Part::ToolCall(ToolCall {
        id,
        name,
        arguments: arguments(&mut function)?,
        continuation,
        extras: fields.rest(HERE),
    }))
}

/// `extra_content.google.thought_signature`: how Google's own servers put a signature into this dialect.
fn signature(fields: &mut Fields<'_>) -> Result<Option<Continuation>, DecodeError> {
    let Some(item) = fields.raw(EXTRA_CONTENT) else { return Ok(None) };
    let found = item.read::<ExtraContent>().ok().and_then(|extra| extra.google.thought_signature);
    if found.is_none() {
        fields.put_back(&item);
    }
    let kind = ContinuationKind::Signature;
    Ok(found.map(|data| Continuation { origin: Dialect::Gemini, kind, data }))
}

/// A text; some clients send the object itself.
pub(crate) fn arguments(function: &mut Fields<'_>) -> Result<String, DecodeError> {
    match function.raw("arguments") {
        None => Ok(String::new()),
        Some(item) if item.is_text() => item.string(),
        Some(item) => Ok(item.raw().to_owned()),
    }
}

fn tool_result(mut fields: Fields<'_>, earlier: &[Message]) -> Result<Message, DecodeError> {
    let name = fields.text("name")?;
    let call_id = match (fields.text("tool_call_id")?, &name) {
        (Some(id), _) => id,
        (None, Some(name)) => legacy_id(name),
        (None, None) => {
            last_call(earlier).ok_or_else(|| DecodeError::new(&fields.at("tool_call_id"), "is required"))?
        }
    };
    let (parts, shape) = content(fields.raw("content"))?;
    let result = ToolResult { call_id, name, parts, shape, is_error: None, extras: Extras::default() };
    Ok(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)], shape, extras: fields.rest(HERE) })
}

fn last_call(earlier: &[Message]) -> Option<String> {
    earlier.iter().rev().flat_map(|message| message.parts.iter().rev()).find_map(|part| match part {
        Part::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    })
}

/// A text, a list of parts, or nothing.
fn content(item: Option<Item<'_>>) -> Result<(Vec<Part>, Shape), DecodeError> {
    let Some(item) = item else { return Ok((Vec::new(), Shape::Absent)) };
    if item.is_text() {
        return Ok((vec![Part::text(item.string()?)], Shape::Text));
    }
    if !item.is_list() {
        return Err(item.error("must be a text or a list of parts"));
    }
    let parts: Result<Vec<Part>, DecodeError> = item.list()?.map(|item| part(&item)).collect();
    Ok((parts?, Shape::List))
}

fn part(item: &Item<'_>) -> Result<Part, DecodeError> {
    if item.is_text() {
        return Ok(Part::text(item.string()?));
    }
    let mut fields = item.object()?;
    let kind = fields.word("type")?;
    match kind.as_ref() {
        "text" => {
            let text = fields.need_text("text")?;
            Ok(Part::Text(TextPart { text, extras: fields.rest(HERE) }))
        }
        "refusal" => Ok(Part::Refusal(fields.need_text("refusal")?)),
        "image_url" => image(fields),
        "input_audio" => audio(fields),
        "file" => file(fields),
        _ => Ok(Part::Opaque(Opaque { origin: HERE, kind: kind.into_owned(), raw: item.json() })),
    }
}

/// `{"image_url":{"url","detail"}}`; some clients write the URL directly.
fn image(mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let Some(item) = fields.raw("image_url") else {
        return Err(DecodeError::new(&fields.at("image_url"), "is required"));
    };
    let (url, extras) = match item.is_text() {
        true => (item.string()?, fields.rest(HERE)),
        false => {
            let mut inner = item.object()?;
            let url = inner.need_text("url")?;
            (url, inner.rest(HERE).with(HERE, shared::MARKER, fields.raw(shared::MARKER).map(|m| m.json())))
        }
    };
    Ok(Part::Media(Media { kind: MediaKind::Image, source: MediaSource::from_url(&url), name: None, extras }))
}

fn audio(mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let Some(mut inner) = fields.object("input_audio")? else {
        return Err(DecodeError::new(&fields.at("input_audio"), "is required"));
    };
    let format: String = inner.text("format")?.unwrap_or_else(|| "wav".to_owned());
    let mime = format!("audio/{}", if format == "mp3" { "mpeg" } else { &format });
    let source = MediaSource::Inline { mime, base64: inner.need_text("data")? };
    Ok(Part::Media(Media { kind: MediaKind::Audio, source, name: None, extras: fields.rest(HERE) }))
}

fn file(mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let Some(mut inner) = fields.object("file")? else {
        return Err(DecodeError::new(&fields.at("file"), "is required"));
    };
    let name = inner.text("filename")?;
    let source = match (inner.text("file_data")?, inner.text("file_id")?) {
        (Some(data), _) => MediaSource::from_url(&data),
        (None, Some(id)) => MediaSource::File { origin: HERE, id },
        (None, None) => return Err(DecodeError::new(&inner.path(), "needs `file_data` or `file_id`")),
    };
    Ok(Part::Media(Media { kind: MediaKind::Document, source, name, extras: fields.rest(HERE) }))
}
