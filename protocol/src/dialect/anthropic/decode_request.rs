//! A Messages request to the canonical one.

use super::decode_block::content;
use crate::dialect::Dialect;
use crate::dialect::codec::{DecodeError, RequestHead};
use crate::dialect::fields::{Fields, Item};
use crate::dialect::text::Text;
use crate::model::{
    ChatRequest, Effort, Extras, FunctionTool, Message, OutputLimit, ReasoningAsk, ReasoningMode,
    ResponseFormat, Role, Sampling, SchemaFormat, Shape, Stop, Tool, ToolChoice,
};

const HERE: Dialect = Dialect::Anthropic;

pub(crate) fn decode_request(body: &[u8], head: &RequestHead<'_>) -> Result<ChatRequest, DecodeError> {
    let text = Text::read(body)?;
    let mut fields = Fields::body(&text)?;
    fields.raw("model");
    fields.raw("stream");
    let (tool_choice, parallel_tools) = tool_choice(&mut fields)?;
    let (reasoning, format) = thinking(&mut fields)?;
    let limit: Option<u64> = fields.take("max_tokens")?;
    let stop: Option<Vec<String>> = fields.take("stop_sequences")?;
    let mut messages = system(&mut fields)?;
    decode_messages(&mut fields, &mut messages)?;
    let request = ChatRequest {
        origin: Some(HERE),
        model: head.model.to_owned(),
        messages,
        tools: fields.list("tools")?.map(|item| tool(&item)).collect::<Result<_, _>>()?,
        tool_choice,
        parallel_tools,
        output_limit: limit.map(|tokens| OutputLimit { tokens, word: Default::default() }),
        sampling: Sampling {
            temperature: fields.take("temperature")?,
            top_p: fields.take("top_p")?,
            top_k: fields.take("top_k")?,
            stop: stop.map(|words| Stop { words, shape: Shape::List }),
            ..Sampling::default()
        },
        reasoning,
        format,
        stream: head.stream,
        user: user(&mut fields)?,
        ..ChatRequest::default()
    };
    Ok(ChatRequest { extras: fields.rest(HERE), ..request })
}

/// The top-level `system` is the first message.
fn system(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    let Some(item) = fields.raw("system") else { return Ok(Vec::new()) };
    let (parts, shape) = content(Some(item))?;
    Ok(vec![Message { role: Role::System, parts, shape, extras: Extras::default() }])
}

fn decode_messages(fields: &mut Fields<'_>, out: &mut Vec<Message>) -> Result<(), DecodeError> {
    if !fields.has("messages") {
        return Err(DecodeError::new("messages", "is required"));
    }
    for item in fields.list("messages")? {
        let mut message = item.object()?;
        let role = message.word("role")?;
        let role = match role.as_ref() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => return Err(DecodeError::new(&message.at("role"), format!("`{other}` is no role"))),
        };
        let (parts, shape) = content(message.raw("content"))?;
        out.push(Message { role, parts, shape, extras: message.rest(HERE) });
    }
    Ok(())
}

/// `metadata.user_id`; with other metadata beside it all of it is kept as well.
fn user(fields: &mut Fields<'_>) -> Result<Option<String>, DecodeError> {
    let Some(item) = fields.raw("metadata") else { return Ok(None) };
    let mut metadata = item.object()?;
    let user = metadata.text("user_id")?;
    if !metadata.is_empty() || user.is_none() {
        fields.put_back(&item);
    }
    Ok(user)
}

/// `thinking` and `output_config`: effort and format sit together there.
fn thinking(fields: &mut Fields<'_>) -> Result<(Option<ReasoningAsk>, Option<ResponseFormat>), DecodeError> {
    let mut ask = None;
    if let Some(mut thinking) = fields.object("thinking")? {
        let kind: String = thinking.need("type")?;
        let mode = match kind.as_str() {
            "disabled" => ReasoningMode::Off,
            "adaptive" => ReasoningMode::Auto,
            _ => ReasoningMode::On,
        };
        let budget = thinking.take("budget_tokens")?;
        ask = Some(ReasoningAsk { budget, extras: thinking.rest(HERE), ..ReasoningAsk::new(mode) });
    }
    let Some(item) = fields.raw("output_config") else { return Ok((ask, None)) };
    let mut config = item.object()?;
    let word = config.raw("effort");
    let effort =
        word.as_ref().map(|word| word.read()).transpose()?.map(|word: String| Effort::from_word(&word));
    let format = config.object("format")?.map(format).transpose()?;
    if let (Some(word), Some(None)) = (&word, effort) {
        config.put_back(word);
    }
    fields.keep_rest("output_config", &config);
    if let Some(Some(effort)) = effort {
        ask.get_or_insert_with(|| ReasoningAsk::new(ReasoningMode::Unsaid)).effort = Some(effort);
    }
    Ok((ask, format))
}

fn format(mut fields: Fields<'_>) -> Result<ResponseFormat, DecodeError> {
    let kind = fields.text("type")?.unwrap_or_default();
    let Some(schema) = fields.raw("schema") else {
        return Err(DecodeError::new(&fields.at("schema"), "is required"));
    };
    if kind != "json_schema" {
        return Err(DecodeError::new(&fields.at("type"), format!("`{kind}` is no format")));
    }
    let extras = fields.rest(HERE);
    Ok(ResponseFormat::JsonSchema(SchemaFormat {
        name: None,
        description: None,
        schema: schema.json(),
        strict: None,
        extras,
    }))
}

fn tool(item: &Item<'_>) -> Result<Tool, DecodeError> {
    let mut fields = item.object()?;
    let kind = fields.raw("type");
    if let Some(kind) = &kind {
        let word: String = kind.read()?;
        if word != "custom" {
            return Ok(Tool::Opaque { origin: HERE, kind: word, raw: item.json() });
        }
        fields.put_back(kind);
    }
    Ok(Tool::Function(FunctionTool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        schema: fields.raw("input_schema").map(|schema| schema.json()),
        strict: fields.take("strict")?,
        extras: fields.rest(HERE),
    }))
}

fn tool_choice(fields: &mut Fields<'_>) -> Result<(Option<ToolChoice>, Option<bool>), DecodeError> {
    let Some(item) = fields.raw("tool_choice") else { return Ok((None, None)) };
    let mut choice = item.object()?;
    let parallel = choice.take::<bool>("disable_parallel_tool_use")?.map(|disabled| !disabled);
    let kind: String = choice.need("type")?;
    let meaning = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.need_text("name")?),
        _ => ToolChoice::Opaque { origin: HERE, raw: item.json() },
    };
    Ok((Some(meaning), parallel))
}
