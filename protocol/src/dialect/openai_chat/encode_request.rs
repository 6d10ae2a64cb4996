//! A canonical request as a chat completions request.

use super::encode_message::{Context, is_text, messages};
use super::quirks::{LimitField, Prefill, Quirks, Thinking, ToolChoices};
use crate::dialect::Dialect;
use crate::dialect::codec::Encoded;
use crate::dialect::shared;
use crate::dialect::write::{self, Object, Say};
use crate::model::{
    ChatRequest, Effort, FunctionTool, LimitWord, LossReason, Losses, ReasoningAsk, ReasoningMode,
    ResponseFormat, SchemaFormat, Shape, Tool, ToolChoice,
};

const HERE: Dialect = Dialect::OpenAiChat;

pub(crate) fn encode_request(request: &ChatRequest, quirks: &Quirks) -> Encoded {
    let mut losses = Losses::default();
    shared::lose(request, HERE, &[], &mut losses);
    let body = write::sized(request.weight(), |o| {
        let mut o = Filtered { o, drop: &quirks.drop, losses: &mut losses };
        o.put("model", &request.model);
        messages(o.o, &Context { request, quirks }, o.losses);
        if request.stream {
            o.put("stream", &true);
            if quirks.stream_options != Some(false) {
                o.object("stream_options", |o| o.put("include_usage", &true));
            }
        }
        let said = request.extras.get(HERE, "continue_final_message").is_some();
        if quirks.prefill == Prefill::Continue && !said && request.messages.last().is_some_and(is_text) {
            o.put("continue_final_message", &true);
            o.put("add_generation_prompt", &false);
        }
        limit(&mut o, request, quirks);
        sampling(&mut o, request, quirks);
        if let Some(ask) = &request.reasoning {
            reasoning(&mut o, ask, quirks.thinking);
        }
        format(&mut o, request.format.as_ref());
        if let Some(ask) = request.likelihood {
            o.put("logprobs", &true);
            o.maybe("top_logprobs", &ask.top);
        }
        o.maybe("n", &request.choices.filter(|n| request.origin == Some(HERE) || *n > 1));
        tools(&mut o, request, quirks);
        user(&mut o, request);
        for (key, json) in request.extras.for_dialect(HERE).chain(shared::fields(request, HERE)) {
            o.raw(key, json.as_str());
        }
    });
    Encoded { body, losses: losses.into_vec() }
}

/// An object that leaves out what the vendor refuses.
struct Filtered<'a, 'o> {
    o: &'a mut Object<'o>,
    drop: &'a [String],
    losses: &'a mut Losses,
}

impl Filtered<'_, '_> {
    fn keeps(&mut self, key: &str) -> bool {
        let keeps = !self.drop.iter().any(|dropped| dropped == key);
        if !keeps {
            self.losses.add(key, LossReason::Incapable);
        }
        keeps
    }

    fn put<T: Say + ?Sized>(&mut self, key: &str, what: &T) {
        if self.keeps(key) {
            self.o.put(key, what);
        }
    }

    fn maybe<T: Say>(&mut self, key: &str, what: &Option<T>) {
        if let Some(what) = what {
            self.put(key, what);
        }
    }

    fn raw(&mut self, key: &str, json: &str) {
        if self.keeps(key) {
            self.o.raw(key, json);
        }
    }

