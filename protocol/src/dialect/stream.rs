//! Streams across dialects: upstream bytes to sequenced events, and those to client bytes.
//!
//! Owns: the order framing → decoder → sequencer → encoder, and the verdict at the end. Never: touches a network.

use super::codec::{DecodeEvents, EncodeEvents, Frame, ReplyStyle, Stamp};
use super::resume::Resumed;
use super::seam::Seam;
use super::{Dialect, Quirks, Unsaid, gemini, openai_chat};
use crate::framing::{FrameError, NdjsonDecoder, SseDecoder};
use crate::model::{Event, Failure, FailureKind, Loss, Sequencer, Usage};

/// Upstream bytes to sequenced events. What it yields follows the grammar of [`Event`]; a stream that breaks off
/// ends with [`Event::Fail`].
pub struct EventReader {
    frames: Frames,
    decoder: Box<dyn DecodeEvents>,
    sequencer: Sequencer,
    loose: Vec<Event>,
}

enum Frames {
    Sse(SseDecoder),
    Ndjson(NdjsonDecoder),
}

type RawFrame = (Option<bytes::Bytes>, bytes::Bytes);

impl EventReader {
    /// A reader of the upstream's dialect.
    pub fn new(from: Dialect, stamp: &Stamp, quirks: &Quirks) -> Self {
        let frames = match from {
            Dialect::Ollama => Frames::Ndjson(NdjsonDecoder::new()),
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Gemini => {
                Frames::Sse(SseDecoder::new())
            }
        };
        Self {
            frames,
            decoder: from.event_decoder(stamp, quirks),
            sequencer: Sequencer::new(),
            loose: Vec::new(),
        }
    }

    /// A reader of one answer of several.
    pub fn of_choice(from: Dialect, stamp: &Stamp, quirks: &Quirks, choice: u64) -> Self {
        let decoder: Box<dyn DecodeEvents> = match from {
            Dialect::OpenAiChat => {
                Box::new(openai_chat::Decoder::new(stamp, &quirks.openai_chat).of_choice(choice))
            }
            Dialect::Gemini => Box::new(gemini::Decoder::new(stamp).of_choice(choice)),
            Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Ollama => {
                from.event_decoder(stamp, quirks)
            }
        };
        Self { decoder, ..Self::new(from, stamp, quirks) }
    }

    /// Takes upstream bytes and appends what they complete.
    ///
    /// # Errors
    /// When the bytes are no stream at all; what was appended before stands.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        match &mut self.frames {
            Frames::Sse(frames) => frames.push(chunk),
            Frames::Ndjson(frames) => frames.push(chunk),
        }
        loop {
            match self.next_frame() {
                Ok(Some((event, data))) => self.frame(event.as_deref(), &data, out),
                Ok(None) => return Ok(()),
                Err(_) if self.is_resting() => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// After the last upstream byte.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let rest = match &mut self.frames {
            Frames::Sse(frames) => {
                let mut rest = Vec::new();
                while let Some(event) = frames.finish() {
                    rest.extend(event.data.map(|data| (event.event, data, event.terminated)));
                }
                rest
            }
            Frames::Ndjson(frames) => {
                let line = frames.finish();
                line.and_then(|line| line.json.map(|json| (None, json, line.terminated)))
                    .into_iter()
                    .collect()
            }
        };
        for (event, data, terminated) in rest {
            if terminated || data.starts_with(b"[DONE]") || is_json(&data) {
                self.frame(event.as_deref(), &data, out);
            }
        }
        self.sequencer.end(out);
    }

    /// The stream has ended; what the upstream still sends is of no interest.
    pub fn is_over(&self) -> bool {
        self.sequencer.is_over()
    }

    /// All of the answer is there, and only another one could follow; its end comes with [`Self::finish`].
    pub fn is_resting(&self) -> bool {
        self.sequencer.is_resting() && !self.is_over()
    }

    pub fn usage(&self) -> Usage {
        self.sequencer.usage()
    }

    /// The upstream's stop reason, verbatim.
    pub fn stop_reason(&self) -> Option<&str> {
        self.sequencer.stop().and_then(|stop| stop.raw.as_deref())
    }

    fn next_frame(&mut self) -> Result<Option<RawFrame>, Failure> {
        loop {
            let (event, data) = match &mut self.frames {
                Frames::Sse(frames) => match frames.next_event().map_err(too_large)? {
                    Some(event) => (event.event, event.data),
                    None => return Ok(None),
                },
                Frames::Ndjson(frames) => match frames.next_line().map_err(too_large)? {
                    Some(line) => (None, line.json),
                    None => return Ok(None),
                },
            };
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                return Ok(Some((event, data)));
            }
        }
    }

    fn frame(&mut self, event: Option<&[u8]>, data: &[u8], out: &mut Vec<Event>) {
        self.decoder.frame(Frame { event, data }, &mut self.loose);
        for event in self.loose.drain(..) {
            self.sequencer.event(event, out);
        }
    }
}

