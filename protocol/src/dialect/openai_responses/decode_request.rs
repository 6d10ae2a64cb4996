//! A Responses request to the canonical one. Every item becomes a message of its own; encoders join turns.

use super::decode_item::{item, typed};
use crate::dialect::Dialect;
use crate::dialect::codec::{DecodeError, RequestHead};
use crate::dialect::fields::{Fields, Item};
use crate::dialect::openai_chat::{choice_word, function, schema_format};
use crate::dialect::text::Text;
use crate::model::{
    ChatRequest, Effort, Extras, FunctionTool, LikelihoodAsk, LimitWord, Message, OutputLimit, Part, RawJson,
    ReasoningAsk, ReasoningMode, ResponseFormat, Role, Sampling, Shape, Tool, ToolChoice,
};

const HERE: Dialect = Dialect::OpenAiResponses;
/// Between a namespace and its tool's name in the flat name that other dialects see.
pub(super) const JOINT: &str = "__";
/// Where a flattened tool keeps its namespace among its extras.
pub(super) const NAMESPACE: &str = "namespace";
/// Where a tool that takes a text, a call of it or its result keeps its own form among its extras.
pub(super) const CUSTOM: &str = "custom";
/// What a client includes that wants to know how likely the tokens were.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";
/// The one argument that such a tool has in other dialects.
pub(super) const INPUT: &str = "input";

pub(crate) fn decode_request(body: &[u8], head: &RequestHead<'_>) -> Result<ChatRequest, DecodeError> {
    let text = Text::read(body)?;
    let mut fields = Fields::body(&text)?;
    fields.raw("model");
    fields.raw("stream");
    let messages = messages(&mut fields)?;
    let (format, reasoning) = (text_format(&mut fields)?, reasoning(&mut fields)?);
    let limit: Option<u64> = fields.take("max_output_tokens")?;
    let request = ChatRequest {
        origin: Some(HERE),
        model: head.model.to_owned(),
        messages,
        tools: tools(&mut fields)?,
        tool_choice: tool_choice(&mut fields)?,
        parallel_tools: fields.take("parallel_tool_calls")?,
        output_limit: limit.map(|tokens| OutputLimit { tokens, word: LimitWord::MaxCompletionTokens }),
        sampling: Sampling {
            temperature: fields.take("temperature")?,
            top_p: fields.take("top_p")?,
            ..Sampling::default()
        },
        reasoning,
        format,
        likelihood: likelihood(&mut fields)?,
        stream: head.stream,
        user: fields.text("user")?,
        ..ChatRequest::default()
    };
    Ok(ChatRequest { extras: fields.rest(HERE), ..request })
}

/// `top_logprobs`, or the wish to have them included without a count.
fn likelihood(fields: &mut Fields<'_>) -> Result<Option<LikelihoodAsk>, DecodeError> {
    let top: Option<u64> = fields.take("top_logprobs")?;
    let included = match fields.raw("include") {
        None => false,
        Some(item) => {
            fields.put_back(&item);
            item.read::<Vec<String>>().is_ok_and(|all| all.iter().any(|name| name == LOGPROBS))
        }
    };
    Ok((included || top.is_some_and(|top| top > 0)).then_some(LikelihoodAsk { top }))
}

fn messages(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    let mut messages = Vec::new();
    if let Some(text) = fields.text("instructions")? {
        messages.push(text_message(Role::System, text));
    }
    match fields.raw("input") {
        None => {}
        Some(input) if input.is_text() => messages.push(text_message(Role::User, input.string()?)),
        Some(input) => {
            let typed = typed();
            for found in input.list()? {
                messages.push(item(&found, &typed)?);
            }
        }
    }
    Ok(messages)
}

fn text_message(role: Role, text: String) -> Message {
    Message { role, parts: vec![Part::text(text)], shape: Shape::Text, extras: Extras::default() }
}

fn reasoning(fields: &mut Fields<'_>) -> Result<Option<ReasoningAsk>, DecodeError> {
    let Some(item) = fields.raw("reasoning") else { return Ok(None) };
    let mut reasoning = item.object()?;
    let word = reasoning.text("effort")?;
    let effort = word.as_deref().and_then(Effort::from_word);
    if word.is_some() && effort.is_none() {
        fields.put_back(&item);
        return Ok(None);
    }
    let show = reasoning.has("summary").then_some(true);
    let mode = match effort {
        Some(Effort::None) => ReasoningMode::Off,
        Some(_) => ReasoningMode::On,
        None => ReasoningMode::Auto,
    };
    Ok(Some(ReasoningAsk { mode, effort, budget: None, show, extras: reasoning.rest(HERE) }))
}

