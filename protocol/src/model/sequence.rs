//! All the law of a stream in one place: whatever a decoder yields, what comes out is
//! `Start (PartStart Delta* PartEnd)* (Finish | Fail)`, once.
//!
//! Owns: opening and closing parts, keeping interleaved parts apart, merging usage, the end. Never: knows a dialect.

use super::{
    ChatResponse, Delta, Event, Failure, FailureKind, Part, PartHead, PartKey, Reasoning, Start, StopKind,
    StopReason, TextPart, Token, ToolCall, Usage,
};
use std::collections::VecDeque;

/// Bytes of later parts that may wait for an earlier one to close.
const HELD_LIMIT: usize = 16 * 1024 * 1024;

/// What one answer may say in all: clients exist whose last event repeats it whole.
const SAID_LIMIT: usize = 128 * 1024 * 1024;

/// Parts of one answer, and tool calls that a decoder follows.
pub(crate) const PARTS_LIMIT: usize = 4096;

/// Sources of one answer that are told.
pub(crate) const CITATIONS_LIMIT: usize = 512;

/// Turns sloppy events into the grammar. After `Finish` or `Fail` it yields nothing more.
#[derive(Debug, Default)]
pub struct Sequencer {
    state: State,
    start: Start,
    started: bool,
    /// Parts in the order of their first event; the first one may be open.
    parts: VecDeque<Waiting>,
    /// Parts already closed: their keys take no more events.
    closed: Vec<PartKey>,
    /// The next key of the output.
    next: PartKey,
    held: usize,
    said: usize,
    stop: Option<StopReason>,
    /// The answer is complete unless another one follows.
    resting: bool,
    usage: Usage,
    called: bool,
    spoke: bool,
    cited: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Running,
    Over,
}

/// A part that is open or waits for its turn.
#[derive(Debug)]
struct Waiting {
    key: PartKey,
    head: PartHead,
    /// The key it has in the output, once it is open.
    out: Option<PartKey>,
    held: Vec<Delta>,
    ended: bool,
    arguments: Balance,
}

