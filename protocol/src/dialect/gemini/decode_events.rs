//! generateContent chunks, and whole answers, as events. A stream has no terminator: the finish reason is the end.

use super::grounding::{Grounding, Said};
use super::partial::PartialCall;
use super::usage;
use super::wire::{Answer, Blob, Candidate, FunctionCall, WirePart};
use crate::dialect::Dialect;
use crate::dialect::codec::{DecodeEvents, Frame, Stamp, bad_answer};
use crate::dialect::failure::{in_band, instead};
use crate::dialect::lanes::{Lane, Lanes};
use crate::model::{
    Continuation, ContinuationKind, Delta, Event, Failure, FailureKind, Opaque, PartHead, PartKey, RawJson,
    Start, StopKind, StopReason, Usage,
};

const HERE: Dialect = Dialect::Gemini;

pub(crate) struct Decoder {
    stamp: Stamp,
    /// Which of the candidates is read.
    choice: u64,
    started: bool,
    lanes: Lanes,
    calls: usize,
    partial: Option<PartialCall>,
    /// Counts so far; `None` = the answer has not spoken of any.
    usage: Option<Usage>,
    spoke: bool,
    ended: bool,
    said: Said,
    /// The sources that were told last: told on at the end, when the text is known.
    grounding: Option<Grounding>,
}

impl Decoder {
    pub(crate) fn new(stamp: &Stamp) -> Self {
        Self {
            stamp: stamp.clone(),
            choice: 0,
            started: false,
            lanes: Lanes::default(),
            calls: 0,
            partial: None,
            usage: None,
            spoke: false,
            ended: false,
            said: Said::default(),
            grounding: None,
        }
    }

    /// The reader of another candidate than the first.
    pub(crate) fn of_choice(mut self, choice: u64) -> Self {
        self.choice = choice;
        self
    }

    /// One object; a stream without `alt=sse` is a list of them.
    pub(crate) fn document(&mut self, body: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut out = Vec::new();
        match body.trim_ascii_start().starts_with(b"[") {
            true => {
                let items: Vec<&serde_json::value::RawValue> =
                    serde_json::from_slice(body).map_err(bad_answer)?;
                for item in items {
                    self.answer(read(item.get().as_bytes())?, &mut out);
                }
            }
            false => {
                let answer = read(body)?;
                if answer.candidates.is_none()
                    && answer.prompt_feedback.0.is_none()
                    && answer.usage_metadata.0.is_none()
                {
                    return Err(instead(body, "candidates"));
                }
                self.answer(answer, &mut out);
            }
        }
        if !out.iter().any(|event| matches!(event, Event::Finish { .. })) {
            out.push(Event::Finish { stop: StopReason::default(), usage: self.counted() });
        }
        out.push(Event::End);
        Ok(out)
    }

    fn answer(&mut self, answer: Answer<'_>, out: &mut Vec<Event>) {
        if !self.started && (answer.response_id.0.is_some() || answer.candidates.is_some()) {
            self.started = true;
            let (id, model) = (answer.response_id.0, answer.model_version.0);
            out.push(Event::Start(Start { id, model, ..Start::default() }));
        }
        if let Some(found) = answer.usage_metadata.0 {
            let usage = self.usage.get_or_insert_default();
            usage.merge(found.canonical());
            // After the end the counts are complete, here as there.
            out.push(Event::Usage(if self.ended { usage::complete(*usage) } else { *usage }));
        }
        let own = |candidate: &Candidate<'_>| candidate.index.0.unwrap_or(0) == self.choice;
        let found = answer.candidates.unwrap_or_default().into_iter().find(own);
        if let Some(candidate) = found {
            self.lanes.tokens(candidate.logprobs_result.0.unwrap_or_default().tokens(), out);
            for raw in candidate.content.0.and_then(|content| content.parts).unwrap_or_default() {
                self.part(raw.get(), out);
            }
            let grounding = candidate.grounding_metadata.0.filter(|found| !found.is_empty());
            self.grounding = grounding.or(self.grounding.take());
            if let Some(reason) = candidate.finish_reason.0.filter(|reason| !reason.is_empty()) {
                self.ended = true;
                self.end_partial(out);
                self.cite(out);
                out.push(self.finish(&reason));
            }
        }
        if let Some(reason) =
            answer.prompt_feedback.0.and_then(|f| f.block_reason.0.or(f.block_reason_message.0))
        {
            let stop = StopReason::new(StopKind::Filter, Some(&reason));
            out.push(Event::Finish { stop, usage: self.counted() });
        }
    }

    fn cite(&mut self, out: &mut Vec<Event>) {
        let citations = self.grounding.take().map(|found| found.citations(&self.said));
        citations.into_iter().flatten().for_each(|citation| self.lanes.cite(citation, out));
    }

    fn finish(&self, reason: &str) -> Event {
        match stop_kind(reason, self.spoke, self.calls > 0) {
            Some(kind) => Event::Finish { stop: StopReason::new(kind, Some(reason)), usage: self.counted() },
            None => {
                let message = format!("the provider ended the answer with {reason}");
                let mut failure = Failure::new(FailureKind::Upstream, message);
                failure.code = Some(reason.to_owned());
                Event::Fail(failure)
            }
        }
    }

