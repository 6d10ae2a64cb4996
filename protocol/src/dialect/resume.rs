//! An answer that broke off, taken up again: what its client has of it is read back, and a writer is brought to
//! where it stopped.
//!
//! Owns: which answers may be taken up: one text that is open, and nothing else before it. Never: decides who goes on.

use super::codec::{EncodeEvents, ReplyStyle, Stamp};
use super::openai_responses;
use super::stream::EventReader;
use super::{Dialect, Quirks};
use crate::framing::SseDecoder;
use crate::model::{Delta, Event, Failure, FailureKind, PartHead, Start};

/// An answer up to where it broke off.
pub struct Resumed {
    pub dialect: Dialect,
    /// Of the client's dialect; the text is open.
    pub encoder: Box<dyn EncodeEvents>,
    /// What the client has.
    pub text: String,
}

impl Dialect {
    /// Reads what a client of this dialect has of a stream.
    ///
    /// # Errors
    /// [`FailureKind::Unsupported`] when the answer is not one open text: it called a tool, thought, ended, or
    /// cannot be read.
    pub fn resume(self, sent: &[u8], stamp: &Stamp, style: &ReplyStyle) -> Result<Resumed, Failure> {
        let mut events = Vec::new();
        let mut reader = EventReader::new(self, stamp, &Quirks::default());
        reader.push(sent, &mut events).map_err(|failure| not_plain(&failure.message))?;
        if reader.stop_reason().is_some() {
            return Err(not_plain("its text had ended"));
        }
        let (start, text) = plain(&events)?;
        let mut scratch = Vec::new();
        let mut stamp = stamp.clone();
        if let (Self::Gemini, Some(id)) = (self, &start.id) {
            stamp.id.clone_from(id);
        }
        let encoder = match self {
            Self::OpenAiResponses => {
                let mut encoder = openai_responses::Encoder::new(&stamp, style);
                events.iter().for_each(|event| EncodeEvents::event(&mut encoder, event, &mut scratch));
                let last = last_delta(sent).ok_or_else(|| not_plain("its last event cannot be read"))?;
                encoder.follow(&last).ok_or_else(|| not_plain("there was more than a text"))?;
                Box::new(encoder)
            }
            Self::OpenAiChat | Self::Anthropic | Self::Ollama | Self::Gemini => {
                let mut encoder = self.event_encoder(&stamp, style);
                events.iter().for_each(|event| encoder.event(event, &mut scratch));
                encoder
            }
        };
        Ok(Resumed { dialect: self, encoder, text })
    }
}

/// The text of an answer that is nothing else, and still open.
fn plain(events: &[Event]) -> Result<(Start, String), Failure> {
    let mut start = Start::default();
    let mut text = String::new();
    let mut open = false;
    for event in events {
        match event {
            Event::Start(found) => start = found.clone(),
            Event::PartStart { head: PartHead::Text, .. } if !open => open = true,
            Event::Delta { delta: Delta::Text(more), .. } if open => text.push_str(more),
            Event::PartStart { head: PartHead::ToolCall { .. }, .. } => {
                return Err(not_plain("it calls a tool"));
            }
            Event::PartStart { head: PartHead::Reasoning, .. } => return Err(not_plain("it thinks")),
            Event::PartStart { .. } => return Err(not_plain("there is more than one text in it")),
            Event::PartEnd { .. } | Event::Finish { .. } | Event::Complete | Event::End => {
                return Err(not_plain("its text had ended"));
            }
            Event::Fail(failure) => return Err(not_plain(&failure.message)),
            Event::Delta { .. } | Event::Usage(_) => {}
        }
    }
    if text.trim().is_empty() {
        return Err(not_plain("it says nothing yet"));
    }
    Ok((start, text))
}

fn not_plain(why: &str) -> Failure {
    let message = format!("only an answer that is plain text so far can be continued: {why}");
    Failure::new(FailureKind::Unsupported, message)
}

/// The last text delta of a Responses stream.
fn last_delta(sent: &[u8]) -> Option<openai_responses::LastDelta> {
    let mut frames = SseDecoder::new();
    frames.push(sent);
    let mut last = None;
    while let Ok(Some(event)) = frames.next_event() {
        if event.event.as_deref() == Some(b"response.output_text.delta".as_slice()) {
            last = event.data.or(last);
        }
    }
    serde_json::from_slice(&last?).ok()
}

#[cfg(test)]
mod tests;
