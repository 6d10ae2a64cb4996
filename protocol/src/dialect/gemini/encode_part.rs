//! Canonical messages as contents, and their parts.

use crate::dialect::Dialect;
use crate::dialect::calls::MADE;
use crate::dialect::write::{List, Object};
use crate::model::{
    ChatRequest, Continuation, Extras, LossReason, Losses, Media, MediaKind, MediaSource, Message, Part,
    RawJson, Reasoning, Role, ToolCall, ToolResult,
};
use std::collections::HashMap;
use std::fmt::Arguments;

const HERE: Dialect = Dialect::Gemini;
/// What the API documents for calls in a history that another model made.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

/// What a part's form depends on outside of it.
struct Asked<'a> {
    /// The request came in this dialect.
    home: bool,
    /// The tools' names by the ids of their calls.
    names: HashMap<&'a str, &'a str>,
}

pub(super) fn contents(o: &mut Object<'_>, request: &ChatRequest, messages: &[Message], losses: &mut Losses) {
    let asked = Asked { home: request.origin == Some(HERE), names: request.tool_names() };
    let home = asked.home;
    let mut turns: Vec<(&str, Vec<&Part>, &Extras)> = Vec::new();
    let before = request.messages.len() - messages.len();
    for (i, message) in messages.iter().enumerate() {
        let i = before + i;
        message.extras.lose(HERE, format_args!("messages[{i}]"), losses);
        let role = match message.role {
            Role::Assistant => "model",
            Role::User | Role::Tool | Role::System | Role::Developer => "user",
        };
        let path = format_args!("messages[{i}].content");
        let parts = message.parts.iter().filter(|part| sayable(part, path, losses));
        match turns.last_mut() {
            Some((last, said, _)) if *last == role && !home => said.extend(parts),
            _ => {
                let parts: Vec<&Part> = parts.collect();
                if home || !parts.is_empty() {
                    turns.push((role, parts, &message.extras));
                }
            }
        }
    }
    o.list("contents", |list| {
        for (role, parts, extras) in &turns {
            list.object(|o| {
                o.put("role", role);
                o.list("parts", |list| write_parts(list, parts, &asked, losses));
                o.extras(extras, HERE);
            });
        }
    });
}

fn sayable(part: &Part, path: Arguments<'_>, losses: &mut Losses) -> bool {
    let reason = match part {
        Part::Text(_) | Part::Refusal(_) | Part::ToolCall(_) | Part::ToolResult(_) => return true,
        Part::Reasoning(Reasoning { continuation: Some(found), .. }) if found.origin == HERE => return true,
        Part::Reasoning(Reasoning { continuation: None, extras, .. }) if !extras.is_empty() => return true,
        Part::Reasoning(_) => LossReason::Foreign,
        Part::Opaque(opaque) if opaque.origin == HERE => return true,
        Part::Opaque(_) => LossReason::Foreign,
        Part::Media(media) => match &media.source {
            MediaSource::File { origin, .. } if *origin != HERE => LossReason::Foreign,
            _ => return true,
        },
    };
    losses.add(path.to_string(), reason);
    false
}

fn write_parts(list: &mut List<'_>, parts: &[&Part], asked: &Asked<'_>, losses: &mut Losses) {
    let mut called = false;
    for part in parts {
        match part {
            Part::Text(text) => {
                text.extras.lose(HERE, "messages[0].content[0]", losses);
                list.object(|o| {
                    o.put("text", &text.text);
                    o.extras(&text.extras, HERE);
                });
            }
            Part::Refusal(text) => list.object(|o| o.put("text", text)),
            Part::Media(found) => {
                found.extras.lose(HERE, "messages[0].content[0]", losses);
                list.object(|o| media(o, found));
            }
            Part::Reasoning(found) => list.object(|o| {
                o.put("text", &found.text);
                o.put("thought", &true);
                signature(o, found.continuation.as_ref());
                o.extras(&found.extras, HERE);
            }),
            Part::ToolCall(call) => {
                call.extras.lose(HERE, "tool_calls[0]", losses);
                list.object(|o| function_call(o, call, asked.home, !called));
                called = true;
            }
            Part::ToolResult(result) => {
                result.extras.lose(HERE, "tool_result", losses);
                list.object(|o| function_response(o, result, asked));
                if !asked.home {
                    let pictures = result.parts.iter().filter_map(as_media);
                    pictures.for_each(|found| list.object(|o| media(o, found)));
                }
            }
            Part::Opaque(opaque) => list.raw(&opaque.raw),
        }
    }
}

