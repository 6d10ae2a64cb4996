//! From the client's dialect to the endpoint's and back: the request decoded, adapted and encoded; the answer read
//! as events and written anew, whichever of the two sides streams.
//!
//! Owns: what is lost on the way. Never: touches a network, decides which endpoint.

use crate::adapt::{self, Profile};
use crate::continuation::Half;
use crate::plan::Transport;
use protocol::dialect::{
    ChoicesTranslation, Dialect, EventReader, Operation, Quirks, ReplyStyle, RequestHead, Stamp,
    StreamTranslation, Unsaid, UsageInStream, choices, embed,
};
use protocol::ipc::call::{CallHead, ReplyHead};
use protocol::ipc::configure::ModelFacts;
use protocol::model::{
    ChatRequest, Event, Failure, FailureKind, Loss, LossReason, Losses, Role, Start, StopKind, StopReason,
    Usage,
};
use std::sync::Arc;

/// A document up to this size is translated.
const MAX_DOCUMENT: usize = 128 * 1024 * 1024;

/// Client headers that mean something to whatever dialect is spoken upstream.
const TRAVEL: [&str; 4] = ["user-agent", "idempotency-key", "traceparent", "tracestate"];
/// Headers of an answer that speak of the bytes it came in.
const OF_THE_BYTES: [&str; 4] =
    ["content-type", "content-encoding", "content-disposition", "content-language"];

/// Both sides of one translation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair<'a> {
    pub(crate) target: Dialect,
    pub(crate) upstream: Transport,
    pub(crate) quirks: &'a Arc<Quirks>,
    pub(crate) facts: &'a ModelFacts,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// A request in the endpoint's dialect, and the way back.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The client's head as if it had asked in the endpoint's dialect.
    pub(crate) head: CallHead,
    pub(crate) body: Vec<u8>,
    pub(crate) back: Translator,
}

/// Says a conversation's request in the endpoint's dialect.
///
/// # Errors
/// [`FailureKind::InvalidRequest`] when the body cannot be read; [`FailureKind::Unsupported`] when it asks for
/// what cannot be left out, or, in strict mode, for anything that would be lost.
pub(crate) fn request(head: &CallHead, body: &[u8], pair: &Pair<'_>) -> Result<Asked, Failure> {
    let stream = pair.upstream == Transport::Stream;
    let asked = RequestHead { operation: head.operation, model: &head.model, stream };
    let request = head.dialect.decode_request(body, &asked)?;
    talk(head, request, Losses::default(), pair, None)
}

/// What a codec may not invent itself, for one call.
pub(crate) fn stamp(head: &CallHead, pair: &Pair<'_>) -> Stamp {
    Stamp {
        id: head.call_id.chars().filter(char::is_ascii_alphanumeric).collect(),
        created: pair.now,
        model: head.model.clone(),
    }
}

/// A request that was read, said in the endpoint's dialect; its answer may be the second half of one.
pub(crate) fn talk(
    head: &CallHead,
    mut request: ChatRequest,
    mut losses: Losses,
    pair: &Pair<'_>,
    half: Option<Half>,
) -> Result<Asked, Failure> {
    let stream = pair.upstream == Transport::Stream;
    let words = Words::of(head.dialect, &request);
    let shown = if head.wants_usage { UsageInStream::Shown } else { UsageInStream::Hidden };
    let profile = Profile { target: pair.target, quirks: pair.quirks, facts: pair.facts };
    adapt::adapt(&mut request, &profile, &mut losses).map_err(|failure| words.failure(failure))?;
    let style = ReplyStyle::of(&request, head.operation, shown);
    let encoded =
        pair.target.encode_request(request, pair.quirks).map_err(|failure| words.failure(failure))?;
    let all = losses.into_vec().into_iter().chain(encoded.losses);
    let losses = told(head, all, |field| words.field(field))?;
    let way = Way {
        from: pair.target,
        to: head.dialect,
        stamp: stamp(head, pair),
        quirks: Arc::clone(pair.quirks),
    };
    let reply = if head.stream { Transport::Stream } else { Transport::Document };
    let mut back = Translator::new(Job::Talk { way, style, reply }, losses);
    back.half = half;
    Ok(Asked {
        head: upstream_head(head, pair.target, Operation::Chat, stream, encoded.body.len()),
        body: encoded.body,
        back,
    })
}

