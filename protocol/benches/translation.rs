//! What translation costs: each chunk of a stream, a large request, and the memory of a long stream, for every pair
//! of dialects. `cargo bench -p protocol --bench translation` says which figure is beyond its promise, and fails when
//! one is ten times beyond: a busy machine is no bug.

use protocol::dialect::{
    Dialect, Operation, Quirks, ReplyStyle, RequestHead, Stamp, StreamTranslation, UsageInStream,
};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Promises: p99 of a chunk, a request of 1 MiB, and what a stream of 16 MiB may add to the process where the
/// client's dialect does not repeat the answer at its end.
const CHUNK: Duration = Duration::from_micros(20);
const REQUEST: Duration = Duration::from_millis(10);
const GROWTH: u64 = 4 * 1024 * 1024;
/// A figure this many times its promise is a failure.
const SLACK: u32 = 10;

const CHUNKS: usize = 200;
const ROUNDS: usize = 200;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match run(&mut out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn run(out: &mut impl Write) -> std::io::Result<bool> {
    let mut kept = true;
    writeln!(out, "stream of {CHUNKS} chunks, per chunk (us)        p50     p99     max")?;
    for (from, to) in pairs() {
        let [p50, p99, max] = chunk_times(from, to);
        let verdict = verdict(p99, CHUNK, SLACK, &mut kept);
        writeln!(out, "{:40} {:>8} {:>7} {:>7}  {verdict}", name(from, to), us(p50), us(p99), us(max))?;
    }
    for shape in Shape::ALL {
        writeln!(out, "\nrequest of 1 MiB, {}, decode and encode (ms)  p50     min", shape.name())?;
        for (from, to) in pairs() {
            let [p50, min] = request_times(from, to, shape);
            let verdict = verdict(p50, REQUEST, SLACK, &mut kept);
            writeln!(out, "{:40} {:>12} {:>7}  {verdict}", name(from, to), ms(p50), ms(min))?;
        }
    }
    writeln!(out, "\nstream of 16 MiB: growth of the process (KiB)")?;
    for (from, to) in pairs() {
        let grown = growth(from, to);
        let repeats = to == Dialect::OpenAiResponses;
        let verdict =
            if repeats { "repeats its answer" } else { verdict(grown, GROWTH, u64::from(SLACK), &mut kept) };
        writeln!(out, "{:40} {:>12}  {verdict}", name(from, to), grown / 1024)?;
    }
    Ok(kept)
}

fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = Dialect::ALL.into_iter().flat_map(|from| Dialect::ALL.map(|to| (from, to)));
    all.filter(|(from, to)| from != to)
}

fn name(from: Dialect, to: Dialect) -> String {
    format!("{from} to {to}")
}

fn verdict<T: PartialOrd + Copy + std::ops::Mul<S, Output = T>, S>(
    figure: T,
    promise: T,
    slack: S,
    kept: &mut bool,
) -> &'static str {
    *kept &= figure <= promise * slack;
    if figure <= promise { "ok" } else { "BEYOND" }
}

fn us(time: Duration) -> String {
    format!("{:.1}", time.as_nanos() as f64 / 1000.0)
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_micros() as f64 / 1000.0)
}

fn stamp() -> Stamp {
    Stamp { id: "abc123".to_owned(), created: 1_700_000_000, model: "m".to_owned() }
}

fn style() -> ReplyStyle {
    ReplyStyle::new(Operation::Chat, UsageInStream::Shown)
}

/// One piece of text as an upstream of this dialect writes it.
fn piece(dialect: Dialect, text: &str) -> String {
    let text = serde_json::Value::from(text);
    match dialect {
        Dialect::OpenAiChat => format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        ),
        Dialect::OpenAiResponses => format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":{text},\"logprobs\":[]}}\n\n"
        ),
        Dialect::Anthropic => format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}\n\n"
        ),
        Dialect::Ollama => format!(
            "{{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{{\"role\":\"assistant\",\"content\":{text}}},\"done\":false}}\n"
        ),
        Dialect::Gemini => format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":{text}}}],\"role\":\"model\"}},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":5}},\"modelVersion\":\"m\"}}\r\n\r\n"
        ),
    }
}

/// p50, p99 and the largest, over all chunks of all rounds.
fn chunk_times(from: Dialect, to: Dialect) -> [Duration; 3] {
    let chunk = piece(from, " some words of an answer, with \"quotes\"");
    let mut times = Vec::with_capacity(CHUNKS * ROUNDS);
    let mut out = Vec::with_capacity(64 * 1024);
    for _ in 0..ROUNDS {
        let mut translation = StreamTranslation::new(from, to, &stamp(), &Quirks::default(), &style());
        for _ in 0..CHUNKS {
            out.clear();
            let before = Instant::now();
            let pushed = translation.push(chunk.as_bytes(), &mut out);
            times.push(before.elapsed());
            assert!(pushed.is_ok() && !out.is_empty(), "{from} to {to} says nothing");
        }
    }
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1]]
}

