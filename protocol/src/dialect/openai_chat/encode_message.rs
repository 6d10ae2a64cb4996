//! Canonical messages as chat completions messages.

use super::decode_message::EXTRA_CONTENT;
use super::quirks::{Prefill, Quirks, ReasoningField, Roles, ToolIds};
use crate::dialect::Dialect;
use crate::dialect::codec::{safe_id, short_id};
use crate::dialect::shared;
use crate::dialect::write::{List, Object};
use crate::model::{
    ChatRequest, Continuation, LossReason, Losses, Media, MediaKind, MediaSource, Message, Part, Role, Shape,
    ToolCall, ToolResult,
};
use std::borrow::Cow;
use std::fmt::Arguments;

const HERE: Dialect = Dialect::OpenAiChat;

pub(super) struct Context<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) quirks: &'a Quirks,
}

pub(super) fn messages(o: &mut Object<'_>, context: &Context<'_>, losses: &mut Losses) {
    o.list("messages", |list| {
        for (i, message) in context.request.messages.iter().enumerate() {
            let path = format_args!("messages[{i}]");
            message.extras.lose(HERE, path, losses);
            one(list, message, context, path, losses);
        }
    });
}

fn one(
    list: &mut List<'_>,
    message: &Message,
    context: &Context<'_>,
    path: Arguments<'_>,
    losses: &mut Losses,
) {
    match message.role {
        Role::Assistant => assistant(list, message, context, path, losses),
        Role::System => plain(list, message, "system", context, path, losses),
        Role::Developer => {
            let role = if context.quirks.roles == Roles::NoDeveloper { "system" } else { "developer" };
            plain(list, message, role, context, path, losses);
        }
        Role::User | Role::Tool if !message.parts.iter().any(|part| matches!(part, Part::ToolResult(_))) => {
            plain(list, message, "user", context, path, losses);
        }
        Role::User | Role::Tool => {
            let mut rest = Vec::new();
            for part in &message.parts {
                match part {
                    Part::ToolResult(result) => {
                        rest.extend(tool_result(list, message, result, context, losses));
                    }
                    other => rest.push(other),
                }
            }
            if !rest.is_empty() {
                let parts = rest.into_iter().cloned().collect();
                let Message { role, shape, ref extras, .. } = *message;
                let only = Message { role, parts, shape, extras: extras.clone() };
                plain(list, &only, "user", context, path, losses);
            }
        }
    }
}

fn plain(
    list: &mut List<'_>,
    message: &Message,
    role: &str,
    context: &Context<'_>,
    path: Arguments<'_>,
    losses: &mut Losses,
) {
    list.object(|o| {
        o.put("role", role);
        let parts: Vec<&Part> = message.parts.iter().filter(|part| sayable(part, path, losses)).collect();
        content(o, &parts, message.shape, context, losses);
        o.extras(&message.extras, HERE);
    });
}

/// Writes one tool message; answers the parts it cannot hold (pictures), for the user message after it.
fn tool_result<'a>(
    list: &mut List<'_>,
    message: &Message,
    result: &'a ToolResult,
    context: &Context<'_>,
    losses: &mut Losses,
) -> Vec<&'a Part> {
    result.extras.lose(HERE, "tool_result", losses);
    let (texts, others): (Vec<&Part>, Vec<&Part>) =
        result.parts.iter().partition(|part| matches!(part, Part::Text(_)));
    list.object(|o| {
        o.put("role", "tool");
        o.put("tool_call_id", &tool_id(&result.call_id, context.quirks));
        o.maybe("name", &result.name);
        let error = if result.is_error == Some(true) { "Error: " } else { "" };
        match (result.shape, error.is_empty() && !context.quirks.text_content) {
            (Shape::List, true) if !texts.is_empty() && others.is_empty() && message.role == Role::Tool => {
                content(o, &texts, Shape::List, context, losses);
            }
            _ => {
                let unsaid = result.texts().all(str::is_empty) && !others.is_empty();
                let pointer = unsaid.then_some("(see the next message)");
                let said = result.texts().filter(|_| !unsaid);
                o.joined("content", error, pointer.into_iter().chain(said));
            }
        }
        if message.role == Role::Tool {
            o.extras(&message.extras, HERE);
        }
    });
    others
}

