//! A canonical request as a Responses request: stateless, because nothing of ours keeps conversations.

use super::decode_request::{CUSTOM, JOINT, LOGPROBS, NAMESPACE};
use super::encode_item::items;
use crate::dialect::Dialect;
use crate::dialect::codec::Encoded;
use crate::dialect::fields::Fields;
use crate::dialect::openai_chat::{function_members, write_schema_format};
use crate::dialect::shared;
use crate::dialect::write::{self, List, Object};
use crate::model::{
    ChatRequest, FunctionTool, LossReason, Losses, Message, Part, RawJson, ReasoningAsk, ReasoningMode,
    ResponseFormat, Role, Shape, Tool, ToolChoice,
};

const HERE: Dialect = Dialect::OpenAiResponses;

pub(crate) fn encode_request(request: &ChatRequest) -> Encoded {
    let mut losses = Losses::default();
    shared::lose(request, HERE, &["verbosity"], &mut losses);
    let home = request.origin == Some(HERE);
    let body = write::sized(request.weight(), |o| {
        o.put("model", &request.model);
        let rest = instructions(o, &request.messages);
        match rest {
            [Message { role: Role::User, shape: Shape::Text, parts, .. }] if home => match parts.as_slice() {
                [Part::Text(text)] => o.put("input", &text.text),
                _ => items(o, rest, request, &mut losses),
            },
            rest => items(o, rest, request, &mut losses),
        }
        if request.stream {
            o.put("stream", &true);
        }
        o.maybe("max_output_tokens", &request.output_limit.map(|limit| limit.tokens));
        o.maybe("temperature", &request.sampling.temperature);
        o.maybe("top_p", &request.sampling.top_p);
        lose_sampling(request, &mut losses);
        if let Some(ask) = request.likelihood {
            o.maybe("top_logprobs", &ask.top);
            if !home {
                o.put("include", &[LOGPROBS]);
            }
        }
        if let Some(ask) = &request.reasoning {
            reasoning(o, ask, home, &mut losses);
        }
        text(o, request);
        tools(o, request, &mut losses);
        match &request.user {
            Some(user) if user.len() <= 64 => o.put("user", user),
            Some(_) => losses.add("user", LossReason::Unsupported),
            None => {}
        }
        if !home {
            o.put("store", &false);
        }
        let own = request.extras.for_dialect(HERE).filter(|(key, _)| *key != "text");
        for (key, json) in own.chain(shared::fields(request, HERE)) {
            o.raw(key, json.as_str());
        }
    });
    Encoded { body, losses: losses.into_vec() }
}

/// The first system message is `instructions`; answers the messages after it.
fn instructions<'a>(o: &mut Object<'_>, messages: &'a [Message]) -> &'a [Message] {
    match messages {
        [first, rest @ ..] if first.role == Role::System && first.extras.is_empty() => {
            o.put("instructions", &first.text());
            rest
        }
        all => all,
    }
}

fn lose_sampling(request: &ChatRequest, losses: &mut Losses) {
    let sampling = &request.sampling;
    let lost = [
        ("stop", sampling.stop.is_some()),
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
    ];
    lost.iter().filter(|(_, said)| *said).for_each(|(field, _)| losses.add(*field, LossReason::Unsupported));
}

fn reasoning(o: &mut Object<'_>, ask: &ReasoningAsk, home: bool, losses: &mut Losses) {
    ask.extras.lose(HERE, "reasoning", losses);
    if ask.mode == ReasoningMode::Off && ask.effort.is_none() {
        return losses.add("reasoning", LossReason::Adjusted);
    }
    o.object("reasoning", |o| {
        match (home, ask.mode) {
            (true, _) | (false, ReasoningMode::Auto) => {
                o.maybe("effort", &ask.effort.map(|effort| effort.word()))
            }
            (false, _) => o.put("effort", ask.as_effort().word()),
        }
        if !home && ask.mode != ReasoningMode::Off && ask.show != Some(false) {
            o.put("summary", "auto");
        }
        o.extras(&ask.extras, HERE);
    });
}

