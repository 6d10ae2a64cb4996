//! What a client must have understood of each case. The fixtures say the same in every dialect, so the answer does
//! not depend on the provider, but for what its dialect cannot say.

use crate::Said;
use protocol::dialect::Dialect;
use serde_json::{Value, json};

const TEXT: &str = "Hello from the provider.";
const REASONING: &str = "The greeting is short.";
const OBJECT: &str = r#"{"city":"Paris","degrees":21}"#;

type Verdict = Result<(), String>;

pub(crate) fn judge(said: &Said) -> Verdict {
    let line = &said.line;
    if let Some(bug) = line["bug"].as_str() {
        return Err(format!("the client gave up: {bug}"));
    }
    match said.case.as_str() {
        "text" | "image" => answered(said, TEXT, "", &[]),
        "stream" => answered(said, TEXT, "", &[]).and_then(|()| pieces(line, 4)),
        "tools" => {
            answered(said, "", "", &["Paris"]).and_then(|()| equal("the next answer", &line["after"], TEXT))
        }
        "parallel" => {
            answered(said, "", "", &["Paris", "Rome"])?;
            equal("the next answer", &line["after"], TEXT)
        }
        "structured" => answered(said, OBJECT, "", &[]),
        "structured-stream" => answered(said, OBJECT, "", &[]).and_then(|()| pieces(line, 3)),
        "reasoning" | "reasoning-stream" => answered(said, "Hello.", REASONING, &[]),
        "reasoning-tools" => {
            answered(said, "", REASONING, &["Paris"])?;
            equal("the next answer", &line["after"], TEXT)
        }
        "several" | "several-stream" if !knows_several(said.provider) => {
            error(said, 400, "one answer a call")
        }
        "several" | "several-stream" => {
            equal("the answers", &line["after"], json!(["One.", "Two."])).and_then(|()| usage(said, false))
        }
        "refused" => error(said, 400, "The prompt is too odd for fixture"),
        "limited" => error(said, 429, "Rate limit reached for fixture"),
        "unknown" => error(said, 404, "none-such/text"),
        "broken" => broken(said),
        "embed" if said.provider == Dialect::Anthropic => error(said, 400, "no embeddings"),
        "embed" => vector(&line["after"]),
        "count" => counted(said),
        "models" => equal("the model", &line["after"], format!("{}/text", said.provider.name())),
        other => Err(format!("an unknown case {other}")),
    }
}

/// A provider of that dialect gives several answers to one question.
pub(crate) fn knows_several(provider: Dialect) -> bool {
    matches!(provider, Dialect::OpenAiChat | Dialect::Gemini)
}

fn equal(what: &str, got: &Value, want: impl Into<Value>) -> Verdict {
    let want = want.into();
    if *got == want { Ok(()) } else { Err(format!("{what} is {got}, not {want}")) }
}

fn pieces(line: &Value, count: u64) -> Verdict {
    equal("the number of pieces", &line["pieces"], count)
}

/// A client may say a whole number as one.
fn vector(got: &Value) -> Verdict {
    let numbers: Vec<f64> = got.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    if numbers == [0.5, -1.0] { Ok(()) } else { Err(format!("the vector is {got}")) }
}

fn answered(said: &Said, text: &str, reasoning: &str, cities: &[&str]) -> Verdict {
    let line = &said.line;
    if !line["error"].is_null() {
        return Err(format!("an error: {}", line["error"]));
    }
    equal("the text", &line["text"], text)?;
    equal("the reasoning", &line["reasoning"], reasoning)?;
    let call = |city: &&str| json!({"name": "get_weather", "arguments": {"city": city}});
    equal("the calls", &line["calls"], cities.iter().map(call).collect::<Vec<_>>())?;
    equal("the stop reason", &line["stop"], stop(said.client, !cities.is_empty()))?;
    usage(said, !reasoning.is_empty())
}

/// Why the answer ended, as the client's dialect says it.
fn stop(client: Dialect, calls: bool) -> &'static str {
    match (client, calls) {
        (Dialect::OpenAiChat, false) | (Dialect::Ollama, _) => "stop",
        (Dialect::OpenAiChat, true) => "tool_calls",
        (Dialect::OpenAiResponses, _) => "completed",
        (Dialect::Anthropic, false) => "end_turn",
        (Dialect::Anthropic, true) => "tool_use",
        (Dialect::Gemini, _) => "STOP",
    }
}

fn usage(said: &Said, reasoned: bool) -> Verdict {
    let used = &said.line["usage"];
    equal("the input", &used["input"], 30)?;
    equal("the output", &used["output"], 20)?;
    let pair = [said.client, said.provider];
    if !pair.contains(&Dialect::Ollama) {
        equal("what was cached", &used["cached"], 10)?;
    }
    if reasoned && !pair.contains(&Dialect::Ollama) && !pair.contains(&Dialect::Anthropic) {
        equal("what was reasoning", &used["reasoning"], 5)?;
    }
    Ok(())
}

fn error(said: &Said, status: u16, words: &str) -> Verdict {
    let error = &said.line["error"];
    equal("the status", &error["status"], status)?;
    let message = error["message"].as_str().unwrap_or_default();
    if !message.contains(words) {
        return Err(format!("the message is {message:?}"));
    }
    // Ollama's clients show no headers of an error.
    if status == 429 && said.client != Dialect::Ollama {
        equal("the time to wait", &error["wait"], "11")?;
    }
    Ok(())
}

/// A stream that broke: what came before it is there, and it does not look like a success.
fn broken(said: &Said) -> Verdict {
    equal("the text before", &said.line["text"], "Hello from ")?;
    let message = said.line["error"]["message"].as_str().unwrap_or_default();
    if message.contains("The engine is overloaded") {
        Ok(())
    } else {
        Err(format!("the error is {message:?}"))
    }
}

/// The provider's own count where its dialect is the client's, else an estimate.
fn counted(said: &Said) -> Verdict {
    let count = said.line["after"].as_u64().unwrap_or_default();
    let own = said.client == said.provider;
    if own && count != 42 || !(1..=42).contains(&count) { Err(format!("{count} tokens")) } else { Ok(()) }
}
