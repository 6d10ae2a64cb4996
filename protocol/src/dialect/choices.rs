//! Several answers to one question: OpenAI chat's `n` and Gemini's `candidateCount`. Each has a reader and a writer of
//! its own, over the same bytes and into the same stream; what they consumed is said once.
//!
//! Owns: which of them there are, and how their ends become one end. Never: how a choice is spelled.

use super::codec::{EncodeEvents, ReplyStyle, Stamp, unsupported};
use super::stream::EventReader;
use super::{Dialect, Quirks, Unsaid, gemini, openai_chat};
use crate::model::{ChatResponse, Event, Failure, Loss, Sequencer, Usage, fold};

/// The most answers to one question; OpenAI's own limit.
const MOST: u64 = 128;

/// Only two dialects can ask for several answers, and only each other.
pub(super) fn refuse_too_many(target: Dialect, origin: Dialect, asked: u64) -> Result<(), Failure> {
    let field = if origin == Dialect::Gemini { "generationConfig.candidateCount" } else { "n" };
    match target {
        _ if asked <= 1 => Ok(()),
        Dialect::OpenAiChat | Dialect::Gemini if asked <= MOST => Ok(()),
        Dialect::OpenAiChat | Dialect::Gemini => {
            Err(unsupported(field, "nobody gives more than 128 answers a call"))
        }
        Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Ollama => {
            Err(unsupported(field, "this provider's API gives one answer a call"))
        }
    }
}

/// An upstream's whole answer, choice by choice, each as the sequenced events of a stream that says the same.
///
/// # Errors
/// When the answer is none, or one of its choices failed.
pub fn documents(
    from: Dialect,
    body: &[u8],
    stamp: &Stamp,
    quirks: &Quirks,
    asked: u64,
) -> Result<Vec<Vec<Event>>, Failure> {
    let mut all = Vec::new();
    for choice in 0..asked.min(MOST) {
        let stamp = stamp_of(stamp, choice);
        let events = match from {
            Dialect::OpenAiChat => {
                let decoder = openai_chat::Decoder::new(&stamp, &quirks.openai_chat);
                decoder.of_choice(choice).document(body)?
            }
            Dialect::Gemini => gemini::Decoder::new(&stamp).of_choice(choice).document(body)?,
            Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Ollama => {
                return from.decode_document(body, &stamp, quirks).map(|events| vec![events]);
            }
        };
        let mut sequencer = Sequencer::new();
        let mut out = Vec::new();
        events.into_iter().for_each(|event| sequencer.event(event, &mut out));
        sequencer.end(&mut out);
        all.push(out);
    }
    present(all)
}

/// Those that are answers: a provider may give fewer than were asked for.
///
/// # Errors
/// The failure of one that had begun, or of all.
pub fn present(mut all: Vec<Vec<Event>>) -> Result<Vec<Vec<Event>>, Failure> {
    let said = |event: &Event| match event {
        Event::PartStart { .. } => true,
        Event::Finish { stop, .. } => stop.raw.is_some(),
        _ => false,
    };
    let began = |events: &Vec<Event>| events.iter().any(said);
    let failed = |events: &Vec<Event>| match events.last() {
        Some(Event::Fail(failure)) => Some(failure.clone()),
        _ => None,
    };
    if let Some(failure) = all.iter().filter(|events| began(events)).find_map(failed) {
        return Err(failure);
    }
    if !all.iter().any(began) {
        // None says anything: then the first one is the answer, as it is where only one was asked for.
        all.truncate(1);
        return all.iter().find_map(failed).map_or(Ok(all), Err);
    }
    all.retain(began);
    Ok(all)
}

/// Whole answers for a client.
///
/// # Errors
/// When one of them failed.
pub fn write_whole(
    to: Dialect,
    all: Vec<Vec<Event>>,
    stamp: &Stamp,
    style: &ReplyStyle,
) -> Result<Vec<u8>, Failure> {
    let choices: Vec<ChatResponse> = all.into_iter().map(fold).collect::<Result<_, _>>()?;
    Ok(match to {
        Dialect::OpenAiChat => openai_chat::encode_response(&choices, stamp, style),
        Dialect::Gemini => gemini::encode_response(&choices, stamp),
        Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Ollama => {
            choices.first().map(|only| to.encode_response(only, stamp, style)).unwrap_or_default()
        }
    })
}

/// Whole answers as a client's stream.
pub fn write_stream(to: Dialect, all: &[Vec<Event>], stamp: &Stamp, style: &ReplyStyle) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, events) in all.iter().enumerate() {
        let mut writer = Writer::new(to, stamp, style, index as u64);
        if index + 1 == all.len() {
            writer.close();
        }
        events.iter().for_each(|event| writer.event(event, &mut out));
    }
    out
}

/// A translated stream of several answers: upstream bytes in, client bytes out.
pub struct ChoicesTranslation {
    lanes: Vec<Lane>,
    style: ReplyStyle,
    unsaid: Unsaid,
    content: bool,
    complete: bool,
}