    fn object(&mut self, key: &str, each: impl FnOnce(&mut Object<'_>)) {
        if self.keeps(key) {
            self.o.object(key, each);
        }
    }
}

fn limit(o: &mut Filtered<'_, '_>, request: &ChatRequest, quirks: &Quirks) {
    let Some(limit) = request.output_limit else { return };
    let key = match (quirks.max_tokens, limit.word) {
        (Some(LimitField::MaxTokens), _) | (None, LimitWord::MaxTokens) => "max_tokens",
        (Some(LimitField::MaxCompletionTokens), _) | (None, LimitWord::MaxCompletionTokens) => {
            "max_completion_tokens"
        }
    };
    o.put(key, &limit.tokens);
}

fn sampling(o: &mut Filtered<'_, '_>, request: &ChatRequest, quirks: &Quirks) {
    let sampling = &request.sampling;
    match (sampling.temperature.as_ref().and_then(serde_json::Number::as_f64), quirks.temperature_max) {
        (Some(asked), Some(most)) if asked > most => {
            o.put("temperature", &most);
            o.losses.add("temperature", LossReason::Adjusted);
        }
        _ => o.maybe("temperature", &sampling.temperature),
    }
    o.maybe("top_p", &sampling.top_p);
    match &sampling.top_k {
        // Not the API's own: its maker refuses it, vendors that know it say so by being asked in this dialect.
        Some(_) if request.origin != Some(HERE) => o.losses.add("top_k", LossReason::Unsupported),
        top_k => o.maybe("top_k", top_k),
    }
    o.maybe("frequency_penalty", &sampling.frequency_penalty);
    o.maybe("presence_penalty", &sampling.presence_penalty);
    o.maybe("seed", &sampling.seed);
    let Some(stop) = &sampling.stop else { return };
    match (stop.shape, stop.words.as_slice()) {
        (Shape::Text, [word]) => o.put("stop", word),
        (_, words) => o.put("stop", words),
    }
}

fn reasoning(o: &mut Filtered<'_, '_>, ask: &ReasoningAsk, thinking: Thinking) {
    ask.extras.lose(HERE, "reasoning", o.losses);
    let off = ask.mode == ReasoningMode::Off;
    match thinking {
        // Turning reasoning off has no word that every model takes; not asking is the nearest.
        Thinking::Effort if off && ask.effort.is_none() => o.losses.add("reasoning", LossReason::Adjusted),
        Thinking::Effort => o.put("reasoning_effort", ask.as_effort().word()),
        Thinking::Type => o.object("thinking", |o| o.put("type", if off { "disabled" } else { "enabled" })),
        Thinking::Enable => {
            o.put("enable_thinking", &!off);
            if let (false, Some(budget)) = (off, ask.budget) {
                o.put("thinking_budget", &budget);
            }
        }
        Thinking::Object => o.object("reasoning", |o| match (off, ask.budget) {
            (true, _) => o.put("enabled", &false),
            (false, Some(budget)) if ask.effort.is_none() => o.put("max_tokens", &budget),
            (false, _) => o.put("effort", ask.as_effort().min(Effort::High).word()),
        }),
    }
}

fn format(o: &mut Filtered<'_, '_>, format: Option<&ResponseFormat>) {
    match format {
        None => {}
        Some(ResponseFormat::Text) => o.object("response_format", |o| o.put("type", "text")),
        Some(ResponseFormat::JsonObject) => o.object("response_format", |o| o.put("type", "json_object")),
        Some(ResponseFormat::JsonSchema(schema)) => o.object("response_format", |o| {
            o.put("type", "json_schema");
            o.object("json_schema", |o| schema_format(o, schema, HERE));
        }),
    }
}

/// The members of a schema format; the API needs a name.
pub(crate) fn schema_format(o: &mut Object<'_>, format: &SchemaFormat, dialect: Dialect) {
    o.put("name", format.name.as_deref().unwrap_or("answer"));
    o.maybe("description", &format.description);
    o.put("schema", &format.schema);
    o.maybe("strict", &format.strict);
    o.extras(&format.extras, dialect);
}

fn tools(o: &mut Filtered<'_, '_>, request: &ChatRequest, quirks: &Quirks) {
    let foreign = |tool: &&Tool| matches!(tool, Tool::Opaque { origin, .. } if *origin != HERE);
    if request.tools.iter().any(|tool| foreign(&tool)) {
        o.losses.add("tools", LossReason::Foreign);
    }
    let known: Vec<&Tool> = request.tools.iter().filter(|tool| !foreign(tool)).collect();
    let hidden = quirks.tool_choice == ToolChoices::Auto && request.tool_choice == Some(ToolChoice::None);
    if known.is_empty() || hidden {
        return;
    }
    let losses = &mut *o.losses;
    o.o.list("tools", |list| {
        for tool in known {
            match tool {
                Tool::Function(function) => {
                    function.extras.lose(HERE, "tools[0]", losses);
                    list.object(|o| {
                        o.put("type", "function");
                        o.object("function", |o| function_members(o, function, HERE));
                        shared::put_marker(&function.extras, o);
                    });
                }
                Tool::Opaque { raw, .. } => list.raw(raw),
            }
        }
    });
    if let Some(choice) = &request.tool_choice {
        tool_choice(o, choice, quirks.tool_choice);
    }
    o.maybe("parallel_tool_calls", &request.parallel_tools);
}

/// The members of a function; vendors exist that refuse one without `parameters`.
pub(crate) fn function_members(o: &mut Object<'_>, function: &FunctionTool, dialect: Dialect) {
    o.put("name", &function.name);
    o.maybe("description", &function.description);
    o.maybe("parameters", &function.schema);
    o.maybe("strict", &function.strict);
    // Its cache marker stands beside the function.
    let own = function.extras.for_dialect(dialect).filter(|(key, _)| *key != shared::MARKER);
    own.for_each(|(key, json)| o.raw(key, json.as_str()));
}

fn tool_choice(o: &mut Filtered<'_, '_>, choice: &ToolChoice, known: ToolChoices) {
    match (choice, known) {
        (ToolChoice::Auto, _) => o.put("tool_choice", "auto"),
        (ToolChoice::None | ToolChoice::Required | ToolChoice::Named(_), ToolChoices::Auto) => {
            o.losses.add("tool_choice", LossReason::Incapable);
        }
        (ToolChoice::Named(_), ToolChoices::Any) => {
            o.losses.add("tool_choice", LossReason::Adjusted);
            o.put("tool_choice", "required");
        }
        (ToolChoice::None, _) => o.put("tool_choice", "none"),
        (ToolChoice::Required, _) => o.put("tool_choice", "required"),
        (ToolChoice::Named(name), ToolChoices::All) => o.object("tool_choice", |o| {
            o.put("type", "function");
            o.object("function", |o| o.put("name", name));
        }),
        (ToolChoice::Opaque { origin: HERE, raw }, ToolChoices::All) => o.raw("tool_choice", raw.as_str()),
        (ToolChoice::Opaque { .. }, _) => o.losses.add("tool_choice", LossReason::Foreign),
    }
}

/// The API takes at most 64 characters; longer ones (an agent's JSON) are not names of users.
fn user(o: &mut Filtered<'_, '_>, request: &ChatRequest) {
    match &request.user {
        Some(user) if user.len() <= 64 => o.put("user", user),
        Some(_) => o.losses.add("user", LossReason::Unsupported),
        None => {}
    }
}
