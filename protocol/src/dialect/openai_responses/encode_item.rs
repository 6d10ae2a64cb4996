//! Canonical messages as input items.

use super::decode_request::{CUSTOM, JOINT, NAMESPACE};
use super::encode_request::namespace_of;
use super::marks::is_ours;
use crate::dialect::Dialect;
use crate::dialect::codec::safe_id;
use crate::dialect::write::{List, Object};
use crate::model::{
    ChatRequest, Extras, LossReason, Losses, Media, MediaKind, MediaSource, Message, Part, Reasoning, Role,
    Shape, Tool, ToolCall, ToolResult,
};
use std::borrow::Cow;
use std::fmt::Arguments;

const HERE: Dialect = Dialect::OpenAiResponses;

pub(super) fn items(o: &mut Object<'_>, messages: &[Message], request: &ChatRequest, losses: &mut Losses) {
    o.list("input", |list| {
        for (i, message) in messages.iter().enumerate() {
            let path = format_args!("messages[{i}]");
            message.extras.lose(HERE, path, losses);
            one(list, message, request, path, losses);
        }
    });
}

/// Runs of sayable parts become messages; calls, results and reasoning are items of their own, in order.
fn one(
    list: &mut List<'_>,
    message: &Message,
    request: &ChatRequest,
    path: Arguments<'_>,
    losses: &mut Losses,
) {
    let home = request.origin == Some(HERE);
    let mut run: Vec<&Part> = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(_) | Part::Refusal(_) | Part::Media(_) if sayable(part, path, losses) => {
                run.push(part)
            }
            Part::Text(_) | Part::Refusal(_) | Part::Media(_) => {}
            Part::ToolCall(call) => {
                flush(list, message, &mut run, home, losses);
                call.extras.lose(HERE, "tool_calls[0]", losses);
                match call.extras.get(HERE, CUSTOM) {
                    Some(own) => list.raw(own),
                    None => list.object(|o| function_call(o, call, request)),
                }
            }
            Part::ToolResult(result) => {
                flush(list, message, &mut run, home, losses);
                match result.extras.get(HERE, CUSTOM) {
                    Some(own) => list.raw(own),
                    None => list.object(|o| function_call_output(o, result, request, losses)),
                }
            }
            Part::Reasoning(found) => {
                flush(list, message, &mut run, home, losses);
                let theirs = found.continuation.as_ref().is_some_and(|c| c.origin == HERE) || home;
                match theirs && !is_ours(found) {
                    true => list.object(|o| reasoning(o, found)),
                    false => losses.add(format!("{path}.content"), LossReason::Foreign),
                }
            }
            // An item of its own has no content to be a part of.
            Part::Opaque(opaque) if opaque.origin == HERE && message.shape == Shape::Absent => {
                flush(list, message, &mut run, home, losses);
                list.raw(&opaque.raw);
            }
            Part::Opaque(opaque) if opaque.origin == HERE => run.push(part),
            Part::Opaque(_) => losses.add(format!("{path}.content"), LossReason::Foreign),
        }
    }
    if message.parts.is_empty() && home {
        list.object(|o| message_item(o, message, &[], home, losses));
    }
    flush(list, message, &mut run, home, losses);
}

fn sayable(part: &Part, path: Arguments<'_>, losses: &mut Losses) -> bool {
    let reason = match part {
        Part::Media(media) => match (media.kind, &media.source) {
            (_, MediaSource::File { origin, .. }) if *origin != HERE => LossReason::Foreign,
            (MediaKind::Audio | MediaKind::Video, _) => LossReason::Unsupported,
            _ => return true,
        },
        _ => return true,
    };
    losses.add(format!("{path}.content"), reason);
    false
}

fn flush(list: &mut List<'_>, message: &Message, run: &mut Vec<&Part>, home: bool, losses: &mut Losses) {
    if !run.is_empty() {
        list.object(|o| message_item(o, message, run, home, losses));
        run.clear();
    }
}

/// Items of this API's own requests carry their `type`, or its absence, among their extras.
fn message_item(o: &mut Object<'_>, message: &Message, parts: &[&Part], home: bool, losses: &mut Losses) {
    let (role, kind) = match message.role {
        Role::System => ("system", "input_text"),
        Role::Developer => ("developer", "input_text"),
        Role::User | Role::Tool => ("user", "input_text"),
        Role::Assistant => ("assistant", "output_text"),
    };
    if !home {
        o.put("type", "message");
    }
    o.put("role", role);
    match (message.shape, parts) {
        (Shape::Text, [Part::Text(text)]) => o.put("content", &text.text),
        (_, parts) => o.list("content", |list| content(list, parts, kind, losses)),
    }
    o.extras(&message.extras, HERE);
}

