//! Canonical messages as turns, and their parts as content blocks.

use crate::dialect::Dialect;
use crate::dialect::codec::safe_id;
use crate::dialect::shared;
use crate::dialect::write::{List, Object};
use crate::model::{
    ChatRequest, ContinuationKind, Extras, LossReason, Losses, Media, MediaKind, MediaSource, Message, Part,
    Reasoning, Role, Shape, ToolCall, ToolResult,
};
use std::fmt::Arguments;

const HERE: Dialect = Dialect::Anthropic;
/// Where a block that others can only read as text keeps its own form among its extras.
pub(super) const OWN_FORM: &str = "search_result";

/// One message of the wire.
pub(super) struct Turn<'a> {
    pub(super) role: &'static str,
    pub(super) parts: Vec<&'a Part>,
    pub(super) shape: Shape,
    pub(super) extras: &'a Extras,
}

/// Groups messages into turns. This API's own requests keep their turns; in others, tool messages and what a user
/// says after them become one turn, results first, because each call must be answered in the very next turn.
pub(super) fn turns<'a>(
    messages: &'a [Message],
    request: &ChatRequest,
    losses: &mut Losses,
) -> Vec<Turn<'a>> {
    let home = request.origin == Some(HERE);
    let before = request.messages.len() - messages.len();
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        let i = before + i;
        message.extras.lose(HERE, format_args!("messages[{i}]"), losses);
        let role = match message.role {
            Role::Assistant => "assistant",
            Role::System | Role::Developer if home => "system",
            Role::User | Role::Tool | Role::System | Role::Developer => "user",
        };
        let path = format_args!("messages[{i}].content");
        let parts = message.parts.iter().filter(|part| sayable(part, path, losses));
        match turns.last_mut() {
            Some(turn) if turn.role == role && !home => {
                turn.parts.extend(parts);
                turn.shape = Shape::List;
            }
            _ => {
                let parts: Vec<&Part> = parts.collect();
                // A turn of nothing else but foreign thinking is no turn: the API takes no empty ones.
                if !parts.is_empty() || home && message.parts.is_empty() {
                    turns.push(Turn { role, parts, shape: message.shape, extras: &message.extras });
                }
            }
        }
    }
    for turn in turns.iter_mut().filter(|turn| turn.role == "user") {
        turn.parts.sort_by_key(|part| !matches!(part, Part::ToolResult(_)));
    }
    turns
}

/// Parts that have a form here; empty texts and unsigned thinking are refused by the API.
fn sayable(part: &Part, path: Arguments<'_>, losses: &mut Losses) -> bool {
    let reason = match part {
        Part::Text(text) => return !text.text.is_empty() || text.extras.get(HERE, OWN_FORM).is_some(),
        Part::Refusal(text) => return !text.is_empty(),
        Part::ToolCall(_) | Part::ToolResult(_) => return true,
        Part::Reasoning(Reasoning { continuation: Some(found), .. }) if found.origin == HERE => return true,
        Part::Reasoning(_) => LossReason::Foreign,
        Part::Opaque(opaque) if opaque.origin == HERE => return true,
        Part::Opaque(_) => LossReason::Foreign,
        Part::Media(media) => match (media.kind, &media.source) {
            (_, MediaSource::File { origin, .. }) if *origin != HERE => LossReason::Foreign,
            (MediaKind::Audio | MediaKind::Video, _) => LossReason::Unsupported,
            (MediaKind::Image | MediaKind::Document, _) => return true,
        },
    };
    losses.add(path.to_string(), reason);
    false
}

pub(super) fn blocks(list: &mut List<'_>, parts: &[&Part], path: &str, losses: &mut Losses) {
    for part in parts {
        match part {
            Part::Text(text) => {
                if let Some(own) = text.extras.get(HERE, OWN_FORM) {
                    list.raw(own);
                    continue;
                }
                shared::lose_but_marker(&text.extras, path, losses);
                list.object(|o| {
                    o.put("type", "text");
                    o.put("text", &text.text);
                    shared::put_marker(&text.extras, o);
                    o.extras(&text.extras, HERE);
                });
            }
            Part::Refusal(text) => list.object(|o| {
                o.put("type", "text");
                o.put("text", text);
            }),
            Part::Media(found) => {
                shared::lose_but_marker(&found.extras, path, losses);
                list.object(|o| {
                    media(o, found);
                    shared::put_marker(&found.extras, o);
                });
            }
            Part::Reasoning(found) => list.object(|o| reasoning(o, found)),
            Part::ToolCall(call) => {
                call.extras.lose(HERE, path, losses);
                list.object(|o| tool_use(o, call));
            }
            Part::ToolResult(result) => {
                result.extras.lose(HERE, path, losses);
                list.object(|o| tool_result(o, result, losses));
            }
            Part::Opaque(opaque) => list.raw(&opaque.raw),
        }
    }
}

fn media(o: &mut Object<'_>, media: &Media) {
    o.put("type", if media.kind == MediaKind::Image { "image" } else { "document" });
    o.object("source", |o| match &media.source {
        MediaSource::Inline { mime, base64 } => {
            o.put("type", "base64");
            o.put("media_type", mime);
            o.put("data", base64);
        }
        MediaSource::Url(url) => {
            o.put("type", "url");
            o.put("url", url);
        }
        MediaSource::File { id, .. } => {
            o.put("type", "file");
            o.put("file_id", id);
        }
        MediaSource::Text(text) => {
            o.put("type", "text");
            o.put("media_type", "text/plain");
            o.put("data", text);
        }
    });
    if media.kind == MediaKind::Document {
        o.maybe("title", &media.name);
    }
    o.extras(&media.extras, HERE);
}

fn reasoning(o: &mut Object<'_>, reasoning: &Reasoning) {
    match &reasoning.continuation {
        Some(found) if found.kind == ContinuationKind::Encrypted => {
            o.put("type", "redacted_thinking");
            o.put("data", &found.data);
        }
        found => {
            o.put("type", "thinking");
            o.put("thinking", &reasoning.text);
            o.maybe("signature", &found.as_ref().map(|found| &found.data));
        }
    }
    o.extras(&reasoning.extras, HERE);
}

fn tool_use(o: &mut Object<'_>, call: &ToolCall) {
    o.put("type", "tool_use");
    o.put("id", &safe_id(&call.id));
    o.put("name", &call.name);
    o.arguments("input", &call.arguments);
    o.extras(&call.extras, HERE);
}

fn tool_result(o: &mut Object<'_>, result: &ToolResult, losses: &mut Losses) {
    o.put("type", "tool_result");
    o.put("tool_use_id", &safe_id(&result.call_id));
    match (result.shape, result.parts.as_slice()) {
        (Shape::Absent, []) => {}
        (Shape::Text, [Part::Text(text)]) => o.put("content", &text.text),
        (_, parts) => {
            let said = parts.iter().filter(|part| sayable(part, format_args!("tool_result.content"), losses));
            let said: Vec<&Part> = said.collect();
            o.list("content", |list| blocks(list, &said, "tool_result.content[0]", losses));
        }
    }
    o.maybe("is_error", &result.is_error);
    o.extras(&result.extras, HERE);
}