/// The same request in its own dialect, without what only we can have written into it; the head that fits it, and
/// what was left out.
///
/// # Errors
/// As [`request`].
pub(crate) fn without_marks(
    head: &CallHead,
    body: &[u8],
    quirks: &Quirks,
) -> Result<(CallHead, Vec<u8>, Vec<Loss>), Failure> {
    let asked = RequestHead { operation: head.operation, model: &head.model, stream: head.stream };
    let request = head.dialect.decode_request(body, &asked)?;
    let words = Words::of(head.dialect, &request);
    let encoded = head.dialect.encode_request(request, quirks)?;
    let losses = told(head, encoded.losses, |field| words.field(field))?;
    let mut head = head.clone();
    (head.model_span, head.usage_edit, head.body_len) = (None, None, encoded.body.len() as u64);
    Ok((head, encoded.body, losses))
}

/// How the client spells what the passes and the codecs speak of.
struct Words {
    client: Dialect,
    /// The field that became the first message.
    system: Option<&'static str>,
}

impl Words {
    fn of(client: Dialect, request: &ChatRequest) -> Self {
        let leads = request.messages.first().is_some_and(|message| message.role == Role::System);
        Self { client, system: client.system_field().filter(|_| leads) }
    }

    fn field(&self, field: &str) -> String {
        self.client.spelled(field, self.system)
    }

    fn failure(&self, failure: Failure) -> Failure {
        let param = failure.param.as_deref().map(|param| self.field(param));
        Failure { param, ..failure }
    }
}

/// What is lost, as the client is told. Strict apps are refused, but not for what had to be invented, which is no loss
/// of anything that was said, and not for hints.
pub(crate) fn told(
    head: &CallHead,
    losses: impl IntoIterator<Item = Loss>,
    spelled: impl Fn(&str) -> String,
) -> Result<Vec<Loss>, Failure> {
    let mut told = Losses::default();
    for Loss { field, reason } in losses {
        let spelled = spelled(&field);
        if head.strict && reason != LossReason::Invented && !head.dialect.is_hint(&field) {
            let message = format!("`{spelled}` cannot be said to this provider, and this app is strict");
            return Err(Failure::new(FailureKind::Unsupported, message).with_param(spelled));
        }
        told.add(spelled, reason);
    }
    Ok(told.into_vec())
}

/// Says a request for embeddings in the endpoint's dialect.
///
/// # Errors
/// As [`request`].
pub(crate) fn embeddings(head: &CallHead, body: &[u8], target: Dialect) -> Result<Asked, Failure> {
    let request = embed::decode_request(head.dialect, &head.path, body)?;
    let encoded = embed::encode_request(target, &head.model, &request)?;
    let losses = told(head, encoded.losses, str::to_owned)?;
    let mut upstream = upstream_head(head, target, Operation::Embed, false, encoded.body.len());
    encoded.path.clone_into(&mut upstream.path);
    let job = Job::Embed {
        from: target,
        to: head.dialect,
        style: request.style(head.dialect, &head.path, &head.model),
    };
    Ok(Asked { head: upstream, body: encoded.body, back: Translator::new(job, losses) })
}

fn upstream_head(
    head: &CallHead,
    dialect: Dialect,
    operation: Operation,
    stream: bool,
    body_len: usize,
) -> CallHead {
    let travels = |name: &str| TRAVEL.contains(&name) || dialect == head.dialect && name != "content-type";
    let mut headers: Vec<(String, String)> =
        head.headers.iter().filter(|(name, _)| travels(name)).cloned().collect();
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    CallHead {
        dialect,
        operation,
        method: "POST".to_owned(),
        path: String::new(),
        headers,
        model_span: None,
        usage_edit: None,
        stream,
        body_len: body_len as u64,
        ..head.clone()
    }
}

/// From where to where, and with what names.
#[derive(Debug)]
struct Way {
    from: Dialect,
    to: Dialect,
    stamp: Stamp,
    quirks: Arc<Quirks>,
}

#[derive(Debug)]
enum Job {
    Talk { way: Way, style: ReplyStyle, reply: Transport },
    Embed { from: Dialect, to: Dialect, style: embed::Style },
}

/// The answer's way back.
pub(crate) struct Translator {
    job: Job,
    losses: Vec<Loss>,
    state: State,
    usage: Usage,
    stop: Option<String>,
    content: bool,
    /// The answer goes on with another one, until its head is there.
    half: Option<Half>,
    /// Some of what it consumed was estimated.
    estimated: bool,
}

impl std::fmt::Debug for Translator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Translator").field("job", &self.job).field("losses", &self.losses).finish()
    }
}

enum State {
    /// Stream in, stream out.
    Stream(Box<StreamTranslation>),
    /// The same of several answers.
    Choices(Box<ChoicesTranslation>),
    /// Stream in, document out: the fold of each answer.
    Fold(Vec<(EventReader, Vec<Event>)>),
    /// Document in.
    Document(Vec<u8>),
}

