//! A generateContent request to the canonical one. Keys may be written in snake case.

use super::decode_part::{Turns, parts};
use super::schema::to_json_schema;
use crate::dialect::codec::{DecodeError, RequestHead};
use crate::dialect::fields::{Fields, Item};
use crate::dialect::text::Text;
use crate::dialect::{Dialect, Operation};
use crate::model::{
    ChatRequest, Effort, Extras, FunctionTool, LikelihoodAsk, LimitWord, Message, OutputLimit, RawJson,
    ReasoningAsk, ReasoningMode, ResponseFormat, Role, Sampling, SchemaFormat, Shape, Stop, Tool, ToolChoice,
};
use indexmap::IndexMap;

const HERE: Dialect = Dialect::Gemini;

pub(crate) fn decode_request(body: &[u8], head: &RequestHead<'_>) -> Result<ChatRequest, DecodeError> {
    let text = Text::read(body)?;
    let mut fields = Fields::body(&text)?;
    // Tokens may be counted of a whole request in the place of its contents.
    if let (Operation::CountTokens, Some(whole)) =
        (head.operation, fields.either("generateContentRequest", "generate_content_request"))
    {
        fields = whole.object()?;
    }
    fields.raw("model");
    let messages = messages(&mut fields)?;
    let mut request = ChatRequest {
        origin: Some(HERE),
        model: head.model.to_owned(),
        messages,
        tools: tools(&mut fields)?,
        tool_choice: tool_choice(&mut fields)?,
        stream: head.stream,
        ..ChatRequest::default()
    };
    generation(&mut fields, &mut request)?;
    Ok(ChatRequest { extras: fields.rest(HERE), ..request })
}

fn messages(fields: &mut Fields<'_>) -> Result<Vec<Message>, DecodeError> {
    let mut turns = Turns::default();
    let mut messages = Vec::new();
    if let Some(item) = fields.either("systemInstruction", "system_instruction") {
        let parts = match item.is_text() {
            true => vec![crate::model::Part::text(item.string()?)],
            false => {
                let mut system = item.object()?;
                parts(&mut system, &mut turns)?
            }
        };
        messages.push(Message { role: Role::System, parts, shape: Shape::List, extras: Extras::default() });
    }
    let Some(item) = fields.raw("contents") else { return Err(DecodeError::new("contents", "is required")) };
    for item in item.each()? {
        if item.is_text() {
            messages.push(Message::new(Role::User, vec![crate::model::Part::text(item.string()?)]));
            continue;
        }
        let mut content = item.object()?;
        let role = match content.maybe_word("role")?.as_deref() {
            None | Some("user" | "function") => Role::User,
            Some("model") => Role::Assistant,
            Some("system") => Role::System,
            Some(other) => {
                return Err(DecodeError::new(&content.at("role"), format!("`{other}` is no role")));
            }
        };
        let parts = parts(&mut content, &mut turns)?;
        messages.push(Message { role, parts, shape: Shape::List, extras: content.rest(HERE) });
    }
    Ok(messages)
}

fn tools(fields: &mut Fields<'_>) -> Result<Vec<Tool>, DecodeError> {
    let mut tools = Vec::new();
    let Some(item) = fields.raw("tools") else { return Ok(tools) };
    for item in item.each()? {
        let mut tool = item.object()?;
        if let Some(functions) = tool.either("functionDeclarations", "function_declarations") {
            for function in functions.list()? {
                tools.push(Tool::Function(declaration(function.object()?)?));
            }
        }
        if !tool.is_empty() {
            let rest = tool.rest(HERE);
            let members: IndexMap<&str, &RawJson> = rest.for_dialect(HERE).collect();
            let kind = members.keys().next().map_or_else(String::new, |key| (*key).to_owned());
            let raw = serde_json::value::to_raw_value(&members).map_err(|e| item.error(e.to_string()))?;
            tools.push(Tool::Opaque { origin: HERE, kind, raw: RawJson::new(&raw) });
        }
    }
    Ok(tools)
}

/// `parameters` in the OpenAPI spelling is kept beside its JSON Schema meaning.
fn declaration(mut fields: Fields<'_>) -> Result<FunctionTool, DecodeError> {
    let plain = fields.either("parametersJsonSchema", "parameters_json_schema");
    let schema = match (plain, fields.raw("parameters")) {
        (Some(plain), _) => Some(plain.json()),
        (None, Some(open)) => {
            fields.put_back(&open);
            Some(to_json_schema(&open.json()))
        }
        (None, None) => None,
    };
    Ok(FunctionTool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        schema,
        strict: None,
        extras: fields.rest(HERE),
    })
}

