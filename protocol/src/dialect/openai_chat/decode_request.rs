//! A chat completions request (or an old completions request) to the canonical one.

use super::decode_message::{message, messages};
use crate::dialect::codec::{DecodeError, RequestHead};
use crate::dialect::fields::{Fields, Item};
use crate::dialect::text::Text;
use crate::dialect::{Dialect, Operation};
use crate::model::{
    ChatRequest, Effort, FunctionTool, LikelihoodAsk, LimitWord, Message, OutputLimit, Part, RawJson,
    ReasoningAsk, ResponseFormat, Role, Sampling, SchemaFormat, Shape, Stop, Tool, ToolChoice,
};

pub(crate) fn decode_request(body: &[u8], head: &RequestHead<'_>) -> Result<ChatRequest, DecodeError> {
    let text = Text::read(body)?;
    let mut fields = Fields::body(&text)?;
    fields.raw("model");
    fields.raw("stream");
    let messages = match head.operation {
        Operation::Complete => prompt(&mut fields)?,
        Operation::Chat | Operation::Embed | Operation::CountTokens | Operation::Raw => {
            messages(&mut fields)?
        }
    };
    if let Some(options) = fields.object("stream_options")? {
        drop(options);
    }
    let request = ChatRequest {
        origin: Some(Dialect::OpenAiChat),
        model: head.model.to_owned(),
        messages,
        tools: tools(&mut fields)?,
        tool_choice: tool_choice(&mut fields)?,
        parallel_tools: fields.take("parallel_tool_calls")?,
        output_limit: output_limit(&mut fields)?,
        sampling: sampling(&mut fields)?,
        reasoning: reasoning(&mut fields)?,
        format: format(&mut fields)?,
        likelihood: match head.operation {
            // A count there, and other answers.
            Operation::Complete => None,
            Operation::Chat | Operation::Embed | Operation::CountTokens | Operation::Raw => {
                likelihood(&mut fields)?
            }
        },
        choices: fields.take("n")?,
        stream: head.stream,
        user: fields.text("user")?,
        ..ChatRequest::default()
    };
    Ok(ChatRequest { extras: fields.rest(Dialect::OpenAiChat), ..request })
}

/// The old API's `prompt`: one text. Several prompts ask for several answers, which is not one conversation.
fn prompt(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    // Means nothing here, and must not stand beside the messages that this request is said in.
    fields.raw("messages");
    let item = fields.raw("prompt").ok_or_else(|| DecodeError::new("prompt", "is required"))?;
    let text = match item.is_list() {
        false => item.string()?,
        true => {
            let mut prompts = item.list()?;
            match (prompts.next(), prompts.next()) {
                (Some(one), None) => one.string()?,
                _ => return Err(item.error("must be one text")),
            }
        }
    };
    Ok(vec![message(Role::User, vec![Part::text(text)], Shape::Text)])
}

fn output_limit(fields: &mut Fields<'_>) -> Result<Option<OutputLimit>, DecodeError> {
    let new = fields.take("max_completion_tokens")?;
    let old = fields.take("max_tokens")?;
    Ok(match (new, old) {
        (Some(tokens), _) => Some(OutputLimit { tokens, word: LimitWord::MaxCompletionTokens }),
        (None, Some(tokens)) => Some(OutputLimit { tokens, word: LimitWord::MaxTokens }),
        (None, None) => None,
    })
}

fn sampling(fields: &mut Fields<'_>) -> Result<Sampling, DecodeError> {
    let stop = match fields.raw("stop") {
        None => None,
        Some(item) if item.is_list() => Some(Stop { words: item.read()?, shape: Shape::List }),
        Some(item) => Some(Stop { words: vec![item.read()?], shape: Shape::Text }),
    };
    Ok(Sampling {
        temperature: fields.take("temperature")?,
        top_p: fields.take("top_p")?,
        top_k: fields.take("top_k")?,
        frequency_penalty: fields.take("frequency_penalty")?,
        presence_penalty: fields.take("presence_penalty")?,
        seed: fields.take("seed")?,
        stop,
    })
}

/// `logprobs` and `top_logprobs`; Ollama writes them the same.
pub(crate) fn likelihood(fields: &mut Fields<'_>) -> Result<Option<LikelihoodAsk>, DecodeError> {
    let asked: Option<bool> = fields.take("logprobs")?;
    let top = fields.take("top_logprobs")?;
    Ok((asked == Some(true)).then_some(LikelihoodAsk { top }))
}