impl Translator {
    fn new(job: Job, losses: Vec<Loss>) -> Self {
        let state = State::Document(Vec::new());
        let usage = Usage::default();
        Self { job, losses, state, usage, stop: None, content: false, half: None, estimated: false }
    }

    /// The head for the client, from the upstream's. Settles what the upstream's framing makes of the rest.
    pub(crate) fn head(&mut self, upstream: &ReplyHead) -> ReplyHead {
        let streams = upstream.stream;
        let mut headers = upstream.headers.clone();
        headers.retain(|(name, _)| !OF_THE_BYTES.contains(&name.as_str()));
        let mut stream = false;
        let mut content_type = "application/json";
        if let Job::Talk { way, style, reply } = &self.job {
            stream = *reply == Transport::Stream;
            if stream {
                content_type = way.to.stream_content_type();
            }
            let half = if streams && stream { self.half.take() } else { None };
            self.estimated = half.is_some();
            self.state = match (streams, stream) {
                (true, true) if style.choices > 1 => State::Choices(Box::new(way.choices(style))),
                (true, true) => State::Stream(Box::new(stream_of(way, style, half))),
                (true, false) => {
                    let reader = |choice| EventReader::of_choice(way.from, &way.stamp, &way.quirks, choice);
                    State::Fold((0..style.choices).map(|choice| (reader(choice), Vec::new())).collect())
                }
                (false, _) => State::Document(Vec::new()),
            };
        }
        headers.push(("content-type".to_owned(), content_type.to_owned()));
        ReplyHead { status: 200, headers, stream, losses: std::mem::take(&mut self.losses) }
    }

    /// Takes upstream bytes and appends client bytes. An error is the end: what was appended before it stands.
    pub(crate) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        match &mut self.state {
            State::Stream(stream) => {
                let pushed = stream.push(chunk, out);
                self.content = stream.content_seen();
                pushed
            }
            State::Choices(stream) => {
                let pushed = stream.push(chunk, out);
                self.content = stream.content_seen();
                pushed
            }
            State::Fold(answers) => {
                answers.iter_mut().try_for_each(|(reader, events)| reader.push(chunk, events))
            }
            State::Document(document) => {
                if document.len() + chunk.len() > MAX_DOCUMENT {
                    let message = "the provider's answer is larger than what is translated";
                    return Err(Failure::new(FailureKind::BadAnswer, message));
                }
                document.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    /// After the last upstream byte.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if let State::Stream(stream) = &mut self.state {
            let finished = stream.finish(out);
            self.content = stream.content_seen();
            return finished;
        }
        if let State::Choices(stream) = &mut self.state {
            let finished = stream.finish(out);
            self.content = stream.content_seen();
            return finished;
        }
        let state = std::mem::replace(&mut self.state, State::Document(Vec::new()));
        let written = match (&self.job, state) {
            (Job::Embed { from, to, style }, State::Document(document)) => {
                let answer = embed::decode_response(*from, &document)?;
                self.usage = answer.usage;
                embed::encode_response(*to, &answer, style)?
            }
            (Job::Talk { .. }, State::Document(_)) if self.half.is_some() => {
                let message = "the provider answers with a document where a stream goes on";
                return Err(Failure::new(FailureKind::BadAnswer, message));
            }
            (Job::Talk { way, style, .. }, State::Document(document)) if style.choices > 1 => {
                let Way { from, stamp, quirks, .. } = way;
                let read = choices::documents(*from, &document, stamp, quirks, style.choices);
                self.written(read.or_else(|failure| filtered(failure).map(|events| vec![events]))?)?
            }
            (Job::Talk { way, .. }, State::Document(document)) => {
                let read = way.from.decode_document(&document, &way.stamp, &way.quirks);
                self.written(vec![read.or_else(filtered)?])?
            }
            (Job::Talk { .. }, State::Fold(answers)) => {
                let finished = answers.into_iter().map(|(mut reader, mut events)| {
                    reader.finish(&mut events);
                    self.usage.merge(reader.usage());
                    events
                });
                let all = finished.collect();
                self.written(choices::present(all)?)?
            }
            (_, State::Stream(_) | State::Choices(_) | State::Fold(_)) => Vec::new(),
        };
        self.content = true;
        out.extend_from_slice(&written);
        Ok(())
    }

