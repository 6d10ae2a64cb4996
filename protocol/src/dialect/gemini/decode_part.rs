//! The parts of contents in requests.

use crate::dialect::Dialect;
use crate::dialect::calls::Calls;
use crate::dialect::codec::DecodeError;
use crate::dialect::fields::{Fields, Item};
use crate::model::{
    Continuation, ContinuationKind, Media, MediaKind, MediaSource, Opaque, Part, Reasoning, Shape, TextPart,
    ToolCall, ToolResult,
};

const HERE: Dialect = Dialect::Gemini;

/// What is remembered from part to part: the ids that this dialect leaves out.
#[derive(Default)]
pub(super) struct Turns {
    calls: Calls,
}

pub(super) fn parts(content: &mut Fields<'_>, turns: &mut Turns) -> Result<Vec<Part>, DecodeError> {
    let Some(item) = content.raw("parts") else { return Ok(Vec::new()) };
    item.each()?.map(|item| part(&item, turns)).collect()
}

fn part(item: &Item<'_>, turns: &mut Turns) -> Result<Part, DecodeError> {
    let mut fields = item.object()?;
    if let Some(call) = fields.either("functionCall", "function_call") {
        return function_call(call.object()?, fields, turns);
    }
    if let Some(response) = fields.either("functionResponse", "function_response") {
        return function_response(response.object()?, fields, turns);
    }
    if let Some(inline) = fields.either("inlineData", "inline_data") {
        let mut inline = inline.object()?;
        let mime = mime(&mut inline)?;
        let source = MediaSource::Inline { mime: mime.clone(), base64: standard(inline.need_text("data")?) };
        return Ok(media(kind_of(&mime), source, fields));
    }
    if let Some(file) = fields.either("fileData", "file_data") {
        let mut file = file.object()?;
        let mime = file.either("mimeType", "mime_type").map(|mime| mime.string()).transpose()?;
        let uri = file.either("fileUri", "file_uri").map(|uri| uri.string()).transpose()?.unwrap_or_default();
        let vendor = uri.starts_with("gs://") || uri.contains("generativelanguage.googleapis.com");
        let source = if vendor { MediaSource::File { origin: HERE, id: uri } } else { MediaSource::Url(uri) };
        let Part::Media(mut found) = media(mime.as_deref().map_or(MediaKind::Image, kind_of), source, fields)
        else {
            return Err(item.error("is no media"));
        };
        found.name = mime;
        return Ok(Part::Media(found));
    }
    match fields.raw("text") {
        Some(text) => text_part(text.string()?, fields),
        None => Ok(Part::Opaque(Opaque { origin: HERE, kind: "part".to_owned(), raw: item.json() })),
    }
}

fn mime(fields: &mut Fields<'_>) -> Result<String, DecodeError> {
    let item = fields.either("mimeType", "mime_type");
    item.ok_or_else(|| DecodeError::new(&fields.at("mimeType"), "is required"))?.read()
}

/// Google takes both alphabets of base64, and its own clients write the one for URLs; nobody else reads that.
fn standard(base64: String) -> String {
    if memchr::memchr2(b'-', b'_', base64.as_bytes()).is_none() {
        return base64;
    }
    base64.replace('-', "+").replace('_', "/")
}

fn media(kind: MediaKind, source: MediaSource, fields: Fields<'_>) -> Part {
    Part::Media(Media { kind, source, name: None, extras: fields.rest(HERE) })
}

fn kind_of(mime: &str) -> MediaKind {
    match mime.split('/').next().unwrap_or_default() {
        "image" => MediaKind::Image,
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

fn text_part(text: String, mut fields: Fields<'_>) -> Result<Part, DecodeError> {
    let thought: Option<bool> = fields.take("thought")?;
    if thought != Some(true) {
        return Ok(Part::Text(TextPart { text, extras: fields.rest(HERE) }));
    }
    let continuation = signature(&mut fields)?;
    Ok(Part::Reasoning(Reasoning { text, continuation, extras: fields.rest(HERE) }))
}

fn signature(fields: &mut Fields<'_>) -> Result<Option<Continuation>, DecodeError> {
    let data = fields.either("thoughtSignature", "thought_signature").map(|item| item.read()).transpose()?;
    Ok(data.map(|data| Continuation { origin: HERE, kind: ContinuationKind::Signature, data }))
}

fn function_call(mut call: Fields<'_>, mut part: Fields<'_>, turns: &mut Turns) -> Result<Part, DecodeError> {
    let name = call.need_text("name")?;
    let arguments = call.raw("args").map_or("{}", |args| args.raw()).to_owned();
    let id = turns.calls.asked(call.text("id")?, &name);
    let continuation = signature(&mut part)?;
    Ok(Part::ToolCall(ToolCall { id, name, arguments, continuation, extras: part.rest(HERE) }))
}

/// The response object stays one text of JSON.
fn function_response(
    mut response: Fields<'_>,
    part: Fields<'_>,
    turns: &mut Turns,
) -> Result<Part, DecodeError> {
    let name = response.need_text("name")?;
    let call_id = turns.calls.answered(response.text("id")?, Some(&name));
    let text = response.raw("response").map_or("{}", |item| item.raw()).to_owned();
    let mut parts = vec![Part::text(text)];
    for item in response.list("parts")? {
        parts.push(self::part(&item, turns)?);
    }
    Ok(Part::ToolResult(ToolResult {
        call_id,
        name: Some(name),
        parts,
        shape: Shape::Text,
        is_error: None,
        extras: part.rest(HERE),
    }))
}