fn assistant(
    list: &mut List<'_>,
    message: &Message,
    context: &Context<'_>,
    path: Arguments<'_>,
    losses: &mut Losses,
) {
    let mut calls: Vec<&Part> = Vec::new();
    let mut said: Vec<&Part> = Vec::new();
    let mut reasoning: Option<String> = None;
    let mut refusal: Option<&str> = None;
    for part in &message.parts {
        match part {
            Part::ToolCall(_) => calls.push(part),
            Part::Opaque(opaque) if opaque.origin == HERE && is_call(&opaque.kind) => calls.push(part),
            Part::Reasoning(found) if !found.text.is_empty() => {
                reasoning.get_or_insert_default().push_str(&found.text)
            }
            Part::Reasoning(_) => {}
            Part::Refusal(text) if message.shape != Shape::List => refusal = Some(text),
            other if sayable(other, path, losses) => said.push(other),
            _ => {}
        }
    }
    list.object(|o| {
        o.put("role", "assistant");
        match said.is_empty() {
            true if !calls.is_empty() && context.quirks.text_content => o.put("content", ""),
            true => o.null("content"),
            false => content(o, &said, message.shape, context, losses),
        }
        past_reasoning(o, reasoning, !calls.is_empty(), context, losses);
        o.maybe("refusal", &refusal);
        if !calls.is_empty() {
            o.list("tool_calls", |list| calls.iter().for_each(|part| call(list, part, context, losses)));
        }
        if let Some(flag) =
            prefill_flag(message, context).filter(|flag| message.extras.get(HERE, flag).is_none())
        {
            o.put(flag, &true);
        }
        o.extras(&message.extras, HERE);
    });
}

/// What the vendor wants in the last turn if the model is to go on with it.
fn prefill_flag(message: &Message, context: &Context<'_>) -> Option<&'static str> {
    let last = context.request.messages.last().is_some_and(|last| std::ptr::eq(last, message));
    match context.quirks.prefill {
        Prefill::Prefix if last && is_text(message) => Some("prefix"),
        Prefill::Partial if last && is_text(message) => Some("partial"),
        Prefill::Plain | Prefill::Continue | Prefill::Prefix | Prefill::Partial => None,
    }
}

/// An assistant's turn of words only.
pub(super) fn is_text(message: &Message) -> bool {
    message.role == Role::Assistant && message.parts.iter().all(|part| matches!(part, Part::Text(_)))
}

fn is_call(kind: &str) -> bool {
    matches!(kind, "custom" | "tool_call")
}

/// Earlier reasoning goes back to vendors that need it, and to whoever is asked in the dialect's own words.
fn past_reasoning(
    o: &mut Object<'_>,
    text: Option<String>,
    calls: bool,
    context: &Context<'_>,
    losses: &mut Losses,
) {
    let key = match context.quirks.reasoning_field {
        ReasoningField::Reasoning => "reasoning",
        ReasoningField::ReasoningContent | ReasoningField::ThinkTags | ReasoningField::ContentList => {
            "reasoning_content"
        }
    };
    let echo = context.quirks.echo_reasoning || text.is_some() && context.request.origin == Some(HERE);
    match (text, echo) {
        (Some(text), true) => o.put(key, &text),
        (None, true) if calls => o.put(key, ""),
        (Some(_), false) => losses.add("reasoning_content", LossReason::Foreign),
        (None, _) => {}
    }
}

fn call(list: &mut List<'_>, part: &Part, context: &Context<'_>, losses: &mut Losses) {
    match part {
        Part::ToolCall(call) => {
            call.extras.lose(HERE, "tool_calls[0]", losses);
            list.object(|o| {
                tool_call(o, call, context.quirks);
                // It came from such a client, and such a server takes it back.
                if let (Some(found), Some(HERE)) = (&call.continuation, context.request.origin) {
                    extra_content(o, found);
                }
                o.extras(&call.extras, HERE);
            });
        }
        Part::Opaque(opaque) => list.raw(&opaque.raw),
        _ => {}
    }
}

fn tool_call(o: &mut Object<'_>, call: &ToolCall, quirks: &Quirks) {
    o.put("id", &tool_id(&call.id, quirks));
    o.put("type", "function");
    o.object("function", |o| {
        o.put("name", &call.name);
        o.put("arguments", if call.arguments.trim().is_empty() { "{}" } else { &call.arguments });
    });
}

/// A signature of Gemini's, where Google's own servers have it in this dialect.
pub(super) fn extra_content(o: &mut Object<'_>, found: &Continuation) {
    if found.origin == Dialect::Gemini {
        o.object(EXTRA_CONTENT, |o| {
            o.object("google", |o| o.put("thought_signature", &found.data));
        });
    }
}

fn tool_id<'a>(id: &'a str, quirks: &Quirks) -> Cow<'a, str> {
    match quirks.tool_ids {
        ToolIds::Any if id.len() <= 64 && !id.is_empty() => Cow::Borrowed(id),
        ToolIds::Any => safe_id(id),
        ToolIds::Alnum9 => short_id(id, 9),
    }
}