impl Sequencer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one decoder event.
    pub fn event(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.state == State::Over {
            return;
        }
        match event {
            Event::Start(start) => self.begin(start),
            Event::PartStart { key, head } => self.part_start(key, head, out),
            Event::Delta { key, delta } => self.delta(key, delta, out),
            Event::PartEnd { key } => self.part_end(key, out),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Finish { stop, usage } => {
                self.usage.merge(usage);
                self.stop.get_or_insert(stop);
            }
            Event::Complete => self.resting = true,
            Event::End => self.finish(Ending::Terminated, out),
            Event::Fail(failure) => self.fail(failure, out),
        }
    }

    /// The upstream's bytes are over.
    pub fn end(&mut self, out: &mut Vec<Event>) {
        self.finish(Ending::Closed, out);
    }

    /// Everything known of the counts so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The upstream's word for why it stopped, if it came.
    pub fn stop(&self) -> Option<&StopReason> {
        self.stop.as_ref()
    }

    /// The stream has ended, well or not.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Nothing is missing; only another answer could still follow.
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    fn begin(&mut self, start: Start) {
        // Another answer on the same stream: its parts go on behind the first one's, and its end is the end.
        if std::mem::take(&mut self.resting) {
            self.stop = None;
        }
        self.usage.merge(start.usage);
        let known = &mut self.start;
        known.id = known.id.take().or(start.id);
        known.model = known.model.take().or(start.model);
        known.created = known.created.or(start.created);
    }

    fn emit_start(&mut self, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            out.push(Event::Start(Start { usage: self.usage, ..self.start.clone() }));
        }
    }

    fn part_start(&mut self, key: PartKey, head: PartHead, out: &mut Vec<Event>) {
        if self.parts.iter().any(|part| part.key == key) {
            return;
        }
        if self.next as usize + self.parts.len() >= PARTS_LIMIT {
            return self.fail(too_much("more parts than a client could tell apart"), out);
        }
        self.closed.retain(|closed| *closed != key);
        self.said += head.len();
        if self.said > SAID_LIMIT {
            return self.fail(too_much("more than 128 MiB"), out);
        }
        self.parts.push_back(Waiting {
            key,
            head,
            out: None,
            held: Vec::new(),
            ended: false,
            arguments: Balance::default(),
        });
        self.advance(out);
    }

    fn delta(&mut self, key: PartKey, delta: Delta, out: &mut Vec<Event>) {
        if self.closed.contains(&key) {
            return;
        }
        if !self.parts.iter().any(|part| part.key == key) {
            match &delta {
                Delta::Text(_) => self.part_start(key, PartHead::Text, out),
                Delta::Arguments(_) | Delta::Continuation(_) | Delta::Tokens(_) | Delta::Citation(_) => {
                    return;
                }
            }
        }
        let Some(part) = self.parts.iter_mut().find(|part| part.key == key) else { return };
        if !delta.fits(&part.head) {
            return;
        }
        if matches!(delta, Delta::Citation(_)) {
            self.cited += 1;
            if self.cited > CITATIONS_LIMIT {
                return;
            }
        }
        self.said += delta.len();
        if let Delta::Arguments(text) = &delta {
            part.arguments.read(text);
        }
        match part.out {
            Some(open) => {
                self.spoke = true;
                out.push(Event::Delta { key: open, delta });
            }
            None => {
                self.held += delta.len();
                part.held.push(delta);
            }
        }
        if self.held > HELD_LIMIT {
            self.fail(too_much("interleaved parts of more than 16 MiB"), out);
        } else if self.said > SAID_LIMIT {
            self.fail(too_much("more than 128 MiB"), out);
        }
    }

    fn part_end(&mut self, key: PartKey, out: &mut Vec<Event>) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.key == key) {
            part.ended = true;
            self.advance(out);
        }
    }

    /// Closes what is over and opens what comes next.
    fn advance(&mut self, out: &mut Vec<Event>) {
        self.emit_start(out);
        loop {
            let more = self.parts.len() > 1;
            let Some(first) = self.parts.front_mut() else { return };
            if first.out.is_none() {
                let key = self.next;
                self.next += 1;
                first.out = Some(key);
                self.called |= matches!(first.head, PartHead::ToolCall { .. });
                self.spoke |= first.head.speaks();
                out.push(Event::PartStart { key, head: first.head.clone() });
                for delta in first.held.drain(..) {
                    self.spoke = true;
                    self.held -= delta.len();
                    out.push(Event::Delta { key, delta });
                }
            }
            if !(first.ended || more && first.may_close()) {
                return;
            }
            self.close_first(out);
        }
    }

    fn close_first(&mut self, out: &mut Vec<Event>) {
        if let Some(part) = self.parts.pop_front() {
            self.closed.push(part.key);
            if let Some(key) = part.out {
                out.push(Event::PartEnd { key });
            }
        }
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<Event>) {
        if self.state == State::Over {
            return;
        }
        let stop = match (self.stop.take(), ending) {
            (Some(stop), _) => stop,
            (None, Ending::Terminated) if self.spoke => StopReason::default(),
            (None, Ending::Terminated) => {
                return self.fail(interrupted("the provider's stream was empty"), out);
            }
            (None, Ending::Closed) => return self.fail(interrupted("the provider's stream broke off"), out),
        };
        self.emit_start(out);
        while !self.parts.is_empty() {
            self.parts.iter_mut().for_each(|part| part.ended = true);
            self.advance(out);
        }
        self.state = State::Over;
        let kind = match stop.kind {
            StopKind::Stop if self.called => StopKind::Tool,
            kind => kind,
        };
        self.stop = Some(StopReason { kind, ..stop.clone() });
        out.push(Event::Finish { stop: StopReason { kind, ..stop }, usage: self.usage });
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.state = State::Over;
        out.push(Event::Fail(failure));
    }
}

impl Waiting {
    /// Another part waits: may this one be closed without the decoder having said so? A tool call only when its
    /// arguments are complete, because parallel calls may interleave.
    fn may_close(&self) -> bool {
        match self.head {
            PartHead::ToolCall { .. } => self.arguments.is_complete(),
            PartHead::Text
            | PartHead::Reasoning
            | PartHead::Refusal
            | PartHead::Media(_)
            | PartHead::Opaque(_) => true,
        }
    }
}

impl PartHead {
    /// The head alone says something already.
    fn speaks(&self) -> bool {
        matches!(self, Self::ToolCall { .. } | Self::Media(_) | Self::Opaque(_))
    }