/// `text.format`; the rest of `text` stays under its name in the extras.
fn text_format(fields: &mut Fields<'_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(item) = fields.raw("text") else { return Ok(None) };
    let mut text = item.object()?;
    let format = text.object("format")?;
    fields.keep_rest("text", &text);
    let Some(mut format) = format else { return Ok(None) };
    let kind = format.word("type")?;
    match kind.as_ref() {
        "text" => Ok(Some(ResponseFormat::Text)),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => Ok(Some(ResponseFormat::JsonSchema(schema_format(format, HERE)?))),
        other => Err(DecodeError::new(&format.at("type"), format!("`{other}` is no format"))),
    }
}

fn tools(fields: &mut Fields<'_>) -> Result<Vec<Tool>, DecodeError> {
    let mut tools = Vec::new();
    for item in fields.list("tools")? {
        let mut tool = item.object()?;
        let kind = tool.word("type")?;
        match kind.as_ref() {
            "function" => tools.push(Tool::Function(function(tool, HERE)?)),
            "namespace" => namespace(tool, &mut tools)?,
            "custom" => tools.push(Tool::Function(custom(tool, &item)?)),
            _ => tools.push(Tool::Opaque { origin: HERE, kind: kind.into_owned(), raw: item.json() }),
        }
    }
    Ok(tools)
}

/// A tool that takes a text, perhaps of a grammar: elsewhere a function with one argument, and the grammar in words.
fn custom(mut tool: Fields<'_>, item: &Item<'_>) -> Result<FunctionTool, DecodeError> {
    let grammar = tool.object("format")?.map(|mut format| {
        let syntax = format.text("syntax").ok().flatten().unwrap_or_default();
        format.text("definition").ok().flatten().map(|text| (syntax, text))
    });
    let mut description = tool.text("description")?;
    if let Some((syntax, text)) = grammar.flatten() {
        let about = description.get_or_insert_default();
        about.push_str(&format!("\n\nThe input is one text of this {syntax} grammar:\n{text}"));
    }
    Ok(FunctionTool {
        name: tool.need_text("name")?,
        description,
        schema: RawJson::parse(
            r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#,
        ),
        strict: None,
        extras: own_form(item),
    })
}

/// Extras that hold nothing but the whole of it.
pub(super) fn own_form(item: &Item<'_>) -> Extras {
    Extras::new(HERE, vec![(CUSTOM.to_owned(), item.json())])
}

/// A group of tools becomes flat: `group__name`. Its other members have no place elsewhere.
fn namespace(mut group: Fields<'_>, tools: &mut Vec<Tool>) -> Result<(), DecodeError> {
    let name = group.need_text("name")?;
    for item in group.list("tools")? {
        let mut tool = item.object()?;
        let kind = tool.text("type")?;
        if kind.as_deref().is_some_and(|kind| kind != "function") {
            tools.push(Tool::Opaque { origin: HERE, kind: kind.unwrap_or_default(), raw: item.json() });
            continue;
        }
        let mut found = function(tool, HERE)?;
        found.name = format!("{name}{JOINT}{}", found.name);
        found.extras = Extras::new(HERE, vec![(NAMESPACE.to_owned(), RawJson::from(&name.as_str().into()))]);
        tools.push(Tool::Function(found));
    }
    Ok(())
}

fn tool_choice(fields: &mut Fields<'_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(item) = fields.raw("tool_choice") else { return Ok(None) };
    choice(&item).map(Some)
}

fn choice(item: &Item<'_>) -> Result<ToolChoice, DecodeError> {
    let opaque = || ToolChoice::Opaque { origin: HERE, raw: item.json() };
    if item.is_text() {
        return Ok(choice_word(&item.string()?).unwrap_or_else(opaque));
    }
    let mut fields = item.object()?;
    let kind = fields.text("type")?;
    match (kind.as_deref(), fields.text("name")?) {
        (Some("function"), Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Ok(opaque()),
    }
}
