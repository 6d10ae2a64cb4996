//! What a scripted upstream does with one request: a list of steps, with builders for the usual ones.
//! Pure: it knows no socket.

use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// One thing the upstream does.
#[derive(Clone, Debug)]
pub enum Step {
    /// The status line and these headers; framing headers are the script's own business.
    Head {
        status: u16,
        headers: Vec<(String, String)>,
    },
    /// One chunk of a chunked body.
    Chunk(Bytes),
    /// The end of a chunked body; the connection can be used again.
    End,
    /// These bytes, unframed.
    Raw(Bytes),
    /// These bytes in pieces of `size`, with a pause between two.
    Slice {
        bytes: Bytes,
        size: usize,
        pause: Duration,
    },
    Wait(Duration),
    /// Nothing more, until the peer goes away.
    Hang,
    /// An orderly close.
    Close,
    /// A reset (`SO_LINGER` 0).
    Reset,
}

/// What the upstream does with a request.
#[derive(Clone, Debug)]
pub enum Script {
    /// A success in the OpenAI dialect, streamed when the request asks for it.
    Answer { chunks: Vec<String>, pace: Duration, headers: Vec<(String, String)> },
    /// Status 200 and the request's own body, as it came, with its digest in `x-body-sha256`.
    Echo,
    /// Exactly this.
    Steps(Vec<Step>),
}

impl Script {
    /// A success with this text: a stream has it in one chunk per word.
    pub fn answer(text: &str) -> Self {
        let chunks = text.split_inclusive(' ').map(str::to_owned).collect();
        Self::Answer { chunks, pace: Duration::ZERO, headers: Vec::new() }
    }

    /// A success of `count` chunks, one per `pace`.
    pub fn paced(count: usize, pace: Duration) -> Self {
        let chunks = (0..count).map(|i| format!("c{i} ")).collect();
        Self::Answer { chunks, pace, headers: Vec::new() }
    }

    /// The same answer with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let pair = (name.to_owned(), value.to_owned());
        match &mut self {
            Script::Answer { headers, .. } => headers.push(pair),
            Script::Steps(steps) => {
                if let Some(Step::Head { headers, .. }) =
                    steps.iter_mut().find(|s| matches!(s, Step::Head { .. }))
                {
                    headers.push(pair);
                }
            }
            Script::Echo => {}
        }
        self
    }

    /// A complete answer with this status, type and body.
    pub fn status(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
        ];
        Self::Steps(vec![Step::Head { status, headers }, Step::Raw(body)])
    }

    /// An error in OpenAI's shape.
    pub fn error(status: u16, message: &str) -> Self {
        let body =
            json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}});
        Self::status(status, "application/json", body.to_string())
    }

    /// A stream that gives `chunks` content chunks and then does this.
    pub fn broken_stream(chunks: usize, then: impl IntoIterator<Item = Step>) -> Self {
        let mut steps = vec![stream_head()];
        steps.push(Step::Chunk(event(&delta(json!({"role": "assistant", "content": ""}), None))));
        steps.extend(
            (0..chunks).map(|i| Step::Chunk(event(&delta(json!({"content": format!("c{i} ")}), None)))),
        );
        steps.extend(then);
        Self::Steps(steps)
    }

    /// Just these steps.
    pub fn just(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::Steps(steps.into_iter().collect())
    }
}

/// The head of a stream.
pub fn stream_head() -> Step {
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let headers = vec![pair("content-type", "text/event-stream"), pair("transfer-encoding", "chunked")];
    Step::Head { status: 200, headers }
}

/// One server-sent event.
pub fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// The last event of a successful stream.
pub fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}

/// A `chat.completion.chunk`.
pub fn delta(delta: Value, finish_reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1, "model": "m1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    })
}

/// A `chat.completion` with this text.
pub fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-test", "object": "chat.completion", "created": 1, "model": "m1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                     "logprobs": null, "finish_reason": "stop"}],
        "usage": usage(),
    })
}

/// The usage that every scripted success reports.
pub fn usage() -> Value {
    json!({"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21})
}

/// The steps of a success.
pub(crate) fn answer_steps(
    chunks: &[String],
    pace: Duration,
    headers: &[(String, String)],
    stream: bool,
    wants_usage: bool,
) -> Vec<Step> {
    let mut steps = if stream {
        stream_steps(chunks, pace, wants_usage)
    } else {
        let body = Bytes::from(completion(&chunks.concat()).to_string());
        let own = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
        ];
        vec![Step::Wait(pace), Step::Head { status: 200, headers: own }, Step::Raw(body)]
    };
    for step in &mut steps {
        if let Step::Head { headers: own, .. } = step {
            own.extend_from_slice(headers);
        }
    }
    steps
}

fn stream_steps(chunks: &[String], pace: Duration, wants_usage: bool) -> Vec<Step> {
    let mut steps = vec![stream_head()];
    let mut say = |value: &Value| steps.push(Step::Chunk(event(value)));
    say(&delta(json!({"role": "assistant", "content": ""}), None));
    for chunk in chunks {
        say(&delta(json!({"content": chunk}), None));
    }
    say(&delta(json!({}), Some("stop")));
    if wants_usage {
        let mut last = delta(json!({}), None);
        last["choices"] = json!([]);
        last["usage"] = usage();
        say(&last);
    }
    steps.push(Step::Chunk(done()));
    steps.push(Step::End);
    if pace.is_zero() {
        return steps;
    }
    let paced = |s: Step| match s {
        Step::Chunk(_) => vec![Step::Wait(pace), s],
        other => vec![other],
    };
    steps.into_iter().flat_map(paced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_and_a_completion_say_the_same() {
        let chunks = vec!["a ".to_owned(), "b".to_owned()];
        let headers = [("x-a".to_owned(), "1".to_owned())];
        let stream = answer_steps(&chunks, Duration::ZERO, &headers, true, true);
        let content = |s: &Step| match s {
            Step::Chunk(b) => serde_json::from_slice::<Value>(b.get(6..).unwrap_or_default())
                .ok()
                .and_then(|v| v["choices"][0]["delta"]["content"].as_str().map(str::to_owned)),
            _ => None,
        };
        assert_eq!(stream.iter().filter_map(content).collect::<String>(), "a b");
        assert!(matches!(stream.last(), Some(Step::End)));
        let unary = answer_steps(&chunks, Duration::ZERO, &headers, false, false);
        let Some(Step::Raw(body)) = unary.last() else { panic!("no body") };
        assert!(String::from_utf8_lossy(body).contains("\"content\":\"a b\""));
        assert!(matches!(&unary[1], Step::Head { headers, .. } if headers.len() == 3));
    }
}
