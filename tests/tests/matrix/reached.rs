//! What must have reached the provider in each case, said as its dialect says it.

use crate::Said;
use crate::understood::knows_several;
use protocol::dialect::Dialect;
use serde_json::{Map, Value, json};
use tests::player;
use tests::request::Request;
use tests::scene::key_of;

type Verdict = Result<(), String>;

/// The image of the cases, as they have it.
const IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub(crate) fn judge(said: &Said, requests: &[Request]) -> Verdict {
    let provider = said.provider;
    for request in requests {
        keys(provider, request)?;
    }
    let case = said.case.as_str();
    let again = matches!(case, "tools" | "parallel" | "reasoning-tools");
    match (case, requests.len()) {
        ("embed" | "count" | "models" | "unknown", _) => return Ok(()),
        ("several" | "several-stream", 0) if !knows_several(provider) => return Ok(()),
        (_, 1) if !again => {}
        (_, 2) if again => {}
        (_, n) => return Err(format!("{n} requests reached the provider")),
    }
    let streamed = matches!(case, "stream" | "parallel" | "limited" | "broken") || case.ends_with("-stream");
    let first = read(provider, &requests[0]);
    demand(player::streams(provider, &requests[0]) == streamed, "whether to stream")?;
    demand(system(provider, &first), "the system prompt")?;
    demand(!again || tool(provider, &first), "the tool")?;
    demand(!case.starts_with("several") || several(provider, &first), "the number of answers")?;
    demand(case != "image" || image(provider, &first), "the image")?;
    demand(!case.starts_with("structured") || schema(provider, &first), "the schema")?;
    demand(!case.starts_with("reasoning") || reasoning(provider, &first), "the wish to reason")?;
    if again {
        let cities: &[&str] = if case == "parallel" { &["Paris", "Rome"] } else { &["Paris"] };
        let second = read(provider, &requests[1]);
        for city in cities {
            demand(result(provider, &second, city), &format!("the result for {city}"))?;
        }
    }
    Ok(())
}

/// The body; Google takes its names in either spelling, and its clients use both.
fn read(provider: Dialect, request: &Request) -> Value {
    let body = request.json();
    if provider == Dialect::Gemini { camel(&body) } else { body }
}

fn camel(value: &Value) -> Value {
    let name = |snake: &str| {
        let mut words = snake.split('_').filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    };
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (name(k), camel(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(camel).collect()),
        other => other.clone(),
    }
}

fn demand(holds: bool, what: &str) -> Verdict {
    if holds { Ok(()) } else { Err(format!("{what} did not reach the provider")) }
}

/// The provider's key came, the client's did not.
fn keys(provider: Dialect, request: &Request) -> Verdict {
    let (own, foreign) = (key_of(provider.name()), ["sdk", "Bearer sdk"]);
    let any = |is: &dyn Fn(&str) -> bool| request.headers.iter().any(|(_, v)| is(v));
    demand(any(&|v| v.contains(&own)), "the provider's key")?;
    let leaked = any(&|v| foreign.contains(&v)) || request.target.contains("key=");
    if leaked { Err("the client's key reached the provider".to_owned()) } else { Ok(()) }
}

/// Whether some object inside is as wanted.
fn some(value: &Value, is: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::Object(fields) => is(value) || fields.values().any(|v| some(v, is)),
        Value::Array(items) => items.iter().any(|v| some(v, is)),
        _ => false,
    }
}

fn says(value: &Value, words: &str) -> bool {
    value.to_string().contains(words)
}

fn system(provider: Dialect, body: &Value) -> bool {
    let brief = |v: &Value| says(v, "Be brief.");
    let first =
        |turns: &Value| ["system", "developer"].iter().any(|r| turns[0]["role"] == **r) && brief(&turns[0]);
    match provider {
        Dialect::OpenAiChat | Dialect::Ollama => first(&body["messages"]),
        Dialect::OpenAiResponses => brief(&body["instructions"]) || first(&body["input"]),
        Dialect::Anthropic => brief(&body["system"]),
        Dialect::Gemini => brief(&body["systemInstruction"]),
    }
}