    fn counted(&self) -> Usage {
        self.usage.map(usage::complete).unwrap_or_default()
    }

    fn part(&mut self, raw: &str, out: &mut Vec<Event>) {
        let Ok(part) = serde_json::from_str::<WirePart<'_>>(raw) else { return };
        self.spoke = true;
        let signature = part.thought_signature.0;
        if let Some(call) = part.function_call.0 {
            return self.call(call, signature, out);
        }
        let Some(text) = part.text.0 else {
            if let Some(media) = part.inline_data.0.or(part.file_data.0).and_then(Blob::media) {
                // Drafts of an image are a part of the thoughts.
                if part.thought.0 != Some(true) {
                    self.lanes.media(media, out);
                }
                return;
            }
            if let Some(raw) = RawJson::parse(raw).filter(|raw| raw.as_str() != "{}") {
                self.opaque(raw, out);
            }
            return;
        };
        let lane = if part.thought.0 == Some(true) { Lane::Reasoning } else { Lane::Text };
        if lane == Lane::Text {
            self.said.push(&text);
        }
        self.lanes.piece(lane, text, out);
        if let (Some(data), Lane::Reasoning) = (signature, lane) {
            let key = self.lanes.enter(lane, out);
            out.push(signed(key, data));
        }
    }

    fn opaque(&mut self, raw: RawJson, out: &mut Vec<Event>) {
        let key = self.lanes.take_key();
        self.lanes.interrupt();
        let opaque = Opaque { origin: HERE, kind: "part".to_owned(), raw };
        out.extend([Event::PartStart { key, head: PartHead::Opaque(opaque) }, Event::PartEnd { key }]);
    }

    /// Whole in one part, or begun, continued and ended over several.
    fn call(&mut self, call: FunctionCall<'_>, signature: Option<String>, out: &mut Vec<Event>) {
        let name = call.name.0.filter(|name| !name.is_empty());
        let (pieces, goes_on) = (call.partial_args.0, call.will_continue.0 == Some(true));
        if name.is_some() {
            self.end_partial(out);
        }
        if let (Some(name), false) = (&name, pieces.is_empty() && !goes_on) {
            self.partial = Some(PartialCall::new(call.id.0.clone(), name.clone()));
        }
        if let Some(partial) = &mut self.partial {
            partial.signature = partial.signature.take().or(signature);
            pieces.iter().for_each(|piece| partial.add(piece));
            if !goes_on {
                self.end_partial(out);
            }
            return;
        }
        if let Some(name) = name {
            self.whole(call.id.0, name, call.args.map_or("{}", |args| args.get()), signature, out);
        }
    }

    fn end_partial(&mut self, out: &mut Vec<Event>) {
        if let Some(partial) = self.partial.take() {
            let arguments = partial.arguments();
            self.whole(partial.id, partial.name, &arguments, partial.signature, out);
        }
    }

    fn whole(
        &mut self,
        id: Option<String>,
        name: String,
        arguments: &str,
        signature: Option<String>,
        out: &mut Vec<Event>,
    ) {
        let made = || format!("call_{}_{}", self.stamp.id, self.calls);
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(made);
        self.calls += 1;
        let key = self.lanes.call(id, name, arguments, out);
        out.extend(signature.map(|data| signed(key, data)));
        out.push(Event::PartEnd { key });
    }
}

impl DecodeEvents for Decoder {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) {
        match read(frame.data) {
            Ok(answer) => self.answer(answer, out),
            Err(failure) => out.push(Event::Fail(failure)),
        }
    }
}

fn signed(key: PartKey, data: String) -> Event {
    let continuation = Continuation { origin: HERE, kind: ContinuationKind::Signature, data };
    Event::Delta { key, delta: Delta::Continuation(continuation) }
}

fn read(data: &[u8]) -> Result<Answer<'_>, Failure> {
    let carried = || serde_json::from_slice(data).ok().as_ref().and_then(in_band);
    match serde_json::from_slice::<Answer<'_>>(data) {
        Ok(answer) if answer.error.0 => {
            Err(carried().unwrap_or_else(|| bad_answer("an error without a message")))
        }
        Ok(answer) => Ok(answer),
        Err(error) => Err(carried().unwrap_or_else(|| bad_answer(error))),
    }
}

/// What a finish reason means; `None` = the answer failed. An answer that has already called its tools is worth
/// more to its reader than the complaint that it should not have.
fn stop_kind(reason: &str, spoke: bool, called: bool) -> Option<StopKind> {
    match reason {
        "MAX_TOKENS" => Some(StopKind::Length),
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Some(StopKind::Filter),
        "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => called.then_some(StopKind::Tool),
        "MALFORMED_FUNCTION_CALL" | "MALFORMED_RESPONSE" | "MISSING_THOUGHT_SIGNATURE" => None,
        "OTHER" => spoke.then_some(StopKind::Stop),
        _ => Some(StopKind::Stop),
    }
}
