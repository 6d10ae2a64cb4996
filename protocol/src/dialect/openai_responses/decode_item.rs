//! The items of a request's `input`.

use super::decode_request::{INPUT, JOINT, NAMESPACE, own_form};
use crate::dialect::Dialect;
use crate::dialect::codec::DecodeError;
use crate::dialect::fields::{Fields, Item};
use crate::model::{
    Continuation, ContinuationKind, Extras, Media, MediaKind, MediaSource, Message, Opaque, Part, RawJson,
    Reasoning, Role, Shape, TextPart, ToolCall, ToolResult,
};

const HERE: Dialect = Dialect::OpenAiResponses;

/// What most messages have among their extras, once for all of them.
pub(super) fn typed() -> Extras {
    Extras::new(HERE, vec![("type".to_owned(), RawJson::checked("\"message\""))])
}

pub(super) fn item(item: &Item<'_>, typed: &Extras) -> Result<Message, DecodeError> {
    let mut fields = item.object()?;
    let kind = fields.raw("type");
    let word = kind.as_ref().map(|kind| kind.word()).transpose()?;
    match word.as_deref() {
        Some("message") | None => message(fields, kind.as_ref(), typed),
        Some("function_call") => function_call(fields),
        Some("function_call_output") => function_call_output(fields),
        Some("custom_tool_call") => custom_call(fields, item),
        Some("custom_tool_call_output") => custom_call_output(fields, item),
        Some("reasoning") => reasoning(fields),
        Some(kind) => {
            let opaque = Opaque { origin: HERE, kind: kind.to_owned(), raw: item.json() };
            let parts = vec![Part::Opaque(opaque)];
            Ok(Message { shape: Shape::Absent, ..Message::new(Role::Assistant, parts) })
        }
    }
}

fn message<'a>(
    mut fields: Fields<'a>,
    kind: Option<&Item<'a>>,
    typed: &Extras,
) -> Result<Message, DecodeError> {
    let role = fields.word("role")?;
    let role = match role.as_ref() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(DecodeError::new(&fields.at("role"), format!("`{other}` is no role"))),
    };
    let (parts, shape) = content(fields.raw("content"))?;
    let extras = match kind {
        Some(_) if fields.is_empty() => typed.clone(),
        kind => {
            kind.into_iter().for_each(|kind| fields.put_back(kind));
            fields.rest(HERE)
        }
    };
    Ok(Message { role, parts, shape, extras })
}

fn content(item: Option<Item<'_>>) -> Result<(Vec<Part>, Shape), DecodeError> {
    let Some(item) = item else { return Ok((Vec::new(), Shape::Absent)) };
    if item.is_text() {
        return Ok((vec![Part::text(item.string()?)], Shape::Text));
    }
    let parts: Result<Vec<Part>, DecodeError> = item.list()?.map(|item| part(&item)).collect();
    Ok((parts?, Shape::List))
}

fn part(item: &Item<'_>) -> Result<Part, DecodeError> {
    let mut fields = item.object()?;
    let kind = fields.word("type")?;
    match kind.as_ref() {
        "input_text" | "output_text" | "text" | "summary_text" => {
            let text = fields.need_text("text")?;
            Ok(Part::Text(TextPart { text, extras: fields.rest(HERE) }))
        }
        "refusal" => Ok(Part::Refusal(fields.need_text("refusal")?)),
        "input_image" => {
            let source = match (fields.text("image_url")?, fields.text("file_id")?) {
                (Some(url), _) => MediaSource::from_url(&url),
                (None, Some(id)) => MediaSource::File { origin: HERE, id },
                (None, None) => return Err(item.error("needs `image_url` or `file_id`")),
            };
            Ok(Part::Media(Media { kind: MediaKind::Image, source, name: None, extras: fields.rest(HERE) }))
        }
        "input_file" => {
            let name = fields.text("filename")?;
            let source = match (fields.text("file_data")?, fields.text("file_url")?, fields.text("file_id")?)
            {
                (Some(data), _, _) => MediaSource::from_url(&data),
                (None, Some(url), _) => MediaSource::Url(url),
                (None, None, Some(id)) => MediaSource::File { origin: HERE, id },
                (None, None, None) => return Err(item.error("needs `file_data`, `file_url` or `file_id`")),
            };
            Ok(Part::Media(Media { kind: MediaKind::Document, source, name, extras: fields.rest(HERE) }))
        }
        _ => Ok(Part::Opaque(Opaque { origin: HERE, kind: kind.into_owned(), raw: item.json() })),
    }
}

/// Pairs by `call_id`; the item's own `id` is the vendor's and stays among the extras.
fn function_call(mut fields: Fields<'_>) -> Result<Message, DecodeError> {
    let name = fields.need_text("name")?;
    let namespace: Option<String> = fields.text(NAMESPACE)?;
    let call = ToolCall {
        id: fields.need_text("call_id")?,
        name: match namespace {
            Some(group) => format!("{group}{JOINT}{name}"),
            None => name,
        },
        arguments: fields.text("arguments")?.unwrap_or_default(),
        continuation: None,
        extras: fields.rest(HERE),
    };
    Ok(Message::new(Role::Assistant, vec![Part::ToolCall(call)]))
}

fn function_call_output(mut fields: Fields<'_>) -> Result<Message, DecodeError> {
    let call_id = fields.need_text("call_id")?;
    let (parts, shape) = content(fields.raw("output"))?;
    let extras = fields.rest(HERE);
    let result = ToolResult { call_id, name: None, parts, shape, is_error: None, extras };
    Ok(Message::new(Role::Tool, vec![Part::ToolResult(result)]))
}

fn custom_call(mut fields: Fields<'_>, item: &Item<'_>) -> Result<Message, DecodeError> {
    let input: String = fields.text(INPUT)?.unwrap_or_default();
    let call = ToolCall {
        id: fields.need_text("call_id")?,
        name: fields.need_text("name")?,
        arguments: serde_json::json!({ INPUT: input }).to_string(),
        continuation: None,
        extras: own_form(item),
    };
    Ok(Message::new(Role::Assistant, vec![Part::ToolCall(call)]))
}

fn custom_call_output(mut fields: Fields<'_>, item: &Item<'_>) -> Result<Message, DecodeError> {
    let call_id = fields.need_text("call_id")?;
    let (parts, shape) = content(fields.raw("output"))?;
    let extras = own_form(item);
    let result = ToolResult { call_id, name: None, parts, shape, is_error: None, extras };
    Ok(Message::new(Role::Tool, vec![Part::ToolResult(result)]))
}

/// The text is what others can read; the members stay as they are for the vendor that wrote them.
fn reasoning(mut fields: Fields<'_>) -> Result<Message, DecodeError> {
    let mut text = String::new();
    for key in ["summary", "content"] {
        if let Some(found) = fields.raw(key) {
            if text.is_empty() && found.is_list() {
                text = texts(&found)?;
            }
            fields.put_back(&found);
        }
    }
    let data = fields.text("encrypted_content")?;
    let continuation =
        data.map(|data| Continuation { origin: HERE, kind: ContinuationKind::Encrypted, data });
    let extras: Extras = fields.rest(HERE);
    Ok(Message::new(Role::Assistant, vec![Part::Reasoning(Reasoning { text, continuation, extras })]))
}

fn texts(item: &Item<'_>) -> Result<String, DecodeError> {
    let mut texts = Vec::new();
    for part in item.list()? {
        texts.extend(part.object()?.text("text")?);
    }
    Ok(texts.join("\n\n"))
}
