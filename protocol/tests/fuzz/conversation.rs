//! One dialect's decoders. The first byte says what the rest is: a request, a stream, a document or an error.

use protocol::dialect::{
    ChoicesTranslation, Dialect, ErrorAnswer, EventReader, Operation, Quirks, ReplyStyle, RequestHead, Stamp,
    StreamTranslation, Tap, UsageInStream, embed, peek, tokens,
};
use protocol::framing::{NdjsonDecoder, SseDecoder};
use protocol::model::{ChatResponse, Event, Failure, Part, fold};
use std::sync::LazyLock;

/// A vendor with everything that makes a codec do more.
static QUIRKS: LazyLock<[Quirks; 2]> = LazyLock::new(|| {
    let config = serde_json::json!({"openai-chat": {"reasoning_field": "think-tags", "echo_reasoning": true,
        "tool_ids": "alnum9", "text_content": true, "roles": "no-developer", "max_tokens": "max_tokens"}});
    let config = serde_json::from_value(config).unwrap_or_default();
    [Quirks::default(), Quirks::from_config(&config).unwrap_or_default()]
});

pub(crate) fn any(dialect: Dialect, bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind {
        b'r' => request(dialect, rest),
        b's' => stream(dialect, rest),
        b'd' => document(dialect, rest),
        b'e' => embedding(dialect, rest),
        b'f' => failure(dialect, rest),
        _ => {}
    }
}

fn stamp() -> Stamp {
    Stamp { id: "abc123".to_owned(), created: 1_700_000_000, model: "public".to_owned() }
}

fn style() -> ReplyStyle {
    ReplyStyle::new(Operation::Chat, UsageInStream::Shown)
}

/// A request that can be read can be said, in its own dialect without end the same, and in every other.
fn request(dialect: Dialect, body: &[u8]) {
    let _ = peek::peek(body);
    for operation in [Operation::Chat, Operation::Complete] {
        let head = RequestHead { operation, model: "m", stream: false };
        let Ok(request) = dialect.decode_request(body, &head) else { continue };
        let _ = tokens::estimate(&request);
        for target in Dialect::ALL {
            for quirks in QUIRKS.iter() {
                let Ok(encoded) = target.encode_request(request.clone(), quirks) else { continue };
                let head = RequestHead { operation: Operation::Chat, ..head };
                let again = target.decode_request(&encoded.body, &head);
                assert!(again.is_ok(), "{target} cannot read what it wrote: {again:?}");
            }
        }
    }
}

/// The first two bytes say where the stream is cut and which client reads it.
fn stream(dialect: Dialect, bytes: &[u8]) {
    let [at, client, text @ ..] = bytes else { return };
    let at = usize::from(*at) * text.len() / 256;
    let client = Dialect::ALL[usize::from(*client) % Dialect::ALL.len()];
    let whole = translate(dialect, client, &[text]);
    assert_eq!(translate(dialect, client, &[&text[..at], &text[at..]]), whole, "cut at {at}");
    let (out, verdict) = whole;
    let events = read(dialect, text);
    grammar(&events);
    match verdict {
        Ok(()) => {
            let said = read(client, &out);
            assert!(!said.iter().any(|event| matches!(event, Event::Fail(_))), "{client} reads a failure");
            assert_eq!(gist(&said), gist(&events), "{client} reads something else");
        }
        Err(failure) => {
            let mut out = out;
            out.extend(client.encode_stream_failure(&failure));
            assert!(fold(read(client, &out)).is_err(), "{client} takes a failure for an answer");
        }
    }
    several(dialect, at, text);
    watch(dialect, text);
}

/// The dialects that give several answers to one question.
const SEVERAL: [Dialect; 2] = [Dialect::OpenAiChat, Dialect::Gemini];

/// Read as a stream of two answers, each arrives as it is, wherever the stream is cut.
fn several(dialect: Dialect, at: usize, text: &[u8]) {
    if !SEVERAL.contains(&dialect) {
        return;
    }
    let gists = |dialect: Dialect, text: &[u8]| {
        [0, 1].map(|choice| {
            let mut reader = EventReader::of_choice(dialect, &stamp(), &QUIRKS[0], choice);
            let mut out = Vec::new();
            let pushed = reader.push(text, &mut out);
            reader.finish(&mut out);
            if pushed.is_ok() { gist(&out) } else { Default::default() }
        })
    };
    let style = ReplyStyle { choices: 2, ..style() };
    for client in SEVERAL {
        let written = |pieces: &[&[u8]]| {
            let mut translation = ChoicesTranslation::new(dialect, client, &stamp(), &QUIRKS[0], &style);
            let mut out = Vec::new();
            let pushed = pieces.iter().try_for_each(|piece| translation.push(piece, &mut out));
            pushed.and_then(|()| translation.finish(&mut out)).map(|()| out)
        };
        let (whole, cut) = (written(&[text]), written(&[&text[..at], &text[at..]]));
        assert_eq!(whole.is_ok(), cut.is_ok(), "cut at {at}");
        if let (Ok(whole), Ok(cut)) = (whole, cut) {
            assert_eq!(gists(client, &whole), gists(dialect, text), "{client} reads something else");
            assert_eq!(gists(client, &cut), gists(client, &whole), "cut at {at}");
        }
    }
}