/// `reasoning_effort`; a word that is not known stays among the extras, for a vendor that knows it.
fn reasoning(fields: &mut Fields<'_>) -> Result<Option<ReasoningAsk>, DecodeError> {
    let Some(item) = fields.raw("reasoning_effort") else { return Ok(None) };
    let effort = item.string().ok().and_then(|word| Effort::from_word(&word));
    if effort.is_none() {
        fields.put_back(&item);
    }
    Ok(effort.map(ReasoningAsk::of_effort))
}

fn format(fields: &mut Fields<'_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(item) = fields.raw("response_format") else { return Ok(None) };
    let mut format = item.object()?;
    let kind = format.text("type")?.unwrap_or_default();
    Ok(match kind.as_str() {
        "text" => Some(ResponseFormat::Text),
        "json_object" => Some(ResponseFormat::JsonObject),
        "json_schema" => match format.object("json_schema")? {
            Some(schema) => Some(ResponseFormat::JsonSchema(schema_format(schema, Dialect::OpenAiChat)?)),
            None => return Err(DecodeError::new(&format.at("json_schema"), "is required")),
        },
        _ => {
            fields.put_back(&item);
            None
        }
    })
}

/// `{name, description, schema, strict}`: nested here, flat in the Responses API.
pub(crate) fn schema_format(mut fields: Fields<'_>, origin: Dialect) -> Result<SchemaFormat, DecodeError> {
    let schema = fields.raw("schema").map(|item| item.json());
    Ok(SchemaFormat {
        name: fields.text("name")?,
        description: fields.text("description")?,
        schema: schema.unwrap_or_else(empty_object),
        strict: fields.take("strict")?,
        extras: fields.rest(origin),
    })
}

pub(crate) fn empty_object() -> RawJson {
    RawJson::from(&serde_json::json!({}))
}

/// `tools`, and the legacy `functions`.
fn tools(fields: &mut Fields<'_>) -> Result<Vec<Tool>, DecodeError> {
    let mut tools = Vec::new();
    for item in fields.list("tools")? {
        tools.push(tool(&item)?);
    }
    for item in fields.list("functions")? {
        tools.push(Tool::Function(function(item.object()?, Dialect::OpenAiChat)?));
    }
    Ok(tools)
}

/// `{"type":"function","function":{...}}`; Ollama writes it the same.
pub(crate) fn tool(item: &Item<'_>) -> Result<Tool, DecodeError> {
    let mut fields = item.object()?;
    let kind = fields.text("type")?;
    match (kind.as_deref(), fields.object("function")?) {
        (Some("function") | None, Some(inner)) if fields.is_empty() => {
            Ok(Tool::Function(function(inner, Dialect::OpenAiChat)?))
        }
        (Some("function") | None, Some(inner)) => {
            let mut tool = function(inner, Dialect::OpenAiChat)?;
            // A member of the function that stands beside it as well would be said twice.
            for twice in ["name", "description", "parameters", "strict"] {
                fields.raw(twice);
            }
            if tool.extras.is_empty() {
                tool.extras = fields.rest(Dialect::OpenAiChat);
            }
            Ok(Tool::Function(tool))
        }
        (Some(kind), _) => {
            Ok(Tool::Opaque { origin: Dialect::OpenAiChat, kind: kind.to_owned(), raw: item.json() })
        }
        (None, None) => Err(item.error("a tool needs a type")),
    }
}

/// `{name, description, parameters, strict}`: nested here, flat in the Responses API.
pub(crate) fn function(mut fields: Fields<'_>, origin: Dialect) -> Result<FunctionTool, DecodeError> {
    Ok(FunctionTool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        schema: fields.raw("parameters").map(|item| item.json()),
        strict: fields.take("strict")?,
        extras: fields.rest(origin),
    })
}

fn tool_choice(fields: &mut Fields<'_>) -> Result<Option<ToolChoice>, DecodeError> {
    let item = fields.raw("tool_choice").or_else(|| fields.raw("function_call"));
    item.map(|item| choice(&item)).transpose()
}

fn choice(item: &Item<'_>) -> Result<ToolChoice, DecodeError> {
    let opaque = || ToolChoice::Opaque { origin: Dialect::OpenAiChat, raw: item.json() };
    if item.is_text() {
        return Ok(choice_word(&item.string()?).unwrap_or_else(opaque));
    }
    let mut fields = item.object()?;
    if let Some(name) = fields.object("function")?.map(|mut f| f.need_text("name")).transpose()? {
        return Ok(ToolChoice::Named(name));
    }
    match (fields.text("type")?, fields.text("name")?) {
        (None, Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Ok(opaque()),
    }
}

/// The words shared with the Responses API.
pub(crate) fn choice_word(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}