    fn len(&self) -> usize {
        match self {
            Self::Media(media) => media.source.len(),
            Self::Opaque(opaque) => opaque.raw.as_str().len(),
            Self::ToolCall { id, name } => id.len() + name.len(),
            Self::Text | Self::Reasoning | Self::Refusal => 0,
        }
    }
}

impl Delta {
    /// A part of this kind can grow by this.
    fn fits(&self, head: &PartHead) -> bool {
        matches!(
            (head, self),
            (PartHead::Text | PartHead::Refusal | PartHead::Reasoning, Self::Text(_))
                | (PartHead::ToolCall { .. }, Self::Arguments(_))
                | (PartHead::Reasoning | PartHead::ToolCall { .. }, Self::Continuation(_))
                | (PartHead::Text, Self::Tokens(_) | Self::Citation(_))
        )
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Arguments(text) => text.len(),
            Self::Continuation(continuation) => continuation.data.len(),
            Self::Tokens(tokens) => tokens.iter().map(Token::len).sum(),
            Self::Citation(citation) => citation.len(),
        }
    }
}

fn too_much(what: &str) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("the provider's answer has {what}"))
}

fn interrupted(message: &str) -> Failure {
    Failure::new(FailureKind::Interrupted, message)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The dialect's own terminator came.
    Terminated,
    /// Only the bytes ended.
    Closed,
}

/// Follows the brackets of a JSON text that arrives in pieces.
#[derive(Debug, Default)]
struct Balance {
    depth: u32,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match (self.in_string, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                (true, b'"') => self.in_string = false,
                (true, _) => {}
                (false, b'"') => self.in_string = true,
                (false, b'{' | b'[') => (self.depth, self.begun) = (self.depth + 1, true),
                (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                (false, _) => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}

/// The answer that a whole stream of sequenced events means; the failure, if it ended in one.
pub fn fold(events: impl IntoIterator<Item = Event>) -> Result<ChatResponse, Failure> {
    let mut answer = ChatResponse::default();
    for event in events {
        match event {
            Event::Start(start) => {
                (answer.id, answer.model, answer.created) = (start.id, start.model, start.created);
            }
            Event::PartStart { head, .. } => answer.parts.push(part_of(head)),
            Event::Delta { delta: Delta::Tokens(tokens), .. } => answer.tokens.extend(tokens),
            Event::Delta { delta: Delta::Citation(found), .. } => {
                answer.citations.push((answer.parts.len().saturating_sub(1), found));
            }
            Event::Delta { delta, .. } => {
                if let Some(part) = answer.parts.last_mut() {
                    append(part, delta);
                }
            }
            Event::Finish { stop, usage } => (answer.stop, answer.usage) = (stop, usage),
            Event::Fail(failure) => return Err(failure),
            Event::PartEnd { .. } | Event::Usage(_) | Event::Complete | Event::End => {}
        }
    }
    Ok(answer)
}

fn part_of(head: PartHead) -> Part {
    match head {
        PartHead::Text => Part::text(""),
        PartHead::Reasoning => Part::Reasoning(Reasoning::default()),
        PartHead::Refusal => Part::Refusal(String::new()),
        PartHead::ToolCall { id, name } => Part::ToolCall(ToolCall {
            id,
            name,
            arguments: String::new(),
            continuation: None,
            extras: super::Extras::default(),
        }),
        PartHead::Media(media) => Part::Media(media),
        PartHead::Opaque(opaque) => Part::Opaque(opaque),
    }
}

fn append(part: &mut Part, delta: Delta) {
    match (part, delta) {
        (Part::Text(TextPart { text, .. }) | Part::Refusal(text), Delta::Text(more)) => text.push_str(&more),
        (Part::Reasoning(reasoning), Delta::Text(more)) => reasoning.text.push_str(&more),
        (Part::Reasoning(reasoning), Delta::Continuation(found)) => reasoning.continuation = Some(found),
        (Part::ToolCall(call), Delta::Arguments(more)) => call.arguments.push_str(&more),
        (Part::ToolCall(call), Delta::Continuation(found)) => call.continuation = Some(found),
        // The sequencer lets no other pairs pass.
        _ => {}
    }
}

#[cfg(test)]
mod tests;
