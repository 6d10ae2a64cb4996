//! A canonical request as a generateContent request. The model and the streaming are in the path.

use super::encode_part::contents;
use super::quirks::Quirks;
use super::schema::to_openapi;
use crate::dialect::Dialect;
use crate::dialect::codec::Encoded;
use crate::dialect::fields::Fields;
use crate::dialect::write::{self, Object};
use crate::model::{
    ChatRequest, FunctionTool, LossReason, Losses, Message, Part, ReasoningAsk, ReasoningMode,
    ResponseFormat, Role, Tool, ToolChoice,
};

const HERE: Dialect = Dialect::Gemini;

pub(crate) fn encode_request(request: &ChatRequest, quirks: &Quirks) -> Encoded {
    let mut losses = Losses::default();
    request.extras.lose_fields(HERE, &mut losses);
    let body = write::sized(request.weight(), |o| {
        let rest = system(o, request);
        contents(o, request, rest, &mut losses);
        tools(o, request, quirks, &mut losses);
        tool_choice(o, request.tool_choice.as_ref(), &mut losses);
        generation(o, request, quirks, &mut losses);
        if request.user.is_some() {
            losses.add("user", LossReason::Unsupported);
        }
        if request.parallel_tools == Some(false) {
            losses.add("parallel_tool_calls", LossReason::Unsupported);
        }
        for (key, json) in request.extras.for_dialect(HERE).filter(|(key, _)| *key != "generationConfig") {
            o.raw(key, json.as_str());
        }
    });
    Encoded { body, losses: losses.into_vec() }
}

/// Writes the leading system messages; answers the messages after them.
fn system<'a>(o: &mut Object<'_>, request: &'a ChatRequest) -> &'a [Message] {
    let is_system = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let count = request.messages.iter().take_while(is_system).count();
    let (leading, rest) = request.messages.split_at(count);
    let texts: Vec<&str> =
        leading.iter().flat_map(|message| &message.parts).filter_map(Part::as_text).collect();
    if !texts.is_empty() {
        o.object("systemInstruction", |o| {
            o.list("parts", |list| texts.iter().for_each(|text| list.object(|o| o.put("text", text))));
        });
    }
    rest
}

fn tools(o: &mut Object<'_>, request: &ChatRequest, quirks: &Quirks, losses: &mut Losses) {
    let functions: Vec<&FunctionTool> = request.tools.iter().filter_map(Tool::as_function).collect();
    let is_foreign = |tool: &Tool| matches!(tool, Tool::Opaque { origin, .. } if *origin != HERE);
    if request.tools.iter().any(is_foreign) {
        losses.add("tools", LossReason::Foreign);
    }
    let own = request.tools.iter().filter_map(|tool| match tool {
        Tool::Opaque { origin: HERE, raw, .. } => Some(raw),
        Tool::Opaque { .. } | Tool::Function(_) => None,
    });
    let own: Vec<_> = own.collect();
    if functions.is_empty() && own.is_empty() {
        return;
    }
    o.list("tools", |list| {
        if !functions.is_empty() {
            list.object(|o| {
                o.list("functionDeclarations", |list| {
                    for function in functions {
                        function.extras.lose(HERE, "tools[0]", losses);
                        list.object(|o| declaration(o, function, quirks));
                    }
                });
            });
        }
        own.iter().for_each(|raw| list.raw(raw));
    });
}

fn declaration(o: &mut Object<'_>, function: &FunctionTool, quirks: &Quirks) {
    o.put("name", &function.name);
    o.maybe("description", &function.description);
    if function.extras.get(HERE, "parameters").is_none()
        && let Some(schema) = &function.schema
    {
        match quirks.openapi_schema {
            true => o.put("parameters", &to_openapi(schema)),
            false => o.put("parametersJsonSchema", schema),
        }
    }
    o.extras(&function.extras, HERE);
}

fn tool_choice(o: &mut Object<'_>, choice: Option<&ToolChoice>, losses: &mut Losses) {
    let (mode, name) = match choice {
        None => return,
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::None) => ("NONE", None),
        Some(ToolChoice::Required) => ("ANY", None),
        Some(ToolChoice::Named(name)) => ("ANY", Some(name)),
        Some(ToolChoice::Opaque { origin: HERE, raw }) => return o.raw("toolConfig", raw.as_str()),
        Some(ToolChoice::Opaque { .. }) => return losses.add("tool_choice", LossReason::Foreign),
    };
    o.object("toolConfig", |o| {
        o.object("functionCallingConfig", |o| {
            o.put("mode", mode);
            if let Some(name) = name {
                o.put("allowedFunctionNames", &[name]);
            }
        });
    });
}

