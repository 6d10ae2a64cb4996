//! The OpenAI chat dialect, written: documents, stream chunks, errors, the model list.

use super::ask::Ask;
use super::reply::{Reply, Said};
use super::{Framing, Stamp, Step, speech};
use bytes::Bytes;
use serde_json::{Value, json};

/// Neither JSON, nor an event, nor text.
pub(super) const GARBAGE: Bytes =
    Bytes::from_static(b"\xff\xfe\x00data: {\"choices\":[\xc3\x28\n\n<html>\n\n");

const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// Characters of arguments per piece of a tool call.
const ARGUMENT_PIECE: usize = 8;

/// Says things in the form one request wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voice {
    model: String,
    stamp: Stamp,
    framing: Framing,
    include_usage: bool,
}

impl Voice {
    pub(super) fn new(model: &str, stamp: Stamp, ask: &Ask) -> Self {
        let framing = if ask.stream { Framing::EventStream } else { Framing::Json };
        Self { model: model.to_owned(), stamp, framing, include_usage: ask.include_usage }
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) fn id(&self) -> &str {
        &self.stamp.id
    }

    /// A whole answer that is no stream.
    pub(super) fn document(&self, reply: &Reply) -> Bytes {
        let message = match &reply.said {
            Said::Text(text) => json!({"role": "assistant", "content": text, "refusal": null}),
            Said::Calls(calls) => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|c| {
                        let function = json!({"name": c.name, "arguments": c.arguments});
                        json!({"id": c.id, "type": "function", "function": function})
                    })
                    .collect();
                json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
            }
        };
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": reply.stop});
        let mut document = self.envelope("chat.completion", json!([choice]));
        document["usage"] = usage(reply);
        document.to_string().into()
    }

    /// The chunk before any content.
    pub(super) fn opening(&self) -> Bytes {
        self.delta(&json!({"role": "assistant", "content": ""}), None)
    }

    /// The chunks that bear content, `count` of them where it is a text.
    pub(super) fn contents(&self, reply: &Reply, count: Option<usize>) -> Vec<Bytes> {
        match &reply.said {
            Said::Text(text) => {
                let pieces = speech::pieces(text, count);
                pieces.into_iter().map(|p| self.delta(&json!({"content": p}), None)).collect()
            }
            Said::Calls(calls) => {
                let mut chunks = Vec::new();
                for (i, call) in calls.iter().enumerate() {
                    let function = json!({"name": call.name, "arguments": ""});
                    let opening =
                        json!({"index": i, "id": call.id, "type": "function", "function": function});
                    chunks.push(self.delta(&json!({"tool_calls": [opening]}), None));
                    let count = call.arguments.chars().count().div_ceil(ARGUMENT_PIECE);
                    for piece in speech::pieces(&call.arguments, Some(count.max(1))) {
                        let part = json!({"index": i, "function": {"arguments": piece}});
                        chunks.push(self.delta(&json!({"tool_calls": [part]}), None));
                    }
                }
                chunks
            }
        }
    }

    /// What completes a stream: the reason, the usage if asked for, the terminator.
    pub(super) fn closing(&self, reply: &Reply) -> Vec<Bytes> {
        let mut chunks = vec![self.delta(&json!({}), Some(reply.stop))];
        if self.include_usage {
            let mut chunk = self.envelope("chat.completion.chunk", json!([]));
            chunk["usage"] = usage(reply);
            chunks.push(event(&chunk));
        }
        chunks.push(DONE);
        chunks
    }

    /// An error inside a stream, as it would have been a status before it.
    pub(super) fn error_event(&self, status: u16) -> Bytes {
        let body = error_body(status);
        let mut event = Vec::with_capacity(body.len() + 8);
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(&body);
        event.extend_from_slice(b"\n\n");
        event.into()
    }

    fn delta(&self, delta: &Value, stop: Option<&str>) -> Bytes {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": stop});
        let mut chunk = self.envelope("chat.completion.chunk", json!([choice]));
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        event(&chunk)
    }

    fn envelope(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.stamp.id),
            "object": object,
            "created": self.stamp.created,
            "model": self.model,
            "system_fingerprint": "demo",
            "choices": choices,
        })
    }
}

/// An error answer of that status, with a wait where one is usual.
pub(super) fn failure(status: u16) -> Step {
    let mut headers = json_headers();
    if matches!(status, 429 | 503 | 529) {
        headers.push(("retry-after".to_owned(), "1".to_owned()));
    }
    Step::Fail { status, headers, body: error_body(status) }
}

/// What that status says.
pub(super) fn error_body(status: u16) -> Bytes {
    let (kind, code, what) = match status {
        400 => ("invalid_request_error", None, "this request is invalid"),
        401 => ("invalid_request_error", Some("invalid_api_key"), "this key is wrong"),
        404 => ("invalid_request_error", Some("model_not_found"), "this model does not exist"),
        429 => ("rate_limit_error", Some("rate_limit_exceeded"), "the rate limit is reached"),
        503 | 529 => ("overloaded_error", Some("overloaded"), "the provider is overloaded"),
        _ => ("server_error", None, "the provider failed"),
    };
    error(&format!("the demo provider was asked to say that {what}"), kind, code)
}

/// An error in OpenAI's envelope.
pub(super) fn error(message: &str, kind: &str, code: Option<&str>) -> Bytes {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string().into()
}

pub(super) fn json_headers() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "application/json".to_owned())]
}

pub(super) fn models(created: u64, ids: &[&str]) -> Bytes {
    let row = |id: &&str| json!({"id": id, "object": "model", "created": created, "owned_by": "llm-link"});
    json!({"object": "list", "data": ids.iter().map(row).collect::<Vec<_>>()}).to_string().into()
}

fn usage(reply: &Reply) -> Value {
    json!({
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    })
}

fn event(chunk: &Value) -> Bytes {
    format!("data: {chunk}\n\n").into()
}