fn content(list: &mut List<'_>, parts: &[&Part], kind: &str, losses: &mut Losses) {
    for part in parts {
        match part {
            Part::Text(text) => {
                text.extras.lose(HERE, "messages[0].content[0]", losses);
                list.object(|o| {
                    o.put("type", kind);
                    o.put("text", &text.text);
                    o.extras(&text.extras, HERE);
                });
            }
            Part::Refusal(text) => list.object(|o| {
                o.put("type", "refusal");
                o.put("refusal", text);
            }),
            Part::Media(found) => {
                found.extras.lose(HERE, "messages[0].content[0]", losses);
                list.object(|o| media(o, found, kind));
            }
            Part::Opaque(opaque) if opaque.origin == HERE => list.raw(&opaque.raw),
            Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Opaque(_) => {}
        }
    }
}

fn media(o: &mut Object<'_>, media: &Media, text_kind: &str) {
    match (media.kind, &media.source) {
        (_, MediaSource::Text(text)) => {
            o.put("type", text_kind);
            o.put("text", text);
        }
        (MediaKind::Image, source) => {
            o.put("type", "input_image");
            match source {
                MediaSource::File { id, .. } => o.put("file_id", id),
                other => o.put("image_url", &other.to_url().unwrap_or_default()),
            }
        }
        (_, source) => {
            o.put("type", "input_file");
            match source {
                MediaSource::File { id, .. } => o.put("file_id", id),
                MediaSource::Url(url) => o.put("file_url", url),
                other => {
                    o.put("filename", media.name.as_deref().unwrap_or("document.pdf"));
                    o.put("file_data", &other.to_url().unwrap_or_default());
                    return o.extras(&media.extras, HERE);
                }
            }
            o.maybe("filename", &media.name);
        }
    }
    o.extras(&media.extras, HERE);
}

/// A call of a tool that stands in a namespace says both halves of its name.
fn function_call(o: &mut Object<'_>, call: &ToolCall, request: &ChatRequest) {
    let tool = request.tools.iter().filter_map(Tool::as_function).find(|tool| tool.name == call.name);
    let group = tool.and_then(namespace_of);
    let prefix = group.as_ref().map(|group| format!("{group}{JOINT}")).unwrap_or_default();
    o.put("type", "function_call");
    o.put("call_id", &call_id(&call.id, request));
    o.put("name", call.name.strip_prefix(&prefix).unwrap_or(&call.name));
    o.maybe(NAMESPACE, &group);
    o.put("arguments", if call.arguments.trim().is_empty() { "{}" } else { &call.arguments });
    o.extras(&call.extras, HERE);
}

/// Ids of this API go back as they are.
fn call_id<'a>(id: &'a str, request: &ChatRequest) -> Cow<'a, str> {
    if request.origin == Some(HERE) { Cow::Borrowed(id) } else { safe_id(id) }
}

fn function_call_output(o: &mut Object<'_>, result: &ToolResult, request: &ChatRequest, losses: &mut Losses) {
    result.extras.lose(HERE, "tool_result", losses);
    let error = if result.is_error == Some(true) { "Error: " } else { "" };
    o.put("type", "function_call_output");
    o.put("call_id", &call_id(&result.call_id, request));
    match (result.shape, result.parts.as_slice()) {
        (_, []) => o.put("output", error),
        (_, [Part::Text(text)]) if result.shape != Shape::List || !error.is_empty() => {
            o.joined("output", error, std::iter::once(text.text.as_str()));
        }
        (_, parts) => o.list("output", |list| {
            let said: Vec<&Part> =
                parts.iter().filter(|part| sayable(part, format_args!("tool_result"), losses)).collect();
            content(list, &said, "input_text", losses);
        }),
    }
    o.extras(&result.extras, HERE);
}

fn reasoning(o: &mut Object<'_>, reasoning: &Reasoning) {
    o.put("type", "reasoning");
    let said: &Extras = &reasoning.extras;
    if said.get(HERE, "summary").is_none() {
        o.list("summary", |_| {});
    }
    o.extras(said, HERE);
    o.maybe("encrypted_content", &reasoning.continuation.as_ref().map(|found| &found.data));
}
