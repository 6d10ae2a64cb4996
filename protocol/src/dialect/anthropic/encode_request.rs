//! A canonical request as a Messages request.

use super::encode_block::{Turn, blocks, turns};
use super::quirks::{Quirks, Thinking};
use crate::dialect::Dialect;
use crate::dialect::codec::Encoded;
use crate::dialect::fields::Fields;
use crate::dialect::shared;
use crate::dialect::write::{self, Object};
use crate::model::{
    ChatRequest, Effort, FunctionTool, LossReason, Losses, Message, Part, RawJson, ReasoningAsk,
    ReasoningMode, ResponseFormat, Role, Shape, Tool, ToolChoice, joined_text,
};

const HERE: Dialect = Dialect::Anthropic;
/// The API's least thinking budget.
const LEAST_BUDGET: u64 = 1024;

pub(crate) fn encode_request(request: &ChatRequest, quirks: &Quirks) -> Encoded {
    let mut losses = Losses::default();
    request.extras.lose_fields(HERE, &mut losses);
    if request.likelihood.is_some() {
        losses.add("logprobs", LossReason::Unsupported);
    }
    let plan = Plan::new(request, quirks, &mut losses);
    let body = write::sized(request.weight(), |o| {
        o.put("model", &request.model);
        o.put("max_tokens", &plan.max_tokens);
        let rest = system(o, request, &mut losses);
        messages(o, request, rest, &mut losses);
        if request.stream {
            o.put("stream", &true);
        }
        sampling(o, request, &plan, &mut losses);
        tools(o, request, &mut losses);
        plan.write(o, request, &mut losses);
        let kept = |key| request.extras.get(HERE, key);
        if let (Some(user), None) = (&request.user, kept("metadata")) {
            o.object("metadata", |o| o.put("user_id", user));
        }
        for (key, json) in request.extras.for_dialect(HERE).filter(|(key, _)| *key != "output_config") {
            o.raw(key, json.as_str());
        }
    });
    Encoded { body, losses: losses.into_vec() }
}

/// The output limit and the thinking, which constrain each other.
struct Plan<'a> {
    max_tokens: u64,
    thinking: Option<Say>,
    effort: Option<Effort>,
    ask: Option<&'a ReasoningAsk>,
    quirks: &'a Quirks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Say {
    Disabled,
    Adaptive,
    Enabled(u64),
}

impl<'a> Plan<'a> {
    fn new(request: &'a ChatRequest, quirks: &'a Quirks, losses: &mut Losses) -> Self {
        let ask = request.reasoning.as_ref();
        let home = request.origin == Some(HERE);
        let mut thinking = ask.and_then(|ask| say(ask, quirks, home));
        let on = !matches!(thinking, None | Some(Say::Disabled));
        if on && !home && lacks_signed_thinking(&request.messages) {
            // In a tool loop the API insists on its own signed thinking, which this history does not have.
            losses.add("reasoning", LossReason::Adjusted);
            thinking = None;
        }
        let budget = if let Some(Say::Enabled(budget)) = thinking { budget } else { 0 };
        let max_tokens = request.output_limit.map(|limit| limit.tokens).unwrap_or_else(|| {
            losses.add("max_tokens", LossReason::Invented);
            quirks.default_max_tokens.max(1) + budget
        });
        if !home && budget >= max_tokens {
            losses.add("reasoning", LossReason::Adjusted);
            thinking = (max_tokens > LEAST_BUDGET).then(|| Say::Enabled((max_tokens / 2).max(LEAST_BUDGET)));
        }
        let effort =
            ask.filter(|ask| home || thinking == Some(Say::Adaptive) && ask.mode != ReasoningMode::Off);
        let effort = effort.and_then(|ask| ask.effort).filter(|effort| *effort != Effort::None);
        Self { max_tokens, thinking, effort, ask, quirks }
    }

    fn thinks(&self) -> bool {
        !matches!(self.thinking, None | Some(Say::Disabled))
    }