fn as_media(part: &Part) -> Option<&Media> {
    if let Part::Media(media) = part { Some(media) } else { None }
}

fn signature(o: &mut Object<'_>, continuation: Option<&Continuation>) {
    if let Some(found) = continuation.filter(|found| found.origin == HERE) {
        o.put("thoughtSignature", &found.data);
    }
}

fn media(o: &mut Object<'_>, media: &Media) {
    match &media.source {
        MediaSource::Inline { mime, base64 } => o.object("inlineData", |o| {
            o.put("mimeType", mime);
            o.put("data", base64);
        }),
        MediaSource::Text(text) => o.put("text", text),
        MediaSource::Url(uri) | MediaSource::File { id: uri, .. } => o.object("fileData", |o| {
            let guessed = guess_mime(media.kind, uri);
            o.put("mimeType", media.name.as_deref().filter(|name| name.contains('/')).unwrap_or(guessed));
            o.put("fileUri", uri);
        }),
    }
    o.extras(&media.extras, HERE);
}

/// The API wants a type for every file; other dialects do not say it.
fn guess_mime(kind: MediaKind, uri: &str) -> &'static str {
    let end = uri.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match (kind, end.as_str()) {
        (_, "png") => "image/png",
        (_, "webp") => "image/webp",
        (_, "gif") => "image/gif",
        (MediaKind::Image, _) => "image/jpeg",
        (MediaKind::Audio, _) => "audio/mpeg",
        (MediaKind::Video, _) => "video/mp4",
        (MediaKind::Document, _) => "application/pdf",
    }
}

fn function_call(o: &mut Object<'_>, call: &ToolCall, home: bool, first: bool) {
    let first_of_foreign = first && !home;
    o.object("functionCall", |o| {
        own_id(o, &call.id, !home);
        o.put("name", &call.name);
        o.arguments("args", &call.arguments);
    });
    match &call.continuation {
        Some(found) if found.origin == HERE => signature(o, Some(found)),
        _ if first_of_foreign => o.put("thoughtSignature", FOREIGN_SIGNATURE),
        _ => {}
    }
    o.extras(&call.extras, HERE);
}

/// Ids are a newer addition: only those that came from this API go back to it.
fn own_id(o: &mut Object<'_>, id: &str, made: bool) {
    if !made && !id.starts_with(MADE) {
        o.put("id", id);
    }
}

/// The response must be an object: an object stays, any other text is put into one.
fn function_response(o: &mut Object<'_>, result: &ToolResult, asked: &Asked<'_>) {
    let home = asked.home;
    let called = || asked.names.get(result.call_id.as_str()).copied();
    let name = result.name.as_deref().or_else(called).unwrap_or("tool");
    let failed = result.is_error == Some(true);
    let object = match result.parts.as_slice() {
        [Part::Text(only)] if !failed => RawJson::parse(&only.text).filter(RawJson::is_object),
        _ => None,
    };
    o.object("functionResponse", |o| {
        own_id(o, &result.call_id, !home);
        o.put("name", name);
        match object {
            Some(raw) => o.put("response", &raw),
            None => o.object("response", |o| {
                o.joined(if failed { "error" } else { "output" }, "", result.texts());
            }),
        }
        let own: Vec<&Media> = result.parts.iter().filter_map(as_media).collect();
        if home && !own.is_empty() {
            o.list("parts", |list| own.iter().for_each(|found| list.object(|o| media(o, found))));
        }
    });
    o.extras(&result.extras, HERE);
}