fn tool_choice(fields: &mut Fields<'_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(item) = fields.either("toolConfig", "tool_config") else { return Ok(None) };
    let opaque = || Ok(Some(ToolChoice::Opaque { origin: HERE, raw: item.json() }));
    let mut config = item.object()?;
    let Some(calling) = config.either("functionCallingConfig", "function_calling_config") else {
        return opaque();
    };
    let mut calling = calling.object()?;
    let mode = calling.text("mode")?.unwrap_or_default();
    let allowed = calling.either("allowedFunctionNames", "allowed_function_names");
    let allowed: Vec<String> = allowed.map(|names| names.read()).transpose()?.unwrap_or_default();
    if !calling.is_empty() || !config.is_empty() {
        return opaque();
    }
    match (mode.to_ascii_uppercase().as_str(), allowed.as_slice()) {
        ("AUTO" | "MODE_UNSPECIFIED" | "", []) => Ok(Some(ToolChoice::Auto)),
        ("NONE", _) => Ok(Some(ToolChoice::None)),
        ("ANY", []) => Ok(Some(ToolChoice::Required)),
        ("ANY", [name]) => Ok(Some(ToolChoice::Named(name.clone()))),
        _ => opaque(),
    }
}

/// `generationConfig`: what other dialects know too is taken, the rest stays under the same name in the extras.
fn generation(fields: &mut Fields<'_>, request: &mut ChatRequest) -> Result<(), DecodeError> {
    let Some(item) = fields.either("generationConfig", "generation_config") else { return Ok(()) };
    let mut config = item.object()?;
    let number = |config: &mut Fields<'_>, key: &str, other: &str| {
        config.either(key, other).map(|n| n.read()).transpose()
    };
    let limit = config.either("maxOutputTokens", "max_output_tokens").map(|n| n.read()).transpose()?;
    request.output_limit = limit.map(|tokens| OutputLimit { tokens, word: LimitWord::MaxTokens });
    let stop = config.either("stopSequences", "stop_sequences").map(|words| words.read()).transpose()?;
    request.sampling = Sampling {
        temperature: config.take("temperature")?,
        top_p: number(&mut config, "topP", "top_p")?,
        top_k: number(&mut config, "topK", "top_k")?,
        frequency_penalty: number(&mut config, "frequencyPenalty", "frequency_penalty")?,
        presence_penalty: number(&mut config, "presencePenalty", "presence_penalty")?,
        seed: config.take("seed")?,
        stop: stop.map(|words| Stop { words, shape: Shape::List }),
    };
    if let Some(thinking) = config.either("thinkingConfig", "thinking_config") {
        request.reasoning = Some(thinking_config(thinking.object()?)?);
    }
    request.format = format(&mut config)?;
    let asked = config.either("responseLogprobs", "response_logprobs").map(|item| item.read()).transpose()?;
    let top = config.take("logprobs")?;
    request.choices = config.either("candidateCount", "candidate_count").map(|n| n.read()).transpose()?;
    request.likelihood = (asked == Some(true)).then_some(LikelihoodAsk { top });
    fields.keep_rest("generationConfig", &config);
    Ok(())
}

fn thinking_config(mut fields: Fields<'_>) -> Result<ReasoningAsk, DecodeError> {
    let budget: Option<i64> =
        fields.either("thinkingBudget", "thinking_budget").map(|n| n.read()).transpose()?;
    let show = fields.either("includeThoughts", "include_thoughts").map(|flag| flag.read()).transpose()?;
    let level: Option<String> =
        fields.either("thinkingLevel", "thinking_level").map(|word| word.read()).transpose()?;
    let effort = level.and_then(|word| Effort::from_word(&word.to_ascii_lowercase()));
    let mode = match (budget, effort) {
        (Some(0), _) => ReasoningMode::Off,
        (Some(1..), _) | (_, Some(_)) => ReasoningMode::On,
        (Some(_), None) | (None, None) => ReasoningMode::Auto,
    };
    let budget = budget.and_then(|tokens| u64::try_from(tokens).ok()).filter(|tokens| *tokens > 0);
    Ok(ReasoningAsk { mode, effort, budget, show, extras: fields.rest(HERE) })
}

fn format(config: &mut Fields<'_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(mime) = config.either("responseMimeType", "response_mime_type") else { return Ok(None) };
    let word: String = mime.read()?;
    let plain = config.either("responseJsonSchema", "response_json_schema");
    let open = config.either("responseSchema", "response_schema");
    let schema = plain
        .map(|item| item.json())
        .or_else(|| open.as_ref().map(|item: &Item<'_>| to_json_schema(&item.json())));
    let kept = open.map(|item| Extras::new(HERE, vec![("responseSchema".to_owned(), item.json())]));
    match (word.as_str(), schema) {
        ("application/json", Some(schema)) => Ok(Some(ResponseFormat::JsonSchema(SchemaFormat {
            name: None,
            description: None,
            schema,
            strict: None,
            extras: kept.unwrap_or_default(),
        }))),
        ("application/json", None) => Ok(Some(ResponseFormat::JsonObject)),
        ("text/plain", _) => Ok(Some(ResponseFormat::Text)),
        _ => {
            config.put_back_as("responseMimeType", &mime);
            Ok(None)
        }
    }
}