fn tool(provider: Dialect, body: &Value) -> bool {
    let tool = &body["tools"][0];
    let (tool, schema) = match provider {
        Dialect::OpenAiChat | Dialect::Ollama => (&tool["function"], "parameters"),
        Dialect::OpenAiResponses => (tool, "parameters"),
        Dialect::Anthropic => (tool, "input_schema"),
        Dialect::Gemini => (&tool["functionDeclarations"][0], "parametersJsonSchema"),
    };
    tool["name"] == "get_weather"
        && says(&tool["description"], "Weather of a city")
        && (tool[schema]["required"] == json!(["city"]) || tool["parameters"]["required"] == json!(["city"]))
}

/// The result stands with its call: by id where the dialect has ids, else by name.
fn result(provider: Dialect, body: &Value, city: &str) -> bool {
    let told = format!("sunny in {city}");
    let called = |v: &Value, id: &Value| !id.is_null() && some(v, &|o| o["id"] == *id && says(o, city));
    match provider {
        Dialect::OpenAiChat => some(&body["messages"], &|o| {
            o["role"] == "tool" && says(&o["content"], &told) && called(&body["messages"], &o["tool_call_id"])
        }),
        Dialect::OpenAiResponses => some(&body["input"], &|o| {
            let call =
                |c: &Value| c["type"] == "function_call" && c["call_id"] == o["call_id"] && says(c, city);
            o["type"] == "function_call_output" && says(&o["output"], &told) && some(&body["input"], &call)
        }),
        Dialect::Anthropic => some(&body["messages"], &|o| {
            let at = &o["tool_use_id"];
            o["type"] == "tool_result" && says(&o["content"], &told) && called(&body["messages"], at)
        }),
        Dialect::Gemini => some(&body["contents"], &|o| {
            o["functionResponse"]["name"] == "get_weather" && says(&o["functionResponse"]["response"], &told)
        }),
        Dialect::Ollama => some(&body["messages"], &|o| o["role"] == "tool" && says(&o["content"], &told)),
    }
}

fn several(provider: Dialect, body: &Value) -> bool {
    let number =
        if provider == Dialect::Gemini { &body["generationConfig"]["candidateCount"] } else { &body["n"] };
    *number == 2
}

fn image(provider: Dialect, body: &Value) -> bool {
    // Google's client writes the other alphabet of base64.
    let alphabet = |v: &str| v.replace('-', "+").replace('_', "/");
    let same = |v: &Value| {
        v == IMAGE || provider == Dialect::Gemini && v.as_str().map(alphabet) == Some(IMAGE.to_owned())
    };
    let url = json!(format!("data:image/png;base64,{IMAGE}"));
    some(body, &|o| match provider {
        Dialect::OpenAiChat => o["type"] == "image_url" && o["image_url"]["url"] == url,
        Dialect::OpenAiResponses => o["type"] == "input_image" && o["image_url"] == url,
        Dialect::Anthropic => o["type"] == "base64" && o["media_type"] == "image/png" && same(&o["data"]),
        Dialect::Gemini => o["inlineData"]["mimeType"] == "image/png" && same(&o["inlineData"]["data"]),
        Dialect::Ollama => o["role"] == "user" && same(&o["images"][0]),
    })
}

fn schema(provider: Dialect, body: &Value) -> bool {
    let generation = &body["generationConfig"];
    let schema = match provider {
        Dialect::OpenAiChat => &body["response_format"]["json_schema"]["schema"],
        Dialect::OpenAiResponses => &body["text"]["format"]["schema"],
        Dialect::Anthropic => &body["output_config"]["format"]["schema"],
        Dialect::Gemini if generation["responseSchema"].is_object() => &generation["responseSchema"],
        Dialect::Gemini => &generation["responseJsonSchema"],
        Dialect::Ollama => &body["format"],
    };
    schema["required"] == json!(["city", "degrees"])
}

fn reasoning(provider: Dialect, body: &Value) -> bool {
    match provider {
        Dialect::OpenAiChat => body["reasoning_effort"].is_string(),
        Dialect::OpenAiResponses => body["reasoning"]["effort"].is_string(),
        Dialect::Anthropic => ["enabled", "adaptive"].iter().any(|t| body["thinking"]["type"] == **t),
        Dialect::Gemini => body["generationConfig"]["thinkingConfig"]["includeThoughts"] == true,
        Dialect::Ollama => body["think"] == true || body["think"].is_string(),
    }
}
