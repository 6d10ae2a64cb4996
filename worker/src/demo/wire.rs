//! An answer's bytes in OpenAI Chat Completions: the chunks of a stream, or one document
//! (<https://platform.openai.com/docs/api-reference/chat>).
//!
//! Owns: the JSON around the content. Never: the content, the order of chunks.

use super::answer::{Answer, Said, Stop, ToolCall};
use super::request::StreamUsage;
use bytes::Bytes;
use protocol::framing::sse;
use protocol::model::Usage;
use serde_json::{Value, json};

pub(crate) const STREAM_TYPE: &str = "text/event-stream";
pub(crate) const DOCUMENT_TYPE: &str = "application/json";

/// Everything that the chunks of one answer have in common.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    id: String,
    model: String,
    /// Seconds since 1970.
    created: u64,
    /// Of every chunk, up to the delta.
    before: String,
    /// After `finish_reason`.
    after: &'static str,
}

impl Wire {
    pub(crate) fn new(id: &str, model: &str, created: u64, usage: StreamUsage) -> Self {
        let id = format!("chatcmpl-{id}");
        let head = stem("chat.completion.chunk", &id, model, created);
        let before = format!("{head},\"choices\":[{{\"index\":0,\"delta\":");
        // With usage asked for, every other chunk says that it has none.
        let after = match usage {
            StreamUsage::Asked => "}],\"usage\":null}",
            StreamUsage::Unasked => "}]}",
        };
        Self { id, model: model.to_owned(), created, before, after }
    }

    /// The first chunk: who speaks.
    pub(crate) fn role(&self, said: &Said) -> Bytes {
        match said {
            Said::Text(_) => self.chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null"),
            Said::Calls(_) => self.chunk(r#"{"role":"assistant","content":null}"#, "null"),
        }
    }

    /// The content-bearing chunks, made as they are asked for.
    pub(crate) fn pieces(self, said: Said) -> Box<dyn Iterator<Item = Bytes> + Send> {
        match said {
            Said::Text(text) => Box::new((0..text.count()).map(move |at| {
                let piece = Value::from(text.piece(at).as_ref());
                self.chunk(&format!("{{\"content\":{piece}}}"), "null")
            })),
            Said::Calls(calls) => {
                let calls = calls.into_iter().enumerate();
                Box::new(calls.flat_map(move |(index, call)| self.clone().call(index, call)))
            }
        }
    }

    fn call(self, index: usize, call: ToolCall) -> impl Iterator<Item = Bytes> {
        let function = json!({"name": call.name, "arguments": ""});
        let opening = json!({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]});
        let opening = self.chunk(&opening.to_string(), "null");
        let pieces = (0..call.arguments.count()).map(move |at| {
            let function = json!({"arguments": call.arguments.piece(at)});
            self.chunk(&json!({"tool_calls": [{"index": index, "function": function}]}).to_string(), "null")
        });
        std::iter::once(opening).chain(pieces)
    }

    /// The last chunk with a choice.
    pub(crate) fn finish(&self, stop: Stop) -> Bytes {
        self.chunk("{}", &format!("\"{}\"", stop.word()))
    }

    /// The chunk that holds usage and no choice.
    pub(crate) fn usage(&self, usage: &Usage) -> Bytes {
        let head = stem("chat.completion.chunk", &self.id, &self.model, self.created);
        event(&format!("{head},\"choices\":[],\"usage\":{}}}", counts(usage)))
    }

    /// All of it at once.
    pub(crate) fn document(&self, answer: &Answer) -> Bytes {
        let message = match &answer.said {
            Said::Text(text) => json!({"role": "assistant", "content": text.whole(), "refusal": null}),
            Said::Calls(calls) => {
                let calls: Vec<Value> = calls.iter().map(whole_call).collect();
                json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
            }
        };
        let choice =
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": answer.stop.word()});
        let head = stem("chat.completion", &self.id, &self.model, self.created);
        Bytes::from(format!("{head},\"choices\":[{choice}],\"usage\":{}}}", counts(&answer.usage)))
    }

    fn chunk(&self, delta: &str, finish: &str) -> Bytes {
        let Self { before, after, .. } = self;
        event(&format!("{before}{delta},\"logprobs\":null,\"finish_reason\":{finish}{after}"))
    }
}

/// One event of a stream.
pub(crate) fn event(data: &str) -> Bytes {
    let mut out = Vec::with_capacity(data.len() + 8);
    sse::write_event(&mut out, None, data.as_bytes());
    out.into()
}

/// The end of a stream.
pub(crate) fn done() -> Bytes {
    event("[DONE]")
}

/// `GET /models`.
pub(crate) fn models(created: u64) -> Bytes {
    let model = json!({"id": "demo", "object": "model", "created": created, "owned_by": "llm-link"});
    Bytes::from(json!({"object": "list", "data": [model]}).to_string())
}

fn stem(object: &str, id: &str, model: &str, created: u64) -> String {
    let (id, model) = (Value::from(id), Value::from(model));
    format!("{{\"id\":{id},\"object\":\"{object}\",\"created\":{created},\"model\":{model}")
}

fn whole_call(call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments.whole()});
    json!({"id": call.id, "type": "function", "function": function})
}

fn counts(usage: &Usage) -> Value {
    let (input, output) = (usage.input_total().unwrap_or(0), usage.output.unwrap_or(0));
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}
