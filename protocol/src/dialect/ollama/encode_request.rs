//! A canonical request as an `/api/chat` request.

use crate::dialect::Dialect;
use crate::dialect::codec::Encoded;
use crate::dialect::fields::Fields;
use crate::dialect::openai_chat::function_members;
use crate::dialect::write::{self, List, Object};
use crate::model::{
    ChatRequest, Effort, LossReason, Losses, Media, MediaKind, MediaSource, Message, Part, ReasoningAsk,
    ReasoningMode, ResponseFormat, Role, Tool, ToolCall, ToolChoice, ToolResult,
};
use std::collections::HashMap;
use std::fmt::Arguments;

const HERE: Dialect = Dialect::Ollama;

pub(crate) fn encode_request(request: &ChatRequest) -> Encoded {
    let mut losses = Losses::default();
    request.extras.lose_fields(HERE, &mut losses);
    let body = write::sized(request.weight(), |o| {
        o.put("model", &request.model);
        let names = request.tool_names();
        o.list("messages", |list| {
            for (i, message) in request.messages.iter().enumerate() {
                one(list, message, &names, format_args!("messages[{i}]"), &mut losses);
            }
        });
        tools(o, request, &mut losses);
        // The API streams unless told not to.
        o.put("stream", &request.stream);
        think(o, request.reasoning.as_ref(), &mut losses);
        match &request.format {
            None | Some(ResponseFormat::Text) => {}
            Some(ResponseFormat::JsonObject) => o.put("format", "json"),
            Some(ResponseFormat::JsonSchema(format)) => o.put("format", &format.schema),
        }
        if let Some(ask) = request.likelihood {
            o.put("logprobs", &true);
            o.maybe("top_logprobs", &ask.top);
        }
        options(o, request);
        if request.user.is_some() {
            losses.add("user", LossReason::Unsupported);
        }
        for (key, json) in request.extras.for_dialect(HERE).filter(|(key, _)| *key != "options") {
            o.raw(key, json.as_str());
        }
    });
    Encoded { body, losses: losses.into_vec() }
}

fn one(
    list: &mut List<'_>,
    message: &Message,
    names: &HashMap<&str, &str>,
    path: Arguments<'_>,
    losses: &mut Losses,
) {
    message.extras.lose(HERE, path, losses);
    let mut rest: Vec<&Part> = Vec::new();
    for part in &message.parts {
        match part {
            Part::ToolResult(result) => {
                list.object(|o| tool_result(o, result, names));
                rest.extend(result.parts.iter().filter(|part| matches!(part, Part::Media(_))));
            }
            other => rest.push(other),
        }
    }
    if rest.is_empty() && message.role == Role::Tool || rest.is_empty() && !message.parts.is_empty() {
        return;
    }
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    list.object(|o| {
        o.put("role", role);
        members(o, &rest, path, losses);
        o.extras(&message.extras, HERE);
    });
}

fn members(o: &mut Object<'_>, parts: &[&Part], path: Arguments<'_>, losses: &mut Losses) {
    let mut texts: Vec<&str> = Vec::new();
    let mut images: Vec<&str> = Vec::new();
    let mut calls: Vec<&ToolCall> = Vec::new();
    let mut thinking = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                text.extras.lose(HERE, format_args!("{path}.content[0]"), losses);
                texts.push(&text.text);
            }
            Part::Refusal(text) => texts.push(text),
            Part::Reasoning(found) => {
                thinking.push_str(&found.text);
                if found.continuation.is_some() {
                    losses.add(format!("{path}.content"), LossReason::Foreign);
                }
            }
            Part::ToolCall(call) => calls.push(call),
            Part::Media(media) => match media_form(media) {
                Form::Image(base64) => images.push(base64),
                Form::Text(text) => texts.push(text),
                Form::None => losses.add(format!("{path}.content"), LossReason::Unsupported),
            },
            Part::Opaque(_) => losses.add(format!("{path}.content"), LossReason::Foreign),
            Part::ToolResult(_) => {}
        }
    }
    o.joined("content", "", texts.into_iter());
    if !thinking.is_empty() {
        o.put("thinking", &thinking);
    }
    if !images.is_empty() {
        o.put("images", &images);
    }
    if !calls.is_empty() {
        o.list("tool_calls", |list| {
            for call in calls {
                list.object(|o| {
                    o.object("function", |o| {
                        o.put("name", &call.name);
                        o.arguments("arguments", &call.arguments);
                    });
                });
            }
        });
    }
}

