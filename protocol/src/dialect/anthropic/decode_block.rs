//! The content blocks of Messages requests.

use super::encode_block::OWN_FORM;
use super::marks::{OWN_SIGNATURE, without_own_sources};
use crate::dialect::Dialect;
use crate::dialect::codec::DecodeError;
use crate::dialect::fields::{Fields, Item};
use crate::model::{
    Continuation, ContinuationKind, Extras, Media, MediaKind, MediaSource, Opaque, Part, Reasoning, Shape,
    TextPart, ToolCall, ToolResult,
};

const HERE: Dialect = Dialect::Anthropic;

/// A text, or a list of blocks.
pub(super) fn content(item: Option<Item<'_>>) -> Result<(Vec<Part>, Shape), DecodeError> {
    let Some(item) = item else { return Ok((Vec::new(), Shape::Absent)) };
    if item.is_text() {
        return Ok((vec![Part::text(item.string()?)], Shape::Text));
    }
    let parts: Result<Vec<Part>, DecodeError> = item.list()?.map(|item| block(&item)).collect();
    Ok((parts?, Shape::List))
}

fn block(item: &Item<'_>) -> Result<Part, DecodeError> {
    let mut fields = item.object()?;
    let kind = fields.word("type")?;
    match kind.as_ref() {
        "text" => {
            let text = fields.need_text("text")?;
            Ok(Part::Text(TextPart { text, extras: without_own_sources(fields.rest(HERE)) }))
        }
        "image" => media(fields, item, MediaKind::Image, &kind),
        "document" => media(fields, item, MediaKind::Document, &kind),
        "tool_use" => tool_use(fields),
        "tool_result" => tool_result(fields),
        "thinking" => thinking(fields),
        "redacted_thinking" => {
            let data = fields.need_text("data")?;
            let continuation = Some(Continuation { origin: HERE, kind: ContinuationKind::Encrypted, data });
            Ok(Part::Reasoning(Reasoning { text: String::new(), continuation, extras: fields.rest(HERE) }))
        }
        "search_result" => search_result(fields, item),
        _ => Ok(opaque(item, kind.into_owned())),
    }
}

/// What a search of the client's own found: elsewhere a text, under its title and source.
fn search_result(mut fields: Fields<'_>, item: &Item<'_>) -> Result<Part, DecodeError> {
    let head = [fields.text("title")?, fields.text("source")?];
    let mut texts: Vec<String> = head.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    for part in fields.list("content")? {
        texts.extend(part.object()?.text("text")?);
    }
    let extras = Extras::new(HERE, vec![(OWN_FORM.to_owned(), item.json())]);
    Ok(Part::Text(TextPart { text: texts.join("\n"), extras }))
}

fn opaque(item: &Item<'_>, kind: String) -> Part {
    Part::Opaque(Opaque { origin: HERE, kind, raw: item.json() })
}

fn media(mut fields: Fields<'_>, item: &Item<'_>, kind: MediaKind, word: &str) -> Result<Part, DecodeError> {
    let Some(mut source) = fields.object("source")? else {
        return Err(DecodeError::new(&fields.at("source"), "is required"));
    };
    let form = source.word("type")?;
    let found = match form.as_ref() {
        "base64" => {
            MediaSource::Inline { mime: source.need_text("media_type")?, base64: source.need("data")? }
        }
        "url" => MediaSource::Url(source.need_text("url")?),
        "file" => MediaSource::File { origin: HERE, id: source.need_text("file_id")? },
        "text" => {
            source.raw("media_type");
            MediaSource::Text(source.need_text("data")?)
        }
        _ => return Ok(opaque(item, word.to_owned())),
    };
    let name = fields.text("title")?;
    Ok(Part::Media(Media { kind, source: found, name, extras: fields.rest(HERE) }))
}

fn tool_use(mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let input = fields.raw("input").map_or("{}", |item| item.raw()).to_owned();
    Ok(Part::ToolCall(ToolCall {
        id: fields.need_text("id")?,
        name: fields.need_text("name")?,
        arguments: input,
        continuation: None,
        extras: fields.rest(HERE),
    }))
}

fn tool_result(mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let (parts, shape) = content(fields.raw("content"))?;
    Ok(Part::ToolResult(ToolResult {
        call_id: fields.need_text("tool_use_id")?,
        name: None,
        parts,
        shape,
        is_error: fields.take("is_error")?,
        extras: fields.rest(HERE),
    }))
}

fn thinking(mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let text = fields.text("thinking")?.unwrap_or_default();
    let signature = fields.text("signature")?.filter(|signature| signature != OWN_SIGNATURE);
    let continuation =
        signature.map(|data| Continuation { origin: HERE, kind: ContinuationKind::Signature, data });
    let extras: Extras = fields.rest(HERE);
    Ok(Part::Reasoning(Reasoning { text, continuation, extras }))
}
