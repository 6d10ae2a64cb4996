//! A provider of any dialect, played from the fixtures below `tests/fixtures`: which file answers a request. Pure but
//! for reading them.
//!
//! The model of a request names its fixture: `calls.anything.else` is answered with `calls.json`, or with `calls.sse`
//! (`.ndjson`) when a stream is asked for. An error has its status in its name: `limited.429.json`. What is no
//! conversation is named by the last word of its path: `countTokens.json`.

use crate::request::Request;
use crate::script::{Script, Step};
use protocol::dialect::Dialect;
use std::path::{Path, PathBuf};

/// The models that have fixtures.
pub const FIXTURES: [&str; 12] = [
    "text",
    "call",
    "calls",
    "object",
    "thought",
    "thought_call",
    "several",
    "refused",
    "limited",
    "broken",
    "embed",
    "count",
];
/// Errors, with their status.
const ERRORS: [&str; 2] = ["limited.429", "refused.400"];
/// Seconds that a limited client is told to wait: longer than the router itself would.
const WAIT: &str = "11";

/// The model that a request in that dialect asks for; Gemini has it in the path.
pub fn model_of(dialect: Dialect, request: &Request) -> String {
    if dialect != Dialect::Gemini {
        return request.model();
    }
    let path = path_of(request);
    let name = path.split("/models/").nth(1).unwrap_or_default();
    name.split(':').next().unwrap_or_default().to_owned()
}

/// What a provider of that dialect answers.
pub fn answer(dialect: Dialect, request: &Request) -> Script {
    let Some(kind) = Kind::of(dialect, path_of(request)) else {
        return Script::error(404, &format!("no such path: {}", request.target));
    };
    let fixture = match kind {
        Kind::Talk => model_of(dialect, request).split('.').next().unwrap_or_default().to_owned(),
        Kind::Other(name) => name.to_owned(),
    };
    let stream = matches!(kind, Kind::Talk) && streams(dialect, request);
    for error in ERRORS {
        let (name, status) = error.split_once('.').unwrap_or_default();
        if name == fixture {
            let script = whole(dialect, error, status.parse().unwrap_or(500));
            // Gemini says it in the body.
            let told = name == "limited" && dialect != Dialect::Gemini;
            return if told { script.with_header("retry-after", WAIT) } else { script };
        }
    }
    if stream { streamed(dialect, &fixture) } else { whole(dialect, &fixture, 200) }
}

/// Whether a stream is asked for, in that dialect's own way.
pub fn streams(dialect: Dialect, request: &Request) -> bool {
    match dialect {
        Dialect::Gemini => path_of(request).ends_with(":streamGenerateContent"),
        Dialect::Ollama => request.json()["stream"] != false,
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => request.wants_stream(),
    }
}

/// What is asked for.
enum Kind {
    Talk,
    /// Answered by the fixture of that name.
    Other(&'static str),
}

impl Kind {
    fn of(dialect: Dialect, path: &str) -> Option<Self> {
        let found = match (dialect, path) {
            (Dialect::OpenAiChat, "/v1/chat/completions")
            | (Dialect::OpenAiResponses, "/v1/responses")
            | (Dialect::Anthropic, "/v1/messages")
            | (Dialect::Ollama, "/api/chat") => Self::Talk,
            (Dialect::OpenAiChat | Dialect::OpenAiResponses, "/v1/embeddings")
            | (Dialect::Ollama, "/api/embed") => Self::Other("embed"),
            (Dialect::OpenAiResponses, "/v1/responses/input_tokens") => Self::Other("input_tokens"),
            (Dialect::Anthropic, "/v1/messages/count_tokens") => Self::Other("count_tokens"),
            (Dialect::Gemini, path) => match path.strip_prefix("/v1beta/models/")?.rsplit(':').next()? {
                "generateContent" | "streamGenerateContent" => Self::Talk,
                "countTokens" => Self::Other("countTokens"),
                "embedContent" => Self::Other("embedContent"),
                "batchEmbedContents" => Self::Other("batchEmbedContents"),
                _ => return None,
            },
            _ => return None,
        };
        Some(found)
    }
}

fn path_of(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

fn file(dialect: Dialect, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(dialect.name()).join(name)
}

fn whole(dialect: Dialect, fixture: &str, status: u16) -> Script {
    let path = file(dialect, &format!("{fixture}.json"));
    match std::fs::read(&path) {
        Ok(body) => Script::status(status, "application/json", body),
        Err(_) => Script::error(404, &format!("no fixture {}", path.display())),
    }
}

/// One chunk for each event.
fn streamed(dialect: Dialect, fixture: &str) -> Script {
    let (ending, content_type, between) = match dialect {
        Dialect::Ollama => ("ndjson", "application/x-ndjson", "\n"),
        Dialect::Gemini => ("sse", "text/event-stream", "\r\n\r\n"),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => {
            ("sse", "text/event-stream", "\n\n")
        }
    };
    let path = file(dialect, &format!("{fixture}.{ending}"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Script::error(404, &format!("no fixture {}", path.display()));
    };
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let headers = vec![pair("content-type", content_type), pair("transfer-encoding", "chunked")];
    let events = text.split_inclusive(between).map(|event| Step::Chunk(event.to_owned().into()));
    Script::just([Step::Head { status: 200, headers }].into_iter().chain(events).chain([Step::End]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_every_conversation_both_ways() {
        for dialect in Dialect::ALL {
            for fixture in ["text", "call", "calls", "object", "thought", "thought_call"] {
                for (script, least) in [(streamed(dialect, fixture), 3), (whole(dialect, fixture, 200), 2)] {
                    let Script::Steps(steps) = script else { panic!("no steps") };
                    assert!(matches!(steps[0], Step::Head { status: 200, .. }), "{dialect} {fixture}");
                    assert!(steps.len() >= least, "{dialect} {fixture}");
                }
            }
        }
    }
}