enum Form<'a> {
    Image(&'a str),
    Text(&'a str),
    None,
}

/// Only bytes that are here can be said: the API takes no URLs.
fn media_form(media: &Media) -> Form<'_> {
    match (media.kind, &media.source) {
        (MediaKind::Image, MediaSource::Inline { base64, .. }) => Form::Image(base64),
        (_, MediaSource::Text(text)) => Form::Text(text),
        _ => Form::None,
    }
}

fn tool_result(o: &mut Object<'_>, result: &ToolResult, names: &HashMap<&str, &str>) {
    let error = if result.is_error == Some(true) { "Error: " } else { "" };
    o.put("role", "tool");
    o.joined("content", error, result.texts());
    let name = result.name.as_deref().or_else(|| names.get(result.call_id.as_str()).copied());
    o.maybe("tool_name", &name);
}

fn tools(o: &mut Object<'_>, request: &ChatRequest, losses: &mut Losses) {
    let functions: Vec<_> = request.tools.iter().filter_map(Tool::as_function).collect();
    if functions.len() < request.tools.len() {
        losses.add("tools", LossReason::Foreign);
    }
    match request.tool_choice {
        // The nearest thing to "none" is not to show the tools.
        Some(ToolChoice::None) => return,
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Opaque { .. }) => {
            losses.add("tool_choice", LossReason::Unsupported);
        }
        Some(ToolChoice::Auto) | None => {}
    }
    if functions.is_empty() {
        return;
    }
    if request.parallel_tools == Some(false) {
        losses.add("parallel_tool_calls", LossReason::Unsupported);
    }
    o.list("tools", |list| {
        for function in functions {
            list.object(|o| {
                o.put("type", "function");
                o.object("function", |o| function_members(o, function, Dialect::OpenAiChat));
            });
        }
    });
}

fn think(o: &mut Object<'_>, ask: Option<&ReasoningAsk>, losses: &mut Losses) {
    let Some(ask) = ask else { return };
    ask.extras.lose(HERE, "reasoning", losses);
    match (ask.mode, ask.effort) {
        (ReasoningMode::Off, _) => o.put("think", &false),
        (_, Some(effort)) => o.put("think", effort.clamp(Effort::Low, Effort::High).word()),
        (_, None) => o.put("think", &true),
    }
}

fn options(o: &mut Object<'_>, request: &ChatRequest) {
    let sampling = &request.sampling;
    let rest = request.extras.get(HERE, "options");
    let said = [&sampling.temperature, &sampling.top_p, &sampling.top_k, &sampling.seed];
    let penalties = [&sampling.frequency_penalty, &sampling.presence_penalty];
    let any = said.iter().chain(&penalties).any(|number| number.is_some());
    if !any && sampling.stop.is_none() && request.output_limit.is_none() && rest.is_none() {
        return;
    }
    o.object("options", |o| {
        o.maybe("num_predict", &request.output_limit.map(|limit| limit.tokens));
        o.maybe("temperature", &sampling.temperature);
        o.maybe("top_p", &sampling.top_p);
        o.maybe("top_k", &sampling.top_k);
        o.maybe("frequency_penalty", &sampling.frequency_penalty);
        o.maybe("presence_penalty", &sampling.presence_penalty);
        o.maybe("seed", &sampling.seed);
        o.maybe("stop", &sampling.stop.as_ref().map(|stop| &stop.words));
        let said = [
            "num_predict",
            "temperature",
            "top_p",
            "top_k",
            "frequency_penalty",
            "presence_penalty",
            "seed",
            "stop",
        ];
        if let Some(rest) = rest {
            Fields::copy(rest, &said, o);
        }
    });
}