fn text(o: &mut Object<'_>, request: &ChatRequest) {
    let rest = request.extras.get(HERE, "text");
    let verbosity = request.extras.get(Dialect::OpenAiChat, "verbosity");
    if request.format.is_none() && rest.is_none() && verbosity.is_none() {
        return;
    }
    o.object("text", |o| {
        match &request.format {
            None => {}
            Some(ResponseFormat::Text) => o.object("format", |o| o.put("type", "text")),
            Some(ResponseFormat::JsonObject) => o.object("format", |o| o.put("type", "json_object")),
            Some(ResponseFormat::JsonSchema(schema)) => o.object("format", |o| {
                o.put("type", "json_schema");
                write_schema_format(o, schema, HERE);
            }),
        }
        if let Some(verbosity) = verbosity {
            o.put("verbosity", verbosity);
        }
        if let Some(rest) = rest {
            let said: &[&str] = if request.format.is_some() { &["format"] } else { &[] };
            Fields::copy(rest, said, o);
        }
    });
}

fn tools(o: &mut Object<'_>, request: &ChatRequest, losses: &mut Losses) {
    let is_known = |tool: &&Tool| !matches!(tool, Tool::Opaque { origin, .. } if *origin != HERE);
    let known: Vec<&Tool> = request.tools.iter().filter(is_known).collect();
    if known.len() < request.tools.len() {
        losses.add("tools", LossReason::Foreign);
    }
    if known.is_empty() {
        return;
    }
    o.list("tools", |list| {
        let mut rest = known.as_slice();
        while let [first, others @ ..] = rest {
            let group = first.as_function().and_then(namespace_of);
            match (first, group) {
                (Tool::Function(_), Some(group)) => {
                    let same =
                        |tool: &&&Tool| tool.as_function().and_then(namespace_of).as_ref() == Some(&group);
                    let count = rest.iter().take_while(same).count();
                    namespace(list, &group, &rest[..count]);
                    rest = &rest[count..];
                    continue;
                }
                (Tool::Function(tool), None) if is_custom(tool) => {
                    tool.extras.get(HERE, CUSTOM).into_iter().for_each(|raw| list.raw(raw));
                }
                (Tool::Function(tool), None) => {
                    tool.extras.lose(HERE, "tools[0]", losses);
                    list.object(|o| function(o, tool));
                }
                (Tool::Opaque { raw, .. }, _) => list.raw(raw),
            }
            rest = others;
        }
    });
    tool_choice(o, request.tool_choice.as_ref(), losses);
    o.maybe("parallel_tool_calls", &request.parallel_tools);
}

pub(crate) fn namespace_of(tool: &FunctionTool) -> Option<String> {
    tool.extras.get(HERE, NAMESPACE).and_then(RawJson::read)
}

fn namespace(list: &mut List<'_>, group: &str, tools: &[&Tool]) {
    list.object(|o| {
        o.put("type", NAMESPACE);
        o.put("name", group);
        o.list("tools", |list| {
            for tool in tools.iter().filter_map(|tool| tool.as_function()) {
                let prefix = format!("{group}{JOINT}");
                let name = tool.name.strip_prefix(&prefix).unwrap_or(&tool.name).to_owned();
                let plain = FunctionTool { name, extras: Default::default(), ..tool.clone() };
                list.object(|o| function(o, &plain));
            }
        });
    });
}

fn function(o: &mut Object<'_>, tool: &FunctionTool) {
    o.put("type", "function");
    function_members(o, tool, HERE);
    if tool.schema.is_none() {
        o.object("parameters", |o| {
            o.put("type", "object");
            o.object("properties", |_| {});
        });
    }
    // The API is strict unless told not to be, and then refuses most schemas of others.
    if tool.strict.is_none() {
        o.put("strict", &false);
    }
}

fn tool_choice(o: &mut Object<'_>, choice: Option<&ToolChoice>, losses: &mut Losses) {
    match choice {
        None => {}
        Some(ToolChoice::Auto) => o.put("tool_choice", "auto"),
        Some(ToolChoice::None) => o.put("tool_choice", "none"),
        Some(ToolChoice::Required) => o.put("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => o.object("tool_choice", |o| {
            o.put("type", "function");
            o.put("name", name);
        }),
        Some(ToolChoice::Opaque { origin: HERE, raw }) => o.raw("tool_choice", raw.as_str()),
        Some(ToolChoice::Opaque { .. }) => losses.add("tool_choice", LossReason::Foreign),
    }
}

/// The tool takes a text in this dialect.
pub(crate) fn is_custom(tool: &FunctionTool) -> bool {
    tool.extras.get(HERE, CUSTOM).is_some()
}

/// The flat name of a tool in its two halves.
pub(crate) fn split_namespace(tool: &FunctionTool, flat: &str) -> Option<(String, String)> {
    let group = namespace_of(tool)?;
    let name = flat.strip_prefix(&format!("{group}{JOINT}"))?.to_owned();
    Some((group, name))
}