/// A whole translated stream: upstream bytes in, client bytes out.
pub struct StreamTranslation {
    reader: EventReader,
    encoder: Box<dyn EncodeEvents>,
    style: ReplyStyle,
    unsaid: Unsaid,
    seam: Option<Seam>,
    /// Who goes on with somebody else's answer, until that is said.
    mark: Option<String>,
    content: bool,
    complete: bool,
    events: Vec<Event>,
}

impl StreamTranslation {
    /// From the upstream's dialect to the client's.
    pub fn new(from: Dialect, to: Dialect, stamp: &Stamp, quirks: &Quirks, style: &ReplyStyle) -> Self {
        Self {
            reader: EventReader::new(from, stamp, quirks),
            encoder: to.event_encoder(stamp, style),
            style: style.clone(),
            unsaid: Unsaid::new(to, style.operation),
            seam: None,
            mark: None,
            content: false,
            complete: false,
            events: Vec::new(),
        }
    }

    /// The second half of an answer that another provider began; `by` is named in the mark, and `before` was
    /// consumed by the first half.
    pub fn continued(
        from: Dialect,
        stamp: &Stamp,
        quirks: &Quirks,
        style: &ReplyStyle,
        resumed: Resumed,
        (by, before): (&str, Usage),
    ) -> Self {
        Self {
            reader: EventReader::new(from, stamp, quirks),
            encoder: resumed.encoder,
            style: style.clone(),
            unsaid: Unsaid::new(resumed.dialect, style.operation),
            seam: Some(Seam::new(&resumed.text, before)),
            mark: Some(by.to_owned()),
            content: false,
            complete: false,
            events: Vec::new(),
        }
    }

    /// Takes upstream bytes and appends client bytes. An error is the end: what was appended before it stands.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let read = self.reader.push(chunk, &mut self.events);
        self.write(out)?;
        read
    }

    /// After the last upstream byte.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.reader.finish(&mut self.events);
        self.write(out)
    }

    /// A content-bearing event has been written: the call is committed.
    pub fn content_seen(&self) -> bool {
        self.content
    }

    /// The stream has ended well; what the upstream still sends is of no interest.
    pub fn is_over(&self) -> bool {
        self.complete
    }

    /// All of it is there, and only another answer could follow; [`Self::finish`] writes its end.
    pub fn is_resting(&self) -> bool {
        self.reader.is_resting()
    }

    pub fn usage(&self) -> Usage {
        let own = self.reader.usage();
        self.seam.as_ref().map_or(own, |seam| seam.sum(own))
    }

    /// The upstream's stop reason, verbatim.
    pub fn stop_reason(&self) -> Option<&str> {
        self.reader.stop_reason()
    }

    /// What the client was not told, for want of words.
    pub fn unsaid(&mut self) -> Vec<Loss> {
        self.unsaid.take()
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut events = std::mem::take(&mut self.events);
        if let Some(seam) = &mut self.seam {
            let second = std::mem::take(&mut events);
            second.into_iter().for_each(|event| seam.event(event, &mut events));
        }
        for mut event in events.drain(..) {
            self.style.restore(&mut event);
            self.unsaid.event(&event);
            if let (Some(by), false) = (&self.mark, matches!(event, Event::Fail(_))) {
                self.encoder.mark(by, out);
                self.mark = None;
            }
            match event {
                Event::Fail(failure) => return Err(failure),
                Event::Delta { .. } => self.content = true,
                Event::Finish { .. } => (self.content, self.complete) = (true, true),
                Event::PartStart { .. }
                | Event::Start(_)
                | Event::PartEnd { .. }
                | Event::Usage(_)
                | Event::Complete
                | Event::End => {}
            }
            self.encoder.event(&event, out);
        }
        self.events = events;
        Ok(())
    }
}

fn is_json(data: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

fn too_large(error: FrameError) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("the provider's stream is not readable: {error}"))
}