/// One of them.
struct Lane {
    reader: EventReader,
    writer: Writer,
    began: bool,
    events: Vec<Event>,
}

impl ChoicesTranslation {
    /// From the upstream's dialect to the client's, as many answers as the style says.
    pub fn new(from: Dialect, to: Dialect, stamp: &Stamp, quirks: &Quirks, style: &ReplyStyle) -> Self {
        let lane = |choice| Lane {
            reader: EventReader::of_choice(from, &stamp_of(stamp, choice), quirks, choice),
            writer: Writer::new(to, stamp, style, choice),
            began: false,
            events: Vec::new(),
        };
        let lanes = (0..style.choices.min(MOST)).map(lane).collect();
        let unsaid = Unsaid::new(to, style.operation);
        Self { lanes, style: style.clone(), unsaid, content: false, complete: false }
    }

    /// Takes upstream bytes and appends client bytes. An error is the end: what was appended before it stands.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut read = Ok(());
        for lane in &mut self.lanes {
            read = read.and(lane.reader.push(chunk, &mut lane.events));
        }
        self.write(out)?;
        read
    }

    /// After the last upstream byte.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.lanes.iter_mut().for_each(|lane| lane.reader.finish(&mut lane.events));
        self.write(out)
    }

    /// A content-bearing event has been written: the call is committed.
    pub fn content_seen(&self) -> bool {
        self.content
    }

    /// All of them have ended well; what the upstream still sends is of no interest.
    pub fn is_over(&self) -> bool {
        self.complete
    }

    /// Said of all of them together, in the stream of each.
    pub fn usage(&self) -> Usage {
        self.lanes.iter().rev().fold(Usage::default(), |mut all, lane| {
            all.merge(lane.reader.usage());
            all
        })
    }

    /// The upstream's word for the end of the first.
    pub fn stop_reason(&self) -> Option<&str> {
        self.lanes.first()?.reader.stop_reason()
    }

    /// What the client was not told, for want of words.
    pub fn unsaid(&mut self) -> Vec<Loss> {
        self.unsaid.take()
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let usage = self.usage();
        let ends = |lane: &Lane| lane.events.iter().any(|event| matches!(event, Event::Finish { .. }));
        let over = self.lanes.iter().any(|lane| lane.reader.is_over());
        if let Some(last) = self.lanes.iter_mut().rfind(|lane| ends(lane)) {
            last.writer.close();
        }
        let mut failed = Vec::new();
        for lane in &mut self.lanes {
            for mut event in std::mem::take(&mut lane.events) {
                self.style.restore(&mut event);
                self.unsaid.event(&event);
                match &mut event {
                    Event::Fail(failure) => {
                        failed.push((lane.began, failure.clone()));
                        continue;
                    }
                    Event::PartStart { .. } => lane.began = true,
                    Event::Delta { .. } => self.content = true,
                    Event::Finish { usage: own, .. } => *own = usage,
                    Event::Start(_) | Event::PartEnd { .. } | Event::Usage(_) => {}
                    Event::Complete | Event::End => {}
                }
                lane.writer.event(&event, out);
            }
        }
        let began = self.lanes.iter().any(|lane| lane.began);
        match failed.into_iter().find(|(had_begun, _)| *had_begun || !began) {
            Some((_, failure)) => Err(failure),
            None => {
                (self.complete, self.content) = (over, self.content || over);
                Ok(())
            }
        }
    }
}

/// The writer of one choice.
enum Writer {
    Chat(Box<openai_chat::Encoder>),
    Gemini(Box<gemini::Encoder>),
    /// Of a dialect that knows one answer only.
    Only(Box<dyn EncodeEvents>),
}

impl Writer {
    fn new(to: Dialect, stamp: &Stamp, style: &ReplyStyle, choice: u64) -> Self {
        match to {
            Dialect::OpenAiChat => {
                Self::Chat(Box::new(openai_chat::Encoder::new(stamp, style).of_choice(choice)))
            }
            Dialect::Gemini => Self::Gemini(Box::new(gemini::Encoder::new(stamp).of_choice(choice))),
            Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Ollama => {
                Self::Only(to.event_encoder(stamp, style))
            }
        }
    }

    /// Its end is that of the stream.
    fn close(&mut self) {
        if let Self::Chat(encoder) = self {
            encoder.close();
        }
    }

    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match self {
            Self::Chat(encoder) => encoder.event(event, out),
            Self::Gemini(encoder) => encoder.event(event, out),
            Self::Only(encoder) => encoder.event(event, out),
        }
    }
}

/// Ids that are made for one choice are not those of another.
fn stamp_of(stamp: &Stamp, choice: u64) -> Stamp {
    let id = if choice == 0 { stamp.id.clone() } else { format!("{}c{choice}", stamp.id) };
    Stamp { id, ..stamp.clone() }
}