    fn write(&self, o: &mut Object<'_>, request: &ChatRequest, losses: &mut Losses) {
        if let Some(ask) = self.ask {
            ask.extras.lose(HERE, "reasoning", losses);
        }
        if let Some(say) = self.thinking {
            o.object("thinking", |o| {
                match say {
                    Say::Disabled => o.put("type", "disabled"),
                    Say::Adaptive => o.put("type", "adaptive"),
                    Say::Enabled(budget) => {
                        o.put("type", "enabled");
                        o.put("budget_tokens", &budget);
                    }
                }
                if let Some(ask) = self.ask {
                    o.extras(&ask.extras, HERE);
                }
            });
        }
        let format = match &request.format {
            Some(ResponseFormat::JsonSchema(schema)) if self.quirks.structured_output => Some(schema),
            Some(ResponseFormat::JsonSchema(_) | ResponseFormat::JsonObject) => {
                losses.add("response_format", LossReason::Unsupported);
                None
            }
            Some(ResponseFormat::Text) | None => None,
        };
        let kept = request.extras.get(HERE, "output_config");
        if self.effort.is_none() && format.is_none() && kept.is_none() {
            return;
        }
        o.object("output_config", |o| {
            o.maybe("effort", &self.effort.map(Effort::word));
            if let Some(format) = format {
                o.object("format", |o| {
                    o.put("type", "json_schema");
                    o.put("schema", &format.schema);
                    o.extras(&format.extras, HERE);
                });
            }
            if let Some(kept) = kept {
                let said = [("effort", self.effort.is_some()), ("format", format.is_some())];
                let said: Vec<&str> = said.iter().filter(|(_, said)| *said).map(|(key, _)| *key).collect();
                Fields::copy(kept, &said, o);
            }
        });
    }
}

fn say(ask: &ReasoningAsk, quirks: &Quirks, home: bool) -> Option<Say> {
    match (ask.mode, ask.budget) {
        (ReasoningMode::Off, _) => return Some(Say::Disabled),
        (ReasoningMode::Unsaid, _) if home => return None,
        (ReasoningMode::Auto, _) if home => return Some(Say::Adaptive),
        (ReasoningMode::On, Some(budget)) if home => return Some(Say::Enabled(budget)),
        (ReasoningMode::On | ReasoningMode::Auto | ReasoningMode::Unsaid, _) => {}
    }
    Some(match quirks.thinking {
        Thinking::Adaptive => Say::Adaptive,
        Thinking::Budget => Say::Enabled(ask.as_budget().max(LEAST_BUDGET)),
    })
}

/// True if the turn being answered is a tool loop whose assistant turn has no thinking signed by this API.
fn lacks_signed_thinking(messages: &[Message]) -> bool {
    let Some(last) = messages.last() else { return false };
    let in_loop = last.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
    let asked = messages.iter().rev().find(|message| message.role == Role::Assistant);
    let signed = |part: &Part| matches!(part, Part::Reasoning(r) if r.continuation.as_ref().is_some_and(|c| c.origin == HERE));
    in_loop && asked.is_some_and(|message| !message.parts.iter().any(signed))
}

/// Writes the leading system messages as `system`; answers the messages after them.
fn system<'a>(o: &mut Object<'_>, request: &'a ChatRequest, losses: &mut Losses) -> &'a [Message] {
    let is_system = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let count = request.messages.iter().take_while(is_system).count();
    let (leading, rest) = request.messages.split_at(count);
    match leading {
        [] => {}
        [one] if one.shape == Shape::List && request.origin == Some(HERE) => {
            o.list("system", |list| blocks(list, &one.parts.iter().collect::<Vec<_>>(), "system", losses));
        }
        many => {
            for (i, message) in many.iter().enumerate() {
                message.extras.lose(HERE, format_args!("messages[{i}]"), losses);
            }
            let texts: Vec<String> =
                many.iter().map(|m| joined_text(&m.parts)).filter(|t| !t.is_empty()).collect();
            if !texts.is_empty() {
                o.put("system", &texts.join("\n\n"));
            }
        }
    }
    rest
}

fn messages(o: &mut Object<'_>, request: &ChatRequest, rest: &[Message], losses: &mut Losses) {
    let turns = turns(rest, request, losses);
    o.list("messages", |list| {
        if request.origin != Some(HERE) && turns.first().is_none_or(|turn| turn.role == "assistant") {
            losses.add("messages", LossReason::Invented);
            list.object(|o| {
                o.put("role", "user");
                o.put("content", "Continue.");
            });
        }
        for turn in &turns {
            list.object(|o| write_turn(o, turn, losses));
        }
    });
}

fn write_turn(o: &mut Object<'_>, turn: &Turn<'_>, losses: &mut Losses) {
    o.put("role", turn.role);
    match turn.parts.as_slice() {
        [Part::Text(text)] if turn.shape == Shape::Text => o.put("content", &text.text),
        parts => o.list("content", |list| blocks(list, parts, "messages[0].content[0]", losses)),
    }
    o.extras(turn.extras, HERE);
}