/// Parts that have a form here.
fn sayable(part: &Part, path: Arguments<'_>, losses: &mut Losses) -> bool {
    let reason = match part {
        Part::Text(_) | Part::Refusal(_) => return true,
        Part::Media(media) => match (&media.source, media.kind) {
            (MediaSource::File { origin, .. }, _) if *origin != HERE => LossReason::Foreign,
            (MediaSource::Url(_), MediaKind::Document) | (_, MediaKind::Video) => LossReason::Unsupported,
            _ => return true,
        },
        Part::Opaque(opaque) if opaque.origin == HERE => return true,
        Part::Opaque(_) => LossReason::Foreign,
        Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => return false,
    };
    losses.add(format!("{path}.content"), reason);
    false
}

/// A list where the client wrote a list in this dialect and the vendor takes it, or where there is more than text.
fn content(o: &mut Object<'_>, parts: &[&Part], shape: Shape, context: &Context<'_>, losses: &mut Losses) {
    let only_text = parts.iter().all(|part| matches!(part, Part::Text(_)));
    let flat = match shape {
        Shape::Text => parts.len() == 1,
        Shape::Absent => false,
        Shape::List => context.quirks.text_content || context.request.origin != Some(HERE),
    };
    if flat && only_text {
        lose_text_extras(parts, losses);
        return o.joined("content", "", parts.iter().filter_map(|part| part.as_text()));
    }
    o.list("content", |list| parts.iter().for_each(|part| content_part(list, part, losses)));
}

fn lose_text_extras(parts: &[&Part], losses: &mut Losses) {
    for part in parts {
        if let Part::Text(text) = part {
            text.extras.lose(HERE, "messages[0].content[0]", losses);
        }
    }
}

fn content_part(list: &mut List<'_>, part: &Part, losses: &mut Losses) {
    match part {
        Part::Text(text) => {
            text.extras.lose(HERE, "messages[0].content[0]", losses);
            list.object(|o| {
                o.put("type", "text");
                o.put("text", &text.text);
                o.extras(&text.extras, HERE);
            });
        }
        Part::Refusal(text) => list.object(|o| {
            o.put("type", "refusal");
            o.put("refusal", text);
        }),
        Part::Media(media) => list.object(|o| media_part(o, media, losses)),
        Part::Opaque(opaque) => list.raw(&opaque.raw),
        Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
    }
}

fn media_part(o: &mut Object<'_>, media: &Media, losses: &mut Losses) {
    media.extras.lose(HERE, "messages[0].content[0]", losses);
    match (media.kind, &media.source) {
        (_, MediaSource::Text(text)) => {
            o.put("type", "text");
            o.put("text", text);
        }
        (MediaKind::Image, source) => {
            o.put("type", "image_url");
            o.object("image_url", |o| {
                o.put("url", &source.to_url().unwrap_or_default());
                let detail = media.extras.for_dialect(HERE).filter(|(key, _)| *key != shared::MARKER);
                detail.for_each(|(key, json)| o.raw(key, json.as_str()));
            });
            shared::put_marker(&media.extras, o);
        }
        (MediaKind::Audio, MediaSource::Inline { mime, base64 }) => {
            let format = mime.strip_prefix("audio/").unwrap_or(mime);
            let format = if format == "mpeg" { "mp3" } else { format.trim_start_matches("x-") };
            o.put("type", "input_audio");
            o.object("input_audio", |o| {
                o.put("data", base64);
                o.put("format", format);
            });
        }
        (_, source) => {
            o.put("type", "file");
            o.object("file", |o| {
                o.maybe("filename", &media.name);
                match source {
                    MediaSource::File { id, .. } => o.put("file_id", id),
                    other => o.put("file_data", &other.to_url().unwrap_or_default()),
                }
            });
            o.extras(&media.extras, HERE);
        }
    }
}