const SAID: [&str; 22] = [
    "maxOutputTokens",
    "max_output_tokens",
    "stopSequences",
    "stop_sequences",
    "temperature",
    "topP",
    "top_p",
    "topK",
    "top_k",
    "frequencyPenalty",
    "frequency_penalty",
    "presencePenalty",
    "presence_penalty",
    "seed",
    "thinkingConfig",
    "thinking_config",
    "responseJsonSchema",
    "response_json_schema",
    "responseSchema",
    "response_schema",
    "responseMimeType",
    "response_mime_type",
];

fn generation(o: &mut Object<'_>, request: &ChatRequest, quirks: &Quirks, losses: &mut Losses) {
    let sampling = &request.sampling;
    let rest = request.extras.get(HERE, "generationConfig");
    let choices = request.choices.filter(|n| request.origin == Some(HERE) || *n > 1);
    o.object("generationConfig", |o| {
        o.maybe("maxOutputTokens", &request.output_limit.map(|limit| limit.tokens));
        o.maybe("temperature", &sampling.temperature);
        o.maybe("topP", &sampling.top_p);
        o.maybe("topK", &sampling.top_k);
        o.maybe("frequencyPenalty", &sampling.frequency_penalty);
        o.maybe("presencePenalty", &sampling.presence_penalty);
        o.maybe("seed", &sampling.seed);
        if let Some(stop) = &sampling.stop {
            if stop.words.len() > 5 {
                losses.add("stop", LossReason::Adjusted);
            }
            o.put("stopSequences", &stop.words[..stop.words.len().min(5)]);
        }
        if let Some(ask) = &request.reasoning {
            ask.extras.lose(HERE, "reasoning", losses);
            o.object("thinkingConfig", |o| thinking(o, ask, request.origin == Some(HERE)));
        }
        format(o, request.format.as_ref(), quirks);
        if let Some(ask) = request.likelihood {
            o.put("responseLogprobs", &true);
            o.maybe("logprobs", &ask.top);
        }
        o.maybe("candidateCount", &choices);
        if let Some(rest) = rest {
            let kept_mime = request.format.is_none();
            let said: Vec<&str> =
                SAID.into_iter().filter(|key| !(kept_mime && key.starts_with("response"))).collect();
            Fields::copy(rest, &said, o);
        }
    });
}

fn thinking(o: &mut Object<'_>, ask: &ReasoningAsk, home: bool) {
    match (ask.mode, home) {
        (ReasoningMode::Off, _) => o.put("thinkingBudget", &0),
        (ReasoningMode::Auto, true) => {}
        (ReasoningMode::Auto, false) if ask.effort.is_none() && ask.budget.is_none() => {
            o.put("thinkingBudget", &-1)
        }
        (_, true) => {
            o.maybe("thinkingBudget", &ask.budget);
            o.maybe("thinkingLevel", &ask.effort.map(|effort| effort.word().to_ascii_uppercase()));
        }
        (_, false) => o.put("thinkingBudget", &ask.as_budget()),
    }
    match (ask.show, home) {
        (Some(show), _) => o.put("includeThoughts", &show),
        (None, false) if ask.mode != ReasoningMode::Off => o.put("includeThoughts", &true),
        (None, _) => {}
    }
    o.extras(&ask.extras, HERE);
}

fn format(o: &mut Object<'_>, format: Option<&ResponseFormat>, quirks: &Quirks) {
    match format {
        None => {}
        Some(ResponseFormat::Text) => o.put("responseMimeType", "text/plain"),
        Some(ResponseFormat::JsonObject) => o.put("responseMimeType", "application/json"),
        Some(ResponseFormat::JsonSchema(schema)) => {
            o.put("responseMimeType", "application/json");
            match schema.extras.get(HERE, "responseSchema") {
                Some(kept) => o.put("responseSchema", kept),
                None if quirks.openapi_schema => o.put("responseSchema", &to_openapi(&schema.schema)),
                None => o.put("responseJsonSchema", &schema.schema),
            }
        }
    }
}
