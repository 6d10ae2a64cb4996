//! Answers as vendors were seen to write them, whole and streamed: what each means, and that a client of every dialect
//! reads the same. A new oddity is a new row in `fixtures/vendors`, one file a dialect, one row a line.

use super::common::{Meaning, answer_of, meaning, stamp, style, translate};
use protocol::dialect::{Dialect, Quirks};
use protocol::model::{ChatResponse, Failure, Media, MediaKind, MediaSource, Part, StopKind};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    from: Dialect,
    /// A document.
    whole: Option<Value>,
    /// The events of a stream.
    stream: Option<Vec<Value>>,
    means: Option<Want>,
    /// The kind of failure that it is instead.
    fails: Option<String>,
}

/// What a row means; what is not named is empty or unknown.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Want {
    text: String,
    reasoning: String,
    calls: Vec<(String, Value)>,
    /// The canonical word for the end; `Stop` when left out.
    stop: Option<String>,
    /// Input and output tokens.
    usage: Option<(u64, u64)>,
    /// Addresses of sources, each with the characters of the whole text that it supports.
    cites: Vec<(String, u64, u64)>,
    /// What the model drew or spoke: bytes or address.
    media: Vec<String>,
}

/// The sources of an answer, as [`Want::cites`].
fn cites(answer: &ChatResponse) -> Vec<(String, u64, u64)> {
    let (mut before, mut out) = (0, Vec::new());
    for (index, part) in answer.parts.iter().enumerate() {
        let own = part.as_text().map_or(0, |text| text.chars().count() as u64);
        for found in answer.cited(index) {
            let (start, end) = found.within(own);
            out.push((found.url.clone(), before + start, before + end));
        }
        before += own;
    }
    out
}

/// What of an answer's media a dialect has words for, as [`Want::media`].
fn media(answer: &ChatResponse, to: Dialect) -> Vec<String> {
    let said = |media: &&Media| {
        let inline = matches!(media.source, MediaSource::Inline { .. });
        match to {
            Dialect::Anthropic | Dialect::Ollama => false,
            Dialect::OpenAiResponses => inline && media.kind == MediaKind::Image,
            Dialect::OpenAiChat => media.kind == MediaKind::Image || inline && media.kind == MediaKind::Audio,
            Dialect::Gemini => true,
        }
    };
    let found = answer.parts.iter().filter_map(Part::as_media).filter(said);
    found
        .filter_map(|media| match &media.source {
            MediaSource::Inline { base64, .. } => Some(base64.clone()),
            MediaSource::Url(url) => Some(url.clone()),
            MediaSource::Text(_) | MediaSource::File { .. } => None,
        })
        .collect()
}

impl Want {
    fn meaning(&self) -> Meaning {
        let stop = match self.stop.as_deref() {
            None => StopKind::Stop,
            Some("Tool") => StopKind::Tool,
            Some("Length") => StopKind::Length,
            Some("Filter") => StopKind::Filter,
            Some("Pause") => StopKind::Pause,
            Some(other) => panic!("{other} is no end"),
        };
        Meaning {
            text: self.text.clone(),
            reasoning: self.reasoning.clone(),
            calls: self.calls.clone(),
            stop,
            input: self.usage.map(|usage| usage.0),
            output: self.usage.map(|usage| usage.1),
        }
    }
}

impl Row {
    fn read(&self) -> Result<ChatResponse, Failure> {
        match (&self.whole, &self.stream) {
            (Some(body), None) => {
                self.from.decode_response(body.to_string().as_bytes(), &stamp(), &Quirks::default())
            }
            (None, Some(events)) => answer_of(self.from, framed(self.from, events).as_bytes()),
            _ => panic!("{} is neither or both", self.name),
        }
    }

    /// What is not as it should be.
    fn wrong(&self) -> Vec<String> {
        let answer = self.read();
        let (want, answer) = match (&self.means, &self.fails, answer) {
            (None, Some(kind), Err(failure)) if format!("{:?}", failure.kind) == *kind => return Vec::new(),
            (Some(want), None, Ok(answer)) => (want.meaning(), answer),
            (_, fails, answer) => return vec![format!("{}: {answer:?}, fails: {fails:?}", self.name)],
        };
        let found = meaning(&answer);
        let (cited, made) = (cites(&answer), media(&answer, Dialect::Gemini));
        let more = self.means.as_ref().map(|want| (want.cites.clone(), want.media.clone()));
        if found != want || Some((cited, made)) != more {
            return vec![format!("{}: {answer:?}, not {want:?} {more:?}", self.name)];
        }
        Dialect::ALL.into_iter().filter_map(|to| self.crossed(&answer, &want, to)).collect()
    }

    /// What a client of another dialect does not read as it was.
    fn crossed(&self, answer: &ChatResponse, want: &Meaning, to: Dialect) -> Option<String> {
        let document = to.encode_response(answer, &stamp(), &style());
        let mut found = vec![to.decode_response(&document, &stamp(), &Quirks::default())];
        if let Some(events) = &self.stream {
            let (out, verdict) = translate(self.from, to, &[framed(self.from, events).as_bytes()]);
            found.push(verdict.and_then(|()| answer_of(to, &out)));
        }
        found.into_iter().find_map(|found| {
            let told = match found {
                Ok(told) => told,
                Err(failure) => return Some(format!("{} to {to}: {failure:?}", self.name)),
            };
            let cited = match to {
                Dialect::Ollama => true,
                // A source stands for the whole of a block there.
                Dialect::Anthropic => {
                    cites(&told).into_iter().map(|c| c.0).eq(cites(answer).into_iter().map(|c| c.0))
                }
                Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => {
                    cites(&told) == cites(answer)
                }
            };
            // The pieces of a sound may have become one.
            if !cited || media(&told, to).concat() != media(answer, to).concat() {
                return Some(format!("{} to {to}: {told:?}, not {answer:?}", self.name));
            }
            let found = meaning(&told);
            // Ends that only some dialects have a word for are told as the nearest.
            let same =
                (&found.text, &found.reasoning, &found.calls) == (&want.text, &want.reasoning, &want.calls);
            let counted = want.input.is_none() || (found.input, found.output) == (want.input, want.output);
            (!same || !counted).then(|| format!("{} to {to}: {found:?}, not {want:?}", self.name))
        })
    }
}

/// The bytes of a stream in its dialect's framing.
fn framed(from: Dialect, events: &[Value]) -> String {
    match from {
        Dialect::Ollama => events.iter().map(|event| format!("{event}\n")).collect(),
        Dialect::Anthropic | Dialect::OpenAiResponses => {
            let name = |event: &Value| event["type"].as_str().unwrap_or("message").to_owned();
            events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect()
        }
        Dialect::Gemini => events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect(),
        Dialect::OpenAiChat => {
            let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            text + "data: [DONE]\n\n"
        }
    }
}

#[test]
fn every_client_reads_what_vendors_were_seen_to_write() {
    let files = [
        include_str!("../fixtures/vendors/openai-chat.jsonl"),
        include_str!("../fixtures/vendors/openai-responses.jsonl"),
        include_str!("../fixtures/vendors/anthropic.jsonl"),
        include_str!("../fixtures/vendors/ollama.jsonl"),
        include_str!("../fixtures/vendors/gemini.jsonl"),
    ];
    let rows: Vec<Row> = files.iter().flat_map(|file| file.lines()).map(parse).collect();
    let wrong: Vec<String> = rows.iter().flat_map(Row::wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn parse(line: &str) -> Row {
    serde_json::from_str(line).map_err(|error| format!("{error}: {line}")).unwrap()
}