    /// Whole answers as the client wants them.
    fn written(&mut self, mut answers: Vec<Vec<Event>>) -> Result<Vec<u8>, Failure> {
        let Job::Talk { way, style, reply } = &self.job else { return Ok(Vec::new()) };
        let mut unsaid = Unsaid::new(way.to, style.operation);
        for event in answers.iter_mut().flatten() {
            style.restore(event);
            unsaid.event(event);
        }
        self.losses = unsaid.take();
        for event in answers.iter().rev().flatten() {
            match event {
                Event::Fail(failure) => return Err(failure.clone()),
                Event::Finish { stop, usage } => {
                    (self.usage, self.stop) = (*usage, stop.raw.clone());
                }
                Event::Start(_)
                | Event::PartStart { .. }
                | Event::Delta { .. }
                | Event::PartEnd { .. }
                | Event::Usage(_)
                | Event::Complete
                | Event::End => {}
            }
        }
        match reply {
            Transport::Document => choices::write_whole(way.to, answers, &way.stamp, style),
            Transport::Stream => Ok(choices::write_stream(way.to, &answers, &way.stamp, style)),
        }
    }

    /// The client gets a document: its head waits until it is known what is in it.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.state, State::Stream(_) | State::Choices(_))
    }

    /// What of the answer the client's dialect has no word for.
    pub(crate) fn unsaid(&mut self) -> Vec<Loss> {
        match &mut self.state {
            State::Stream(stream) => stream.unsaid(),
            State::Choices(stream) => stream.unsaid(),
            State::Fold(_) | State::Document(_) => std::mem::take(&mut self.losses),
        }
    }

    /// The client speaks another dialect than the upstream.
    pub(crate) fn changes_dialect(&self) -> bool {
        match &self.job {
            Job::Talk { way, .. } => way.from != way.to,
            Job::Embed { from, to, .. } => from != to,
        }
    }

    /// Content has been written: the call is committed. A document commits when it is complete.
    pub(crate) fn content_seen(&self) -> bool {
        self.content
    }

    /// What was pushed is complete; what follows is of no interest.
    pub(crate) fn is_over(&self) -> bool {
        match &self.state {
            State::Stream(stream) => stream.is_over(),
            State::Choices(stream) => stream.is_over(),
            State::Fold(answers) => answers.iter().all(|(reader, _)| reader.is_over()),
            State::Document(_) => false,
        }
    }

    /// What was pushed is complete unless the upstream goes on with another answer.
    pub(crate) fn is_resting(&self) -> bool {
        match &self.state {
            State::Stream(stream) => stream.is_resting(),
            State::Fold(answers) => answers.iter().any(|(reader, _)| reader.is_resting()),
            State::Choices(_) | State::Document(_) => false,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        match &self.state {
            State::Stream(stream) => stream.usage(),
            State::Choices(stream) => stream.usage(),
            State::Fold(answers) => answers.first().map(|(reader, _)| reader.usage()).unwrap_or_default(),
            State::Document(_) => self.usage,
        }
    }

    /// Some of what was consumed is an estimate of ours.
    pub(crate) fn is_estimated(&self) -> bool {
        self.estimated
    }

    /// The upstream's stop reason, verbatim.
    pub(crate) fn stop_reason(&self) -> Option<&str> {
        match &self.state {
            State::Stream(stream) => stream.stop_reason(),
            State::Choices(stream) => stream.stop_reason(),
            State::Fold(answers) => answers.first().and_then(|(reader, _)| reader.stop_reason()),
            State::Document(_) => self.stop.as_deref(),
        }
    }
}

impl Way {
    fn choices(&self, style: &ReplyStyle) -> ChoicesTranslation {
        ChoicesTranslation::new(self.from, self.to, &self.stamp, &self.quirks, style)
    }
}

fn stream_of(way: &Way, style: &ReplyStyle, half: Option<Half>) -> StreamTranslation {
    let Way { from, to, stamp, quirks } = way;
    match half {
        None => StreamTranslation::new(*from, *to, stamp, quirks, style),
        Some(Half { resumed, by, before }) => {
            StreamTranslation::continued(*from, stamp, quirks, style, resumed, (&by, before))
        }
    }
}

/// A filter's refusal that comes as a success (status 200) is an answer: every dialect has a stop reason for it.
fn filtered(failure: Failure) -> Result<Vec<Event>, Failure> {
    if failure.kind != FailureKind::ContentFiltered {
        return Err(failure);
    }
    let stop = StopReason::new(StopKind::Filter, failure.code.as_deref());
    Ok(vec![Event::Start(Start::default()), Event::Finish { stop, usage: Usage::default() }])
}

#[cfg(test)]
#[path = "translate/cost.rs"]
mod cost;
#[cfg(test)]
#[path = "translate/tests.rs"]
mod tests;