fn sampling(o: &mut Object<'_>, request: &ChatRequest, plan: &Plan<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    if request.origin == Some(HERE) {
        o.maybe("temperature", &sampling.temperature);
        o.maybe("top_p", &sampling.top_p);
        o.maybe("top_k", &sampling.top_k);
    } else {
        foreign_sampling(o, request, plan, losses);
    }
    if let Some(stop) = &sampling.stop {
        let words: Vec<&String> = stop.words.iter().filter(|word| !word.trim().is_empty()).collect();
        if !words.is_empty() {
            o.put("stop_sequences", &words);
        }
    }
    let lost = [
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
    ];
    lost.iter().filter(|(_, said)| *said).for_each(|(field, _)| losses.add(*field, LossReason::Unsupported));
}

/// Temperature ends at 1 here, may not be said with thinking, and newer models take only one of it and `top_p`.
fn foreign_sampling(o: &mut Object<'_>, request: &ChatRequest, plan: &Plan<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    if plan.thinks() {
        let said =
            [("temperature", &sampling.temperature), ("top_p", &sampling.top_p), ("top_k", &sampling.top_k)];
        said.iter()
            .filter(|(_, v)| v.is_some())
            .for_each(|(field, _)| losses.add(*field, LossReason::Incapable));
        return;
    }
    match (&sampling.temperature, sampling.temperature.as_ref().and_then(serde_json::Number::as_f64)) {
        (Some(_), Some(warm)) if warm > 1.0 => {
            losses.add("temperature", LossReason::Adjusted);
            o.put("temperature", &1);
        }
        (temperature, _) => o.maybe("temperature", temperature),
    }
    match sampling.temperature {
        Some(_) if sampling.top_p.is_some() => losses.add("top_p", LossReason::Incapable),
        _ => o.maybe("top_p", &sampling.top_p),
    }
    o.maybe("top_k", &sampling.top_k);
}

fn tools(o: &mut Object<'_>, request: &ChatRequest, losses: &mut Losses) {
    let foreign = |tool: &&Tool| matches!(tool, Tool::Opaque { origin, .. } if *origin != HERE);
    if request.tools.iter().any(|tool| foreign(&tool)) {
        losses.add("tools", LossReason::Foreign);
    }
    let known: Vec<&Tool> = request.tools.iter().filter(|tool| !foreign(tool)).collect();
    if !known.is_empty() {
        o.list("tools", |list| {
            for tool in &known {
                match tool {
                    Tool::Function(function) => {
                        list.object(|o| function_tool(o, function, request.origin, losses))
                    }
                    Tool::Opaque { raw, .. } => list.raw(raw),
                }
            }
        });
    }
    if !known.is_empty() || request.origin == Some(HERE) {
        tool_choice(o, request, losses);
    }
}

fn function_tool(o: &mut Object<'_>, function: &FunctionTool, origin: Option<Dialect>, losses: &mut Losses) {
    shared::lose_but_marker(&function.extras, "tools[0]", losses);
    o.put("name", &function.name);
    o.maybe("description", &function.description);
    match &function.schema {
        Some(schema) if schema.is_object() && !schema.as_str().trim_matches(['{', '}', ' ']).is_empty() => {
            o.put("input_schema", schema);
        }
        _ => o.object("input_schema", |o| {
            o.put("type", "object");
            o.object("properties", |_| {});
        }),
    }
    match function.strict {
        // Known to newer models only, and then with rules for schemas of its own.
        Some(true) if origin != Some(HERE) => losses.add("tools[0].strict", LossReason::Unsupported),
        strict if origin == Some(HERE) => o.maybe("strict", &strict),
        _ => {}
    }
    shared::put_marker(&function.extras, o);
    o.extras(&function.extras, HERE);
}

fn tool_choice(o: &mut Object<'_>, request: &ChatRequest, losses: &mut Losses) {
    let parallel = request.parallel_tools.filter(|parallel| request.origin == Some(HERE) || !parallel);
    let (kind, name): (&str, Option<&String>) = match &request.tool_choice {
        None if parallel.is_none() => return,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name)),
        Some(ToolChoice::Opaque { origin: HERE, raw }) => return o.raw("tool_choice", RawJson::as_str(raw)),
        Some(ToolChoice::Opaque { .. }) => return losses.add("tool_choice", LossReason::Foreign),
    };
    o.object("tool_choice", |o| {
        o.put("type", kind);
        o.maybe("name", &name);
        if let (Some(parallel), false) = (parallel, kind == "none") {
            o.put("disable_parallel_tool_use", &!parallel);
        }
    });
}