fn translate(from: Dialect, to: Dialect, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Failure>) {
    let mut translation = StreamTranslation::new(from, to, &stamp(), &QUIRKS[0], &style());
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(failure) = translation.push(piece, &mut out) {
            return (out, Err(failure));
        }
    }
    let verdict = translation.finish(&mut out);
    (out, verdict)
}

fn read(dialect: Dialect, text: &[u8]) -> Vec<Event> {
    let mut reader = EventReader::new(dialect, &stamp(), &QUIRKS[0]);
    let mut out = Vec::new();
    if let Err(failure) = reader.push(text, &mut out) {
        out.push(Event::Fail(failure));
        return out;
    }
    reader.finish(&mut out);
    out
}

/// `Start (PartStart Delta* PartEnd)* (Finish | Fail)`, keys from 0; a failure may come at any place.
fn grammar(events: &[Event]) {
    let (mut started, mut open, mut next, mut over) = (false, None, 0, false);
    for event in events {
        assert!(!over, "something follows the end: {event:?}");
        match event {
            Event::Start(_) => assert!(!std::mem::replace(&mut started, true), "two starts"),
            Event::PartStart { key, .. } => {
                assert!(started && open.is_none() && *key == next, "{event:?}");
                (open, next) = (Some(*key), next + 1);
            }
            Event::Delta { key, .. } => assert_eq!(open, Some(*key), "{event:?}"),
            Event::PartEnd { key } => assert_eq!(open.take(), Some(*key), "{event:?}"),
            Event::Finish { .. } => {
                assert!(started && open.is_none(), "{event:?}");
                over = true;
            }
            Event::Fail(_) => over = true,
            Event::Usage(_) | Event::Complete | Event::End => panic!("{event:?} is for sequencers only"),
        }
    }
    assert!(over, "no end");
}

/// What every client must be able to read of an answer: its text, and how many tools are called. A call without a
/// name is nothing that could be made.
fn gist(events: &[Event]) -> (String, usize) {
    let answer = fold(events.iter().cloned()).unwrap_or_default();
    of(&answer)
}

fn of(answer: &ChatResponse) -> (String, usize) {
    let texts = answer.parts.iter().filter_map(Part::as_text).collect();
    let named = |part: &&Part| part.as_call().is_some_and(|call| !call.name.is_empty());
    (texts, answer.parts.iter().filter(named).count())
}

/// The tap of a pass-through judges the same bytes.
fn watch(dialect: Dialect, text: &[u8]) {
    let mut tap = Tap::new(dialect);
    if dialect == Dialect::Ollama {
        let mut lines = NdjsonDecoder::new();
        lines.push(text);
        while let Some(line) = lines.next_line().ok().flatten().or_else(|| lines.finish()) {
            tap.line(&line);
        }
    } else {
        let mut events = SseDecoder::new();
        events.push(text);
        while let Some(event) = events.next_event().ok().flatten().or_else(|| events.finish()) {
            tap.event(&event);
        }
    }
    let _ = (tap.end(), tap.closing(), tap.usage());
}

/// A document that can be read can be written for every client, who reads the same.
fn document(dialect: Dialect, body: &[u8]) {
    let _ = Tap::new(dialect).document(body);
    for quirks in QUIRKS.iter() {
        let Ok(events) = dialect.decode_document(body, &stamp(), quirks) else { continue };
        grammar(&events);
        let Ok(answer) = fold(events) else { continue };
        for client in Dialect::ALL {
            let written = client.encode_response(&answer, &stamp(), &style());
            match client.decode_response(&written, &stamp(), &QUIRKS[0]) {
                Ok(said) => assert_eq!(of(&said), of(&answer), "{client} reads something else"),
                Err(failure) => panic!("{client} cannot read what was written for it: {failure}"),
            }
        }
    }
}

fn embedding(dialect: Dialect, body: &[u8]) {
    for path in ["/v1/embeddings", "/api/embed", "/api/embeddings", "/v1beta/models/m:embedContent"] {
        let Ok(request) = embed::decode_request(dialect, path, body) else { continue };
        for target in Dialect::ALL {
            let _ = embed::encode_request(target, "m", &request);
        }
        if let Ok(answer) = embed::decode_response(dialect, body) {
            let _ = embed::encode_response(dialect, &answer, &request.style(dialect, path, "m"));
        }
    }
}

/// Any bytes with any status are some failure, and that is said in every dialect.
fn failure(dialect: Dialect, body: &[u8]) {
    let [status, rest @ ..] = body else { return };
    let header = String::from_utf8_lossy(&rest[..rest.len().min(40)]).into_owned();
    let headers = [("retry-after".to_owned(), header)];
    let status = 300 + u16::from(*status);
    let answer = ErrorAnswer { status, headers: &headers, body: rest, now_unix_s: 1_700_000_000 };
    let failure = dialect.decode_failure(&answer);
    for client in Dialect::ALL {
        let reply = client.encode_failure(&failure);
        assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok(), "{client}: no JSON");
        let _ = client.encode_stream_failure(&failure);
    }
}