/// What a request of 1 MiB is full of.
#[derive(Clone, Copy)]
enum Shape {
    /// A conversation of an agent: turns of so many lines, each with a call of a tool and its result.
    Turns(usize),
    OneText,
    /// The same in a client's spelling that leaves ASCII only: six bytes a character.
    EscapedText,
    OneImage,
    Tools,
}

impl Shape {
    const ALL: [Self; 7] = [
        Self::Turns(40),
        Self::Turns(4),
        Self::Turns(1),
        Self::OneText,
        Self::EscapedText,
        Self::OneImage,
        Self::Tools,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Turns(40..) => "turns of 40 lines",
            Self::Turns(2..) => "turns of 4 lines",
            Self::Turns(_) => "turns of one line",
            Self::OneText => "one text",
            Self::EscapedText => "one text, every letter escaped",
            Self::OneImage => "one image",
            Self::Tools => "thousands of tools",
        }
    }

    /// A chat request of about so many bytes.
    fn chat(self, bytes: usize) -> serde_json::Value {
        const LINE: &str = "All work and no play makes \\ \"Jack\" a dull boy.\n";
        let user = |content: serde_json::Value| serde_json::json!([{"role": "user", "content": content}]);
        let (messages, tools) = match self {
            Self::Turns(lines) => (turns(&LINE.repeat(lines), bytes / (lines * 162 + 240)), 21),
            Self::OneText => (user(LINE.repeat(bytes / 53).into()), 0),
            Self::EscapedText => (user("\u{8bed}".repeat(bytes / 6).into()), 0),
            Self::OneImage => {
                let url = format!("data:image/png;base64,{}", "iVBORw0K".repeat(bytes / 8));
                (user(serde_json::json!([{"type": "image_url", "image_url": {"url": url}}])), 0)
            }
            Self::Tools => (user("hello".into()), bytes / 180),
        };
        let schema = serde_json::json!({"type": "object", "properties": {"path": {"type": "string"}, "n": {"type": "integer"}}});
        let tool = |n| serde_json::json!({"type": "function", "function": {"name": format!("tool_{n}"), "description": "Reads.", "parameters": schema}});
        let tools: Vec<_> = (0..tools).map(tool).collect();
        serde_json::json!({"messages": messages, "tools": tools, "max_tokens": 1000})
    }
}

fn turns(text: &str, count: usize) -> serde_json::Value {
    let turn = |n: usize| {
        let (id, call) = (
            format!("call_{n}"),
            serde_json::json!({"name": "tool_1", "arguments": "{\"path\":\"/etc/hosts\",\"n\":1}"}),
        );
        [
            serde_json::json!({"role": "user", "content": text}),
            serde_json::json!({"role": "assistant", "content": text, "tool_calls": [{"id": id, "type": "function", "function": call}]}),
            serde_json::json!({"role": "tool", "tool_call_id": id, "content": text}),
        ]
    };
    (0..count).flat_map(turn).collect()
}

/// A request of 1 MiB in this dialect.
fn conversation(dialect: Dialect, shape: Shape) -> Vec<u8> {
    let mut bytes = 1024 * 1024;
    loop {
        let chat = shape.chat(bytes).to_string();
        let request = Dialect::OpenAiChat.decode_request(chat.as_bytes(), &head());
        let said = request.map(|request| dialect.encode_request(request, &Quirks::default()));
        let mut body = match said {
            Ok(Ok(encoded)) => encoded.body,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if let Shape::EscapedText = shape {
            body = String::from_utf8_lossy(&body).replace('\u{8bed}', "\\u8bed").into_bytes();
        }
        if body.is_empty() || body.len() > 1024 * 1024 {
            return body;
        }
        bytes += bytes / 20;
    }
}

fn head() -> RequestHead<'static> {
    RequestHead { operation: Operation::Chat, model: "m", stream: true }
}

fn request_times(from: Dialect, to: Dialect, shape: Shape) -> [Duration; 2] {
    let body = conversation(from, shape);
    assert!(body.len() > 1024 * 1024, "{from}: {} bytes", body.len());
    let mut times: Vec<Duration> = (0..30)
        .map(|_| {
            let before = Instant::now();
            let said = translated(from, to, &body);
            let took = before.elapsed();
            assert!(said, "{from} to {to}");
            took
        })
        .collect();
    times.sort_unstable();
    [times[times.len() / 2], times[0]]
}

fn translated(from: Dialect, to: Dialect, body: &[u8]) -> bool {
    let request = from.decode_request(body, &head());
    let said = request.map(|request| to.encode_request(request, &Quirks::default()));
    matches!(said, Ok(Ok(_)))
}

/// Resident bytes that a long stream added and kept until its end.
fn growth(from: Dialect, to: Dialect) -> u64 {
    let chunk = piece(from, &"words ".repeat(170));
    let mut translation = StreamTranslation::new(from, to, &stamp(), &Quirks::default(), &style());
    let mut out = Vec::with_capacity(64 * 1024);
    let _ = translation.push(chunk.as_bytes(), &mut out);
    let before = resident();
    for _ in 0..16 * 1024 {
        out.clear();
        assert!(translation.push(chunk.as_bytes(), &mut out).is_ok(), "{from} to {to}");
    }
    resident().saturating_sub(before)
}

/// Resident memory of this process; 0 where the system does not say.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
