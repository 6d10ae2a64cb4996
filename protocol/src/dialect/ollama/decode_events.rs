//! Lines of Ollama answers, and whole answers, as events. Calls come whole, in one line or several.

use super::decode_request::sniff;
use super::usage::Counts;
use super::wire::{Call, Line};
use crate::dialect::codec::{DecodeEvents, Frame, Stamp, bad_answer};
use crate::dialect::failure::{in_band, instead};
use crate::dialect::lanes::{Lane, Lanes};
use crate::dialect::lenient::Loose;
use crate::model::{Event, Failure, Media, MediaKind, MediaSource, Start, StopKind, StopReason, Usage};

pub(crate) struct Decoder {
    stamp: Stamp,
    started: bool,
    lanes: Lanes,
    calls: usize,
}

impl Decoder {
    pub(crate) fn new(stamp: &Stamp) -> Self {
        Self { stamp: stamp.clone(), started: false, lanes: Lanes::default(), calls: 0 }
    }

    pub(crate) fn document(&mut self, body: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut line = read(body)?;
        if line.message.0.is_none() && line.response.0.is_none() {
            return Err(instead(body, "message"));
        }
        line.done = Loose(Some(true));
        let mut out = Vec::new();
        self.line(line, &mut out);
        Ok(out)
    }

    fn line(&mut self, line: Line<'_>, out: &mut Vec<Event>) {
        if !self.started && (line.model.0.is_some() || line.message.0.is_some()) {
            self.started = true;
            out.push(Event::Start(Start { model: line.model.0, ..Start::default() }));
        }
        let message = line.message.0.unwrap_or_default();
        for text in [message.thinking.0, line.thinking.0] {
            self.lanes.piece(Lane::Reasoning, text.unwrap_or_default(), out);
        }
        self.lanes.tokens(line.logprobs.0, out);
        for text in [message.content.0, line.response.0] {
            self.lanes.piece(Lane::Text, text.unwrap_or_default(), out);
        }
        for base64 in message.images.0.into_iter().filter(|data| !data.is_empty()) {
            let mime = sniff(&base64).to_owned();
            let source = MediaSource::Inline { mime, base64 };
            self.lanes.media(Media::made(MediaKind::Image, source), out);
        }
        for call in message.tool_calls.0 {
            self.call(call, out);
        }
        if line.done.0 == Some(true) {
            let counts = Counts { prompt_eval_count: line.prompt_eval_count, eval_count: line.eval_count };
            out.push(Event::Usage(counts.canonical()));
            let stop = stop_reason(line.done_reason.0.as_deref());
            out.extend([Event::Finish { stop, usage: Usage::default() }, Event::End]);
        }
    }

    fn call(&mut self, call: Call<'_>, out: &mut Vec<Event>) {
        let function = call.function.0.unwrap_or_default();
        let made = || format!("call_{}_{}", self.stamp.id, self.calls);
        let id = call.id.0.filter(|id| !id.is_empty()).unwrap_or_else(made);
        self.calls += 1;
        // An object; some servers write it as a text.
        let raw = function.arguments.map_or("", |raw| raw.get());
        let arguments = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
        self.lanes.call(id, function.name.0.unwrap_or_default(), &arguments, out);
    }
}

impl DecodeEvents for Decoder {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) {
        match read(frame.data) {
            Ok(line) => self.line(line, out),
            Err(failure) => out.push(Event::Fail(failure)),
        }
    }
}

fn read(data: &[u8]) -> Result<Line<'_>, Failure> {
    let carried = || serde_json::from_slice(data).ok().as_ref().and_then(in_band);
    match serde_json::from_slice::<Line<'_>>(data) {
        Ok(line) if line.error.0 => Err(carried().unwrap_or_else(|| bad_answer("an error without a text"))),
        Ok(line) => Ok(line),
        Err(error) => Err(carried().unwrap_or_else(|| bad_answer(error))),
    }
}

fn stop_reason(reason: Option<&str>) -> StopReason {
    let kind = if reason == Some("length") { StopKind::Length } else { StopKind::Stop };
    StopReason::new(kind, reason)
}
